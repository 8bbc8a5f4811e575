"""Memorized by one model soon after it was seen, and never by another.

A sequence of batch b is seen by step b + 1. It is memorized *within n steps* when the first checkpoint at which it is
memorized, of those that had seen it, is at step b + 1 + n at most. For the other model there are three cases: the sequence
was never memorized at any measured checkpoint that had seen it, it was at one, or it was measured at none.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from seenat.memorization.labels.choose import Where
from seenat.memorization.queries.earlier import check_same_order
from seenat.memorization.studies.inputs.study_data import StudyAnswer, StudyData, open_study_data
from seenat.registry.catalog.catalog import Catalog
from seenat.registry.catalog.models import Model
from seenat.registry.units import SequenceRange

__all__ = ["SetDifference", "memorized_only_by"]

Indices = np.ndarray[tuple[int], np.dtype[np.int64]]


@dataclass(frozen=True, kw_only=True)
class SetDifference(StudyAnswer):
    """What one model memorized within some steps, by what another made of it."""

    within: int | None
    """Steps after a sequence was seen; None for any number."""
    other: str
    never: int
    also: int
    not_measured: int
    sequences: tuple[int, ...]
    """The first of those that the other model never memorized, ascending."""

    json_names = (
        "model",
        "order",
        "protocol",
        "adaptive",
        "within",
        "other",
        "memorized",
        "never",
        "also",
        "not_measured",
        "sequences",
    )

    @property
    def memorized(self) -> int:
        """All that the first model memorized within these steps."""
        return self.never + self.also + self.not_measured

    @property
    def soon(self) -> str:
        """Which model memorized it, and how soon, in words."""
        if self.within is None:
            return self.model
        return f"{self.model} within {self.within:,} step{'' if self.within == 1 else 's'}"


def memorized_only_by(
    catalog: Catalog,
    model: Model,
    other: Model,
    within: int | None = None,
    limit: int = 20,
    protocol: str | None = None,
    where: Where = None,
) -> SetDifference:
    """What `model` memorized within some steps of seeing it, or ever, and what `other` made of it.

    The first `limit` sequences that the other never memorized are listed. Raises `NotMeasured` for a model without results,
    `InvalidValue` for models of different orders.
    """
    check_same_order(model, other)
    first = open_study_data(catalog, model, protocol, where=where)
    second = open_study_data(catalog, other, first.protocol.id, where=where)
    never = also = not_measured = 0
    listed: list[int] = []
    for sequences in first.ranges(first.seen(first.steps[-1])):
        chosen = _memorized_within(first, sequences, within)
        points = second.points(sequences)
        measured, memorized = points.ever_measured[chosen], points.ever_memorized[chosen]
        not_measured += int((~measured).sum())
        also += int(memorized.sum())
        never_memorized = chosen[measured & ~memorized]
        never += len(never_memorized)
        listed += (never_memorized[: limit - len(listed)] + sequences.start).tolist()
    return SetDifference(
        **first.scope(second),
        within=within,
        other=other.name,
        never=never,
        also=also,
        not_measured=not_measured,
        sequences=tuple(listed),
    )


def _memorized_within(data: StudyData, sequences: SequenceRange, within: int | None) -> Indices:
    """Places in a range of the sequences memorized within that many steps, ascending."""
    points = data.points(sequences)
    places: Indices = np.flatnonzero(points.ever_memorized).astype(np.int64)
    if within is None:
        return places
    onset = np.array(data.steps, np.int64)[points.memorized[:, places].argmax(axis=0)]
    seen_by = (places + sequences.start) // data.model.schedule.sequences_per_batch + 1
    soon: Indices = places[onset - seen_by <= within]
    return soon
