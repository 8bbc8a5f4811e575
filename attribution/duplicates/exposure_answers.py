"""The answer about exposures: each memorized sequence with how often it had been seen, and how many had been seen how often."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from seenat.attribution.duplicates.exposures import Exposed, MemorizedRows
from seenat.memorization.adaptive.coverage import AdaptivePlan
from seenat.memorization.protocol.protocol import Protocol
from seenat.memorization.results.trajectory import Onset
from seenat.registry.answer import Answer, TableAnswer
from seenat.registry.orders.duplicate_sequences import Indices
from seenat.registry.units import HalfOpenRange

__all__ = ["EXPOSURE_COLUMNS", "ExposureTotal", "MemorizedExposures", "SequenceExposures", "exposures_answer"]

EXPOSURE_COLUMNS = (
    "sequence",
    "bracket_low",
    "onset",
    "exposures_before",
    "exposures",
    "first_exposure",
    "last_exposure",
)
"""Columns of a file of exposures: a row a memorized sequence. A missing number is -1."""

_ROWS_AT_ONCE = 1 << 16


@dataclass(frozen=True, kw_only=True)
class ExposureTotal(Answer):
    """Sequences that were memorized first after equally many exposures."""

    exposures: int
    """By the onset."""
    sequences: int
    by_then: float
    """The share of all memorized sequences whose onset came by so many exposures."""
    before: int
    """Sequences with so many exposures at the last measured checkpoint before their onset."""
    median_step: int | None
    """The median step of their onsets; None where there are none."""


@dataclass(frozen=True, kw_only=True)
class SequenceExposures(Answer):
    """A memorized sequence, and how often its window had been seen by the onset."""

    sequence: int
    onset: Onset
    exposures_before: int
    """By the last measured checkpoint before the onset; 0 where none was measured."""
    exposures: int
    """By the checkpoint of the onset."""
    first_exposure: int | None
    """The step that consumed the first of them; None where there is none."""
    last_exposure: int | None
    """The step that consumed the last of them."""


@dataclass(frozen=True, kw_only=True)
class MemorizedExposures(TableAnswer):
    """How often the memorized sequences of a model had been seen by their onsets."""

    model: str
    order: str
    protocol: Protocol
    window: HalfOpenRange
    """The positions of the measured window."""
    anywhere: bool
    """Whether the same ids at any offset are exposures too."""
    until: int
    """The step of the last onset that counts."""
    memorized: int
    cut: int
    """Sequences whose window stands at so many places that only the first ones were counted."""
    totals: tuple[ExposureTotal, ...]
    """By number of exposures, ascending."""
    sequences: tuple[SequenceExposures, ...]
    """The first of them, by onset and sequence."""
    adaptive: tuple[AdaptivePlan, ...]
    """The adaptive jobs that it rests on."""

    table_field = "sequences"


def exposures_answer(
    rows: MemorizedRows,
    exposed: Exposed,
    *,
    anywhere: bool,
    limit: int,
    write: Callable[[dict[str, Indices]], None] = lambda _: None,
) -> MemorizedExposures:
    """What was found, with the first `limit` sequences; `write` receives all of them, as `EXPOSURE_COLUMNS`."""
    columns = _columns(rows, exposed)
    for first in range(0, len(rows.sequence), _ROWS_AT_ONCE):
        write({name: column[first : first + _ROWS_AT_ONCE] for name, column in columns.items()})
    return MemorizedExposures(
        model=rows.model.name,
        order=rows.model.order.name,
        protocol=rows.protocol,
        window=rows.window,
        anywhere=anywhere,
        until=rows.until,
        memorized=len(rows.sequence),
        cut=int(np.isin(exposed.content, exposed.cut).sum()),
        totals=tuple(_totals(columns["exposures"], columns["exposures_before"], rows.onset)),
        sequences=tuple(_listed(columns, limit)),
        adaptive=rows.adaptive,
    )


def _columns(rows: MemorizedRows, exposed: Exposed) -> dict[str, Indices]:
    exposures = exposed.by(rows.consumed(rows.onset))
    starts = exposed.starts[exposed.content]
    last = np.maximum(len(exposed.places) - 1, 0)
    steps = exposed.places // rows.model.schedule.sequences_per_batch + 1
    steps = steps if len(steps) else np.array([-1])
    return {
        "sequence": rows.sequence,
        "bracket_low": rows.bracket_low,
        "onset": rows.onset,
        "exposures_before": exposed.by(rows.consumed(rows.bracket_low)),
        "exposures": exposures,
        "first_exposure": np.where(exposures > 0, steps[np.minimum(starts, last)], -1),
        "last_exposure": np.where(exposures > 0, steps[np.minimum(starts + np.maximum(exposures, 1) - 1, last)], -1),
    }


def _totals(exposures: Indices, before: Indices, onset: Indices) -> Iterator[ExposureTotal]:
    done = 0
    for number in np.unique(np.concatenate([exposures, before])).tolist():
        steps = np.sort(onset[exposures == number])
        done += len(steps)
        yield ExposureTotal(
            exposures=number,
            sequences=len(steps),
            by_then=done / len(onset),
            before=int((before == number).sum()),
            median_step=int(steps[(len(steps) - 1) // 2]) if len(steps) else None,
        )


def _listed(columns: dict[str, Indices], limit: int) -> Iterator[SequenceExposures]:
    for row in zip(*(column[:limit].tolist() for column in columns.values()), strict=True):
        sequence, low, step, before, exposures, first, last = row
        yield SequenceExposures(
            sequence=sequence,
            onset=Onset(bracket_low=None if low < 0 else low, step=step),
            exposures_before=before,
            exposures=exposures,
            first_exposure=None if first < 0 else first,
            last_exposure=None if last < 0 else last,
        )
