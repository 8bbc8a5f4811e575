"""What an order repeats: equal sequences and windows, equal ids at any offset, and sequences that are much alike.

Whole sequences and windows at fixed positions are compared by digests, which needs no index; ids at any offset are found
through the n-gram index. Repeats are always measured: that a step lies beyond the first pass over a corpus says nothing of
whether a sequence was seen before.

    answers           the answers, and what a row of each means
    places            batches and steps of sequences, and rows as columns
    digest_parts      digests of any number of sequences, in files, a part in memory at a time
    contents          equal sequences, and equal windows at the same positions
    indexes           the open index that serves a part of an order
    samples           sampled positions of an index whose following ids are equal
    agreement         how many ids agree at two places, forwards and backwards
    repeats           equal ids at any offset: maximal repeats
    alike             near duplicates of a sequence, by the n-grams they share
    exposures         which sequences hold what was memorized
    exposure_answers  how often each memorized sequence had been seen by its onset
    charts            charts of duplicates, repeats and exposures
"""
