"""Difference-in-differences over cohorts, from arrays alone.

Checkpoints and cohorts are numbered as in `panels`. Cohort g is *treated* at checkpoints g to K - 1; what it was before is told
by checkpoint g - 1, so cohort 0 tells nothing. For 1 <= g < K and any checkpoint c

    effect(g, c) = mean over cohort g of (y_c - y_(g-1)) - mean over the controls of (y_c - y_(g-1))

where the controls are the sequences that the run never reads (`never`), or all that neither c nor g had seen (`not-yet`). A
sequence counts where it was measured at both c and g - 1. Where cohort and controls would have changed alike had the cohort not
been seen (*parallel trends*), this is what seeing it did; before g it is then 0 but for chance. It is the estimator of Callaway
and Sant'Anna (2021), and in language models of Lesci et al. (arXiv 2406.04327).

Averages of effects are weighted sums. Their covariance is that of means over independent sequences: each sequence adds its
deviation from the mean, over the root of n (n - 1), to every effect that it takes part in, as cohort or as control; what one
sequence adds to several effects is not independent, and is summed before it is squared. Cohort sizes count as given.

Sequences arrive in panels, some at a time, and are read twice: memory grows with K^2 and a panel, not with their number.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from seenat.memorization.studies.contents import Indices
from seenat.memorization.studies.panels import Panel
from seenat.memorization.studies.quantities import Floats

__all__ = ["CONTROLS", "Differences", "Means", "differences", "mean_changes", "normal_maxima"]

CONTROLS = ("never", "not-yet")

_DRAWS = 20_000
_SEED = 0


@dataclass(frozen=True, kw_only=True)
class Means:
    """Of each cohort g and checkpoint c, how many took part and their mean change since g - 1; all `[K, K]`, row 0 empty."""

    treated: Indices
    treated_change: Floats
    controls: Indices
    controls_change: Floats

    @property
    def effects(self) -> Floats:
        """`[g, c]`; NaN where cohort or controls have no sequence."""
        return self.treated_change - self.controls_change


@dataclass(frozen=True, kw_only=True)
class Differences:
    """Weighted sums of effects, and how sure they and the effects are."""

    errors: Floats
    """The standard error of each effect, `[K, K]`; NaN where cohort or controls have fewer than two sequences."""
    sums: Floats
    """`[sums]`."""
    covariance: Floats
    """`[sums, sums]`."""


def mean_changes(panels: Iterable[Panel], checkpoints: int, control: str) -> Means:
    """Read all panels once: counts and mean changes of every cohort and its controls."""
    counts = np.zeros((2, checkpoints, checkpoints), np.int64)
    totals = np.zeros((2, checkpoints, checkpoints))
    for panel in panels:
        for cohort in range(1, checkpoints):
            change = panel.values - panel.values[cohort - 1]
            for group, takes_part in enumerate(_groups(panel, cohort, control)):
                known = takes_part & ~np.isnan(change)
                counts[group, cohort] += known.sum(axis=1)
                totals[group, cohort] += np.where(known, change, 0.0).sum(axis=1)
    with np.errstate(invalid="ignore"):
        means = totals / counts
    return Means(treated=counts[0], treated_change=means[0], controls=counts[1], controls_change=means[1])


def differences(panels: Iterable[Panel], means: Means, control: str, weights: Floats) -> Differences:
    """Read all panels again: the sums of effects with weights `[sums, K, K]`, 0 where an effect is NaN, and all errors."""
    effects = means.effects
    squares = np.zeros_like(effects)
    covariance = np.zeros((len(weights), len(weights)))
    for panel in panels:
        added: Floats = np.zeros((len(weights), len(panel.cohorts)))
        for cohort in range(1, len(squares)):
            deviations = _deviations(panel, means, cohort, control)
            squares[cohort] += (deviations**2).sum(axis=1)
            added += weights[:, cohort] @ deviations
        covariance += added @ added.T
    sure = (means.treated > 1) & (means.controls > 1)
    sums = (weights * np.nan_to_num(effects)).sum(axis=(1, 2))
    return Differences(errors=np.where(sure, np.sqrt(squares), np.nan), sums=sums, covariance=covariance)


def normal_maxima(covariance: Floats) -> Floats:
    """Draws of the largest of |z|, z normal with this covariance and scaled to variance 1: `[20,000]`, always the same ones.

    What does not vary is left out; all are 0 where nothing varies.
    """
    deviations = np.sqrt(np.diag(covariance))
    varies = deviations > 0
    if not varies.any():
        return np.zeros(_DRAWS)
    scaled = covariance[np.ix_(varies, varies)] / np.outer(deviations[varies], deviations[varies])
    values, vectors = np.linalg.eigh(scaled)
    root = vectors * np.sqrt(np.maximum(values, 0.0))
    normal = np.random.Generator(np.random.PCG64(_SEED)).standard_normal((_DRAWS, len(root)))
    maxima: Floats = np.abs(normal @ root.T).max(axis=1)
    return maxima


def _groups(panel: Panel, cohort: int, control: str) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Which sequences are of the cohort, and which are its controls at each checkpoint: `[1 or K, sequences]`."""
    checkpoints = len(panel.values)
    if control == "never":
        unseen = panel.cohorts[None] == checkpoints + 1
    else:
        unseen = panel.cohorts[None] > np.maximum(np.arange(checkpoints), cohort)[:, None]
    return panel.cohorts[None] == cohort, unseen


def _deviations(panel: Panel, means: Means, cohort: int, control: str) -> Floats:
    """What each sequence adds to the chance in a cohort's effects, `[K, sequences]`; 0 where it takes no part."""
    change = panel.values - panel.values[cohort - 1]
    treated, controls = _groups(panel, cohort, control)
    added: Floats = np.zeros(change.shape)
    for sign, takes_part, count, mean in (
        (1, treated, means.treated[cohort], means.treated_change[cohort]),
        (-1, controls, means.controls[cohort], means.controls_change[cohort]),
    ):
        scale = np.sqrt(np.maximum(count * (count - 1), 1))[:, None]
        known = takes_part & ~np.isnan(change)
        added += np.where(known, sign * (change - mean[:, None]) / scale, 0.0)
    return added
