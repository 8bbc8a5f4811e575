"""Sequences by cohort, with what is known of them at every measured checkpoint.

Measured checkpoints are numbered 0 to K - 1, ascending by step. A sequence's *cohort* is the first of them that had seen it: 0
to K - 1, or K where none had, or K + 1 where the run never reads it. So cohort g > 0 was trained on between checkpoints g - 1
and g.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from seenat.memorization.studies.inputs.quantities import Floats, Quantity
from seenat.memorization.studies.inputs.study_data import StudyData
from seenat.registry.orders.duplicate_sequences import Indices

__all__ = ["Panel", "panels"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """Some sequences at all measured checkpoints."""

    sequences: Indices
    """`[sequences]`, ascending."""
    cohorts: Indices
    """`[sequences]`."""
    values: Floats
    """`[checkpoints, sequences]`, NaN where not measured."""


def panels(data: StudyData, quantity: Quantity, chosen: npt.NDArray[np.bool_] | None = None) -> Iterator[Panel]:
    """What was measured anywhere, block by block; of all sequences, or of those `chosen`, `[sequences of the order]`."""
    model = data.model
    limits = np.array([data.seen(step).stop for step in data.steps], np.int64)
    trained = model.schedule.sequences_seen(model.schedule.steps).stop
    for sequences in data.ranges(model.order.sequences):
        values = data.values(quantity, sequences)
        takes_part = ~np.isnan(values).all(axis=0)
        if chosen is not None:
            takes_part &= chosen[sequences.start : sequences.stop]
        index = np.flatnonzero(takes_part).astype(np.int64) + sequences.start
        if len(index):
            cohorts = np.searchsorted(limits, index, side="right").astype(np.int64) + (index >= trained)
            yield Panel(sequences=index, cohorts=cohorts, values=values[:, takes_part])
