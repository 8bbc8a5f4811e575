"""What the ways chose: how many different contents, how early in training, and how much of it in common with BM25.

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


def left_out(chosen: Sequence[Chosen], rows: npt.NDArray[np.int64], ways: Sequence[str]) -> str:
    """A table of what each way chose for a query: medians over queries, and their ranges."""
    of_bm25 = {it.query: set(it.sequences) for it in chosen if it.way == "bm25"}
    lines = []
    for way in ways:
        sets = [it for it in chosen if it.way == way and it.query in of_bm25]
        if sets:
            contents = [len(np.unique(rows[it.sequences], axis=0)) for it in sets]
            batches = [float(np.median(it.sequences)) // POCKET.sequences_per_batch for it in sets]
            common = [len(of_bm25[it.query].intersection(it.sequences)) for it in sets]
            lines.append((NAMES[way], _spread(contents), _spread(batches), _spread(common)))
    said = "What is left out for a query, median over queries and range:\n"
    return f"{said}\n{table(('left out by', 'different contents', 'median batch', 'also by BM25'), lines)}"


def _spread(values: Sequence[float]) -> str:
    return f"{np.median(values):g} ({min(values):g} to {max(values):g})"
