"""Any causal language model of transformers.

engine         GenericEngine: prefixes and scores by the model's own forward pass
capabilities   what of a model can be used, tried on a few ids
rotary         where one pass and generating would rotate positions differently
configuration  a checkpoint's config.json, without what a stranger must not decide
loading        a checkpoint's files as a model, or an error
generation     what a model writes after some ids
reference      the published procedure, which tests and benchmarks compare with
"""
