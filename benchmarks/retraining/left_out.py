"""What the ways chose: how many different contents, what part of their occurrences, how early, how much in common with BM25.

A content that occurs often in training is only gone when all its occurrences are.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from benchmarks.page import table
from benchmarks.retraining.chosen import NAMES, Chosen
from seenat.memorization.pocket.config import POCKET

__all__ = ["left_out"]

_HEADS = ("left out by", "different contents", "% of their occurrences", "median batch", "also by BM25")


def left_out(chosen: Sequence[Chosen], rows: npt.NDArray[np.int64], ways: Sequence[str]) -> str:
    """A table of what each way chose of `rows`, all that is trained on, for a query: medians over queries, and ranges."""
    of_bm25 = {it.query: set(it.sequences) for it in chosen if it.way == "bm25"}
    _, content, times = np.unique(rows, axis=0, return_inverse=True, return_counts=True)
    lines = []
    for way in ways:
        sets = [it for it in chosen if it.way == way and it.query in of_bm25]
        if sets:
            contents = [np.unique(content.ravel()[it.sequences]) for it in sets]
            parts = [100 * len(it.sequences) / times[of].sum() for it, of in zip(sets, contents, strict=True)]
            batches = [float(np.median(it.sequences)) // POCKET.sequences_per_batch for it in sets]
            common = [len(of_bm25[it.query].intersection(it.sequences)) for it in sets]
            cells = ([len(of) for of in contents], parts, batches, common)
            lines.append((NAMES[way], *(_spread(values) for values in cells)))
    return f"What is left out for a query, median over queries and range:\n\n{table(_HEADS, lines)}"


def _spread(values: Sequence[float]) -> str:
    return f"{np.median(values):.3g} ({min(values):.3g} to {max(values):.3g})"
