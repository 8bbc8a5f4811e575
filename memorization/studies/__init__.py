"""Studies over results: the questions that papers ask of memorization, answered from what jobs have stored.

    reading        a model's committed values, a range of sequences at a time
    curves         share memorized, onsets, forgotten and relearned by step
    exposures      how often a content had been seen when it was memorized first
    batches        whether memorized sequences are spread over the order as a Poisson process would spread them
    distributions  the chi-square and Poisson distributions that this takes
    prediction     whether an earlier checkpoint or a smaller model tells what a model will have memorized
    sets           memorized by one model soon after it was seen, and never by another
    charts         one chart for each

Every study reads `prefix` values of present checkpoints block by block: its memory grows with a block and with what it
answers, not with the order; exposures alone take up to 80 bytes a sequence. Only *seen points* count, a sequence at a
checkpoint that had consumed it, so that models measured with `--unseen` and without are comparable. Nothing here loads
checkpoints.
"""
