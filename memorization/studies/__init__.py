"""Studies over results: the questions that papers ask of memorization, answered from what jobs have stored.

    reading         a model's committed values, a range of sequences at a time
    curves          share memorized, onsets, forgotten and relearned by step
    exposures       how often a content had been seen when it was memorized first
    batches         whether memorized sequences are spread over the order as a Poisson process would spread them
    prediction      whether an earlier checkpoint or a smaller model tells what a model will have memorized
    sets            memorized by one model soon after it was seen, and never by another
    keeping         what a model kept of what it had memorized, and what it learned again
    counterfactual  what having been trained on a sequence did to how well it is known
    labels          whether a checkpoint behaves like the step that it is labelled with
    charts          one chart for each

What these take:

    contents        which sequences hold the same ids
    quantities      the number that is compared where means are: a log-likelihood, a prefix, memorized or not
    panels          sequences by cohort, with a quantity at every measured checkpoint
    differences     difference in differences
    boundaries      gaps between what was trained on just before a step and just after
    correlation     of a quantity with the place in the order
    distributions   chi-square, Poisson and Student

Every study reads the values of present checkpoints block by block: its memory grows with a block and with what it answers, not
with the order; what reads contents takes up to 80 bytes a sequence. Only *seen points* count, a sequence at a checkpoint that had
consumed it, so that models measured with `--unseen` and without are comparable; `counterfactual` and `labels` compare what was
seen with what was not. Nothing here loads checkpoints.
"""
