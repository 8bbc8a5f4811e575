"""Whether sequences trained on later are known better: rank correlation of a quantity with the place in the order.

It is Spearman's, over the sequences that each checkpoint had seen. Of more than 131,072 sequences, every second is taken, or every fourth, and
so on, until no more are left: its standard error, 1 / sqrt(n - 1) where nothing depends, is then 0.004 or less.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from seenat.memorization.studies.inputs.panels import Panel
from seenat.memorization.studies.inputs.quantities import Floats
from seenat.memorization.studies.inputs.study_data import StudyData
from seenat.registry.orders.duplicate_sequences import Indices

__all__ = ["MOST_RANKED", "order_correlations", "spearman"]

# Sequences over which a correlation is taken, at most. At half as many its standard error is 0.004 already.
MOST_RANKED = 1 << 17


def order_correlations(
    data: StudyData, panels: Iterable[Panel], *, most: int = MOST_RANKED
) -> list[tuple[float | None, int]]:
    """For each measured checkpoint, ascending by step: the correlation, and over how many sequences, at most `most`."""
    sequences, values = _evenly_chosen(panels, len(data.steps), most)
    correlations = []
    for step, row in zip(data.steps, values, strict=True):
        seen = (sequences < data.seen(step).stop) & ~np.isnan(row)
        correlations.append((spearman(sequences[seen], row[seen]), int(seen.sum())))
    return correlations


def spearman(first: Indices | Floats, second: Floats) -> float | None:
    """The rank correlation of two arrays, `[n]`; None where n < 3 or one of them does not vary."""
    if len(first) < 3:
        return None
    ranks = np.stack([_ranks(first), _ranks(second)])
    ranks -= ranks.mean(axis=1, keepdims=True)
    scale = float(np.sqrt((ranks[0] ** 2).sum() * (ranks[1] ** 2).sum()))
    return float(ranks[0] @ ranks[1]) / scale if scale else None


def _evenly_chosen(panels: Iterable[Panel], checkpoints: int, most: int) -> tuple[Indices, Floats]:
    sequences, values = np.zeros(0, np.int64), np.zeros((checkpoints, 0))
    every, passed = 1, 0
    for panel in panels:
        chosen = slice(-passed % every, None, every)
        passed += len(panel.sequences)
        sequences = np.concatenate([sequences, panel.sequences[chosen]])
        values = np.concatenate([values, panel.values[:, chosen]], axis=1)
        # Each halving drops every second sequence, so those that are left stay evenly spaced.
        while len(sequences) > most:
            sequences, values, every = sequences[::2], values[:, ::2], 2 * every
    return sequences, values


def _ranks(values: Indices | Floats) -> Floats:
    """From 0; equal values share the mean of their places."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    middle = np.cumsum(counts) - (counts + 1) / 2
    ranks: Floats = middle[inverse]
    return ranks
