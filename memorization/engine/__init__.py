"""Measuring: from a model and the ids of many sequences to prefixes, scores or losses. All of this may import torch.

    scorer         JointScorer, Scorer: chooses the engine of a model and checks what goes in
    calibration    a second of it on random weights, to tell how fast it is here
    losses         the engines of the measure `loss`
    kernels/       parts that know no architecture: the output matrix, early exit, devices, threads, rounding
    neox/          GPT-NeoX by a forward pass of its own, and work only for what is undecided
    transformers/  every other causal language model, by transformers' forward pass; loading; the reference procedure

Imports: protocol <- kernels <- neox, transformers <- losses <- scorer <- calibration. `neox` and `transformers` do not know each other.
"""
