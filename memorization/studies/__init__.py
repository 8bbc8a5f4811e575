"""Studies over results: the questions that papers ask of memorization, answered from what jobs have stored.

    forgetting      share memorized, onsets, forgotten and relearned, by step
    exposures       how often a content had been seen when it was memorized first
    dispersion      whether memorized sequences are spread over the order as a Poisson process would spread them
    prediction      whether an earlier checkpoint or a smaller model predicts what a model will have memorized
    set_difference  memorized by one model soon after it was seen, and never by another
    retention       what a model kept of what it had memorized, and what it learned again
    changes         what a checkpoint, or another model, has memorized that one before had not, and the other way round
    inputs/         what studies read: values block by block, quantities, panels of sequences
    effects/        what having been trained on a sequence did; whether a checkpoint behaves like its label

Charts of these are in `plots`. Every study reads the values of present checkpoints block by block: its memory grows with a
block and with its answer, not with the order; reading contents takes up to 80 bytes a sequence. Only *seen points* count, a
sequence at a checkpoint that had consumed it, so that models measured with `--unseen` and without are comparable; `effects`
compares seen sequences with unseen ones. Nothing here loads checkpoints.
"""
