"""Substrings of decoded training text, cut at any character: each finds the sequence that it came from, or there is a reason.

`PYTHONPATH=tests:. python -m support.substrings 10000 CATALOG` looks for so many in the pocket suite of a catalog.
"""

from __future__ import annotations

import sys
from collections import Counter

import numpy as np

import seenat
from seenat.attribution.find.words import cut_ids
from seenat.registry.orders.text.detokenize import decode_ids
from seenat.registry.orders.text.encode import encode
from seenat.registry.orders.text.tokenizer import load_tokenizer

__all__ = ["check_substrings"]

ORDER = "pocket-order"


def check_substrings(catalog: seenat.Catalog, rows: np.ndarray, count: int, seed: int) -> Counter[str]:
    """Look for `count` substrings of one to 200 characters; returns how many were found, and why others were not."""
    random = np.random.default_rng(seed)
    tokenizer = load_tokenizer(catalog.order(ORDER).tokenizer, order=ORDER)
    texts = decode_ids(tokenizer, rows)
    chosen = random.integers(0, len(texts), count)
    cut = []
    for sequence in chosen:
        start = int(random.integers(0, len(texts[sequence])))
        cut.append(texts[sequence][start : start + int(random.integers(1, 200))])
    answers = catalog.find_all(cut, order=ORDER, limit=10_000)
    reasons: Counter[str] = Counter()
    for sequence, text, answer in zip(chosen.tolist(), cut, answers, strict=True):
        if any(exposure.sequence == sequence for exposure in answer.exposures):
            reasons["found"] += 1
        elif "\N{REPLACEMENT CHARACTER}" in text:
            reasons["cut within a character"] += 1
        elif not answer.within_words and len(set(encode(tokenizer, text).words)) < 3:
            reasons["no whole word"] += 1
        elif not answer.within_words and cut_ids(text, tokenizer.written_ids) != (0, 0):
            reasons["no whole word beside a cut <|endoftext|>"] += 1
        else:
            reasons[f"missed: {text!r} of sequence {sequence}"] += 1
    return reasons


if __name__ == "__main__":
    with seenat.open(sys.argv[2]) as opened:
        order = opened.order(ORDER)
        for reason, times in check_substrings(
            opened, order.source().tokens(order.sequences), int(sys.argv[1]), 11
        ).items():
            print(f"{times:6,}  {reason}")
