"""Where what a checkpoint knows ends: gaps between what was trained on just before a step and just after, from arrays alone.

Checkpoints and cohorts are numbered as in `panels`; cohort K + 1 counts as K. Of a sequence at checkpoint c, y is its value there
and x the mean of its values at the checkpoints next to c, which tells how hard it is. Within cohorts y changes with x by the
slope b (least squares, one slope for all cohorts). Then

    gap(c, t) = mean over cohort t of (y - b x) - mean over cohort t + 1 of (y - b x)

is large where c had seen the batches just before checkpoint t, and not those just after: at c itself. At the checkpoints next to
c it is negative, for their boundaries enter by x, and elsewhere about 0.

Cohorts differ in spread, so a gap's standard error takes each cohort's own and Welch's degrees of freedom. A cohort whose values
are all equal tells nothing of its spread, and the spread within all cohorts stands in.

What a gap must be, to be a boundary's, is told by the checkpoints on both sides of t: half the smaller of the gaps that they
show at themselves, by the lower ends of their intervals, and at least 0. A boundary at t is *shown* where the whole interval
lies above that, and *excluded* where the whole interval lies below.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from seenat.memorization.statistics.distributions import student_quantile
from seenat.memorization.studies.inputs.panels import Panel
from seenat.memorization.studies.inputs.quantities import Floats
from seenat.registry.orders.duplicates import Indices

__all__ = ["Gaps", "gaps"]

_MOMENTS = 6
"""Sums that are kept of a cohort: 1, x, y, x x, x y, y y."""

_ROUNDING = 1e-12
"""A sum of squares that is so small a part of what it was subtracted from is 0."""


@dataclass(frozen=True, kw_only=True)
class Gaps:
    """The gaps of each checkpoint c at each checkpoint t; all arrays `[c, t]`."""

    gap: Floats
    """NaN where a cohort on either side has fewer than two sequences, or nothing varies."""
    error: Floats
    critical: Floats
    """Standard errors from the gap to the ends of its interval."""
    sequences: Indices
    """Of each cohort, 0 to K, at each checkpoint: `[c, K + 1]`."""

    @property
    def low(self) -> Floats:
        """The lower ends of intervals that hold all at once; minus infinity where there is no gap."""
        return np.nan_to_num(self.gap - self.critical * self.error, nan=-np.inf)

    @property
    def high(self) -> Floats:
        """The upper ends, likewise."""
        return np.nan_to_num(self.gap + self.critical * self.error, nan=np.inf)

    @property
    def shown(self) -> npt.NDArray[np.bool_]:
        """Which gaps are those of a boundary."""
        flags: npt.NDArray[np.bool_] = self.low > self._least
        return flags

    @property
    def excluded(self) -> npt.NDArray[np.bool_]:
        """Which gaps are too small for a boundary's."""
        flags: npt.NDArray[np.bool_] = self.high < self._least
        return flags

    @property
    def _least(self) -> Floats:
        """What a boundary's gap must be at each t, `[t]`."""
        own = np.concatenate([[np.inf], np.diag(self.low), [np.inf]])
        smaller = np.minimum(own[:-2], own[2:])
        return np.where(np.isinf(smaller), 0.0, np.maximum(smaller / 2, 0.0))


def gaps(panels: Iterable[Panel], checkpoints: int, confidence: float) -> Gaps:
    """Read all panels once; all intervals hold at once with this confidence."""
    moments = np.zeros((checkpoints, checkpoints + 1, _MOMENTS))
    for panel in panels:
        cohorts = np.minimum(panel.cohorts, checkpoints)
        for checkpoint in range(checkpoints):
            moments[checkpoint] += _moments(panel.values, checkpoint, cohorts)
    found = [_gaps_of(one) for one in moments]
    tail = (1 - confidence) / 2 / checkpoints**2
    return Gaps(
        gap=np.stack([gap for gap, _, _ in found]),
        error=np.stack([error for _, error, _ in found]),
        critical=np.array([[student_quantile(tail, one) for one in freedom.tolist()] for _, _, freedom in found]),
        sequences=moments[:, :, 0].astype(np.int64),
    )


def _moments(values: Floats, checkpoint: int, cohorts: Indices) -> Floats:
    """The sums of one checkpoint by cohort, `[K + 1, moments]`."""
    near = [one for one in (checkpoint - 1, checkpoint + 1) if 0 <= one < len(values)]
    x = values[near].mean(axis=0) if near else np.zeros(values.shape[1])
    y = values[checkpoint]
    known = ~np.isnan(x + y)
    x, y = x[known], y[known]
    columns = [
        np.bincount(cohorts[known], one, len(values) + 1) for one in (np.ones(len(x)), x, y, x * x, x * y, y * y)
    ]
    return np.stack(columns, axis=1)


def _gaps_of(moments: Floats) -> tuple[Floats, Floats, Indices]:
    """Gap, standard error and whole degrees of freedom at each t, `[K]`, from the sums of one checkpoint."""
    count, x, y, xx, xy, yy = moments.T
    size = np.maximum(count, 1)
    within_xx, within_xy, within_yy = xx - x * x / size, xy - x * y / size, yy - y * y / size
    varies = within_xx.sum() > _ROUNDING * xx.sum()
    slope = within_xy.sum() / within_xx.sum() if varies else 0.0
    squares = within_yy - 2 * slope * within_xy + slope**2 * within_xx
    squares = np.where(squares > _ROUNDING * (yy + slope**2 * xx), squares, 0.0)
    pooled = squares.sum() / max(np.maximum(count - 1, 0).sum(), 1)
    spread = np.where(squares > 0, squares / np.maximum(count - 1, 1), pooled) / size
    mean = (y - slope * x) / size
    both = spread[:-1] + spread[1:]
    told = (count[:-1] > 1) & (count[1:] > 1) & (pooled > 0)
    lost = (spread**2 / np.maximum(count - 1, 1))[:-1] + (spread**2 / np.maximum(count - 1, 1))[1:]
    freedom = np.where(told, both**2 / np.where(told, lost, 1), 1).astype(np.int64)
    return np.where(told, mean[:-1] - mean[1:], np.nan), np.where(told, np.sqrt(both), np.nan), np.maximum(freedom, 1)
