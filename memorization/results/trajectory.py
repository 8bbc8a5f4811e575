"""Trajectories: one sequence's values over one model's checkpoints, and what they say about when it was memorized.

* A *point* is one checkpoint at which the sequence was measured, seen or not seen by then; points ascend by step. By a
  measure that does not say what is memorized, no point is, and there is no onset.
* The *onset* is the first point at which it was memorized. Its bracket is half-open from below: memorized after
  `bracket_low`, the last point before it at which it was not, and by `step`. With no point before, `bracket_low` is None.
* It is *forgotten* at a point that is not memorized and follows one that is, and *relearned* at a memorized point that
  follows a forgotten one.

Arithmetic only. What the catalog stores about onsets is derived here from stored values, so that deriving it again proves
it right.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from seenat.memorization.protocol.protocol import NOT_MEASURED
from seenat.registry.answer import Answer

__all__ = ["Onset", "OnsetColumns", "Point", "Trajectory", "derive_onsets"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Point(Answer):
    """A sequence at a checkpoint."""

    step: int
    seen: bool
    """Whether the run had consumed the sequence by this step."""
    values: Mapping[str, int | float]
    """What was measured there, by quantity."""
    memorized: bool | None
    """None where the measure does not say."""

    def to_json(self) -> dict[str, int | float | bool]:
        """Step, whether it was seen, each quantity by its name, and whether it was memorized if the measure says so."""
        memorized = {} if self.memorized is None else {"memorized": self.memorized}
        return {"step": self.step, "seen": self.seen, **self.values, **memorized}


@dataclass(frozen=True, slots=True, kw_only=True)
class Onset(Answer):
    """When a sequence was first memorized: in `(bracket_low, step]`."""

    bracket_low: int | None
    step: int


@dataclass(frozen=True)
class Trajectory:
    """The points of one sequence, ascending by step."""

    points: tuple[Point, ...]

    @cached_property
    def onset(self) -> Onset | None:
        """The first memorized point and its bracket; None when there is none."""
        before = None
        for point in self.points:
            if point.memorized:
                return Onset(bracket_low=before, step=point.step)
            before = point.step
        return None

    @property
    def forgotten(self) -> tuple[int, ...]:
        """Steps at which it was no longer memorized."""
        return tuple(
            later.step
            for earlier, later in zip(self.points, self.points[1:], strict=False)
            if earlier.memorized and not later.memorized
        )

    @property
    def relearned(self) -> tuple[int, ...]:
        """Steps at which it was memorized again."""
        onset = self.onset
        return tuple(
            later.step
            for earlier, later in zip(self.points, self.points[1:], strict=False)
            if onset is not None and later.step > onset.step and later.memorized and not earlier.memorized
        )


@dataclass(frozen=True, kw_only=True)
class OnsetColumns:
    """The onset of every sequence that some checkpoint had memorized; arrays of one length, by ascending sequence."""

    column: npt.NDArray[np.int64]
    """Which column of the values it is."""
    first_step: npt.NDArray[np.int64]
    bracket_low: npt.NDArray[np.int64]
    """-1 where nothing was measured before the onset."""
    last_step: npt.NDArray[np.int64]
    times_memorized: npt.NDArray[np.int64]
    times_lost: npt.NDArray[np.int64]


def derive_onsets(steps: npt.NDArray[np.int64], values: npt.NDArray[np.uint8], full_score: int) -> OnsetColumns:
    """Onsets of many sequences at once.

    `steps` ascend, `[checkpoints]`; `values` are `[checkpoints, sequences]`, 255 where nothing was measured; `full_score` is
    the value that means memorized. A point that was not measured is passed over: it neither forgets nor brackets.
    """
    columns = np.flatnonzero((values == full_score).any(axis=0))
    chosen = values[:, columns]
    memorized, measured = chosen == full_score, chosen != NOT_MEASURED
    first = _first_row(memorized)
    last = len(steps) - 1 - _first_row(memorized[::-1])
    return OnsetColumns(
        column=columns.astype(np.int64),
        first_step=steps[first],
        bracket_low=_last_measured_before(steps, measured, first),
        last_step=steps[last],
        times_memorized=memorized.sum(axis=0, dtype=np.int64),
        times_lost=_times_lost(memorized, measured),
    )


def _first_row(flags: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
    """The first row that is true in each column; every column has one, but there may be no row and no column."""
    return flags.argmax(axis=0) if flags.size else np.zeros(flags.shape[1], np.int64)


def _last_measured_before(
    steps: npt.NDArray[np.int64], measured: npt.NDArray[np.bool_], first: npt.NDArray[np.int64]
) -> npt.NDArray[np.int64]:
    earlier = measured & (np.arange(len(steps))[:, None] < first)
    latest: npt.NDArray[np.int64] = np.where(earlier, steps[:, None], -1).max(axis=0, initial=-1)
    return latest


def _times_lost(memorized: npt.NDArray[np.bool_], measured: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
    lost = np.zeros(memorized.shape[1], np.int64)
    before = np.zeros(memorized.shape[1], np.bool_)
    for now, is_measured in zip(memorized, measured, strict=True):
        lost += before & is_measured & ~now
        before = np.where(is_measured, now, before)  # A gap neither forgets nor learns.
    return lost
