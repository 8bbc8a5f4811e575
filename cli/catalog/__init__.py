"""Commands about what the catalog holds.

models        models, model, step
checkpoints   checkpoints: a search over all of them
orders        batch, sequence
suites        register, demo
integrity     sync, audit, verify
evals         evals: benchmark results
"""
