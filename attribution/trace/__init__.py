"""Tracing: the verbatim spans of a text in an order, and every place where each stands.

A *match* is a diagonal of the text and a sequence (place in the sequence minus place in the text stays the same) with the
ids `[start, stop)` of the text, all equal, and unequal or at an end on both sides. A *span* is a match's `[start, stop)` that
lies within no other's; its *exposures* are the matches of just these ids. Nothing crosses the border of a sequence.

Every m consecutive ids of the text, an *m-gram* with m the shortest span asked for, hold anchors: positions that the index has
sampled wherever the m-gram stands. So reading the samples of one anchor of each m-gram, the rarest, finds all matches.

    parts     which index answers for which sequences; what is covered
    anchors   the anchors to read, a rarest one of each m-gram; the m-grams that are too frequent
    runs      one id many times in a row: one span, found by its beginnings in the order
    compare   how far text and order agree around some places
    matches   from anchors to matches: samples, then comparison with the order
    gaps      matches in which some ids differ
    spans     trace_spans: all of it, and the spans of matches
    rarity    how improbable a span is by the frequencies of its ids
    answers   what is told of a text
    trace     a text, or ids, to an answer
    page      an answer as an HTML page
    generate  what a checkpoint makes of a prompt, to be traced
"""
