"""Where what a checkpoint knows ends: gaps between what was trained on just before a step and just after, from arrays alone.

Checkpoints and cohorts are numbered as in `panels`; cohort K + 1 counts as K. Of a sequence at checkpoint c, y is its value there
and x the mean of its values at the checkpoints next to c, which stands for how hard it is. Within cohorts y changes with x by the
slope b (least squares, one slope for all cohorts). Then

    gap(c, t) = mean over cohort t of (y - b x) - mean over cohort t + 1 of (y - b x)

is large where c had seen the batches just before checkpoint t, and not those just after: at c itself. At the checkpoints next to
c it is negative, for their boundaries enter by x, and elsewhere about 0.

Cohorts differ in spread, so a gap's standard error takes each cohort's own and Welch's degrees of freedom. A cohort whose values
are all equal says nothing about its spread, so the spread within all cohorts stands in.

How large a gap must be, to be a boundary's, follows from the checkpoints on both sides of t: half the smaller of the gaps that they
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
from seenat.registry.orders.duplicate_sequences import Indices

__all__ = ["Gaps", "find_gaps"]

# Sums that are kept of a cohort: of 1, x, y, x x, x y, y y.
_MOMENTS = 6

# A difference of sums that is this small a part of them is rounding, and taken as 0. float64 keeps 2e-16 of a sum.
_ROUNDING = 1e-12


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
        """The upper ends of these intervals; infinity where there is no gap."""
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


def find_gaps(panels: Iterable[Panel], checkpoints: int, confidence: float) -> Gaps:
    """Read all panels once; all intervals hold at once with this confidence."""
    moments = np.zeros((checkpoints, checkpoints + 1, _MOMENTS))
    for panel in panels:
        cohorts = np.minimum(panel.cohorts, checkpoints)
        for checkpoint in range(checkpoints):
            moments[checkpoint] += _moments(panel.values, checkpoint, cohorts)
    by_checkpoint = [_gaps_of(sums) for sums in moments]
    tail = (1 - confidence) / 2 / checkpoints**2  # Bonferroni: all K^2 intervals hold at once.
    return Gaps(
        gap=np.stack([gap for gap, _, _ in by_checkpoint]),
        error=np.stack([error for _, error, _ in by_checkpoint]),
        critical=np.array(
            [[student_quantile(tail, degrees) for degrees in freedom.tolist()] for _, _, freedom in by_checkpoint]
        ),
        sequences=moments[:, :, 0].astype(np.int64),
    )


def _moments(values: Floats, checkpoint: int, cohorts: Indices) -> Floats:
    """The sums of one checkpoint by cohort, `[K + 1, moments]`."""
    near = [neighbour for neighbour in (checkpoint - 1, checkpoint + 1) if 0 <= neighbour < len(values)]
    x = values[near].mean(axis=0) if near else np.zeros(values.shape[1])
    y = values[checkpoint]
    is_measured = ~np.isnan(x + y)
    x, y = x[is_measured], y[is_measured]
    columns = [
        np.bincount(cohorts[is_measured], column, len(values) + 1)
        for column in (np.ones(len(x)), x, y, x * x, x * y, y * y)
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
    # The spread within all cohorts, for a cohort whose values are all equal.
    pooled = squares.sum() / max(np.maximum(count - 1, 0).sum(), 1)
    spread = np.where(squares > 0, squares / np.maximum(count - 1, 1), pooled) / size
    mean = (y - slope * x) / size
    both = spread[:-1] + spread[1:]
    enough = (count[:-1] > 1) & (count[1:] > 1) & (pooled > 0)
    welch = (spread**2 / np.maximum(count - 1, 1))[:-1] + (spread**2 / np.maximum(count - 1, 1))[1:]
    # Welch and Satterthwaite, rounded down to whole degrees.
    freedom = np.where(enough, both**2 / np.where(enough, welch, 1), 1).astype(np.int64)
    return (
        np.where(enough, mean[:-1] - mean[1:], np.nan),
        np.where(enough, np.sqrt(both), np.nan),
        np.maximum(freedom, 1),
    )
