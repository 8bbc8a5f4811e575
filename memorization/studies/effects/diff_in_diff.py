"""Difference-in-differences over cohorts, from arrays alone.

Checkpoints and cohorts are numbered as in `panels`. Cohort g is *treated* at checkpoints g to K - 1; checkpoint g - 1 is
the one before, so cohort 0 cannot be used. For 1 <= g < K and any checkpoint c

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

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from seenat.memorization.studies.inputs.panels import Panel
from seenat.memorization.studies.inputs.quantities import Floats
from seenat.memorization.studies.inputs.study_data import Flags
from seenat.registry.orders.duplicate_sequences import Indices

__all__ = ["CONTROLS", "Differences", "Means", "differences", "mean_changes", "normal_maxima"]

CONTROLS = ("never", "not-yet")

# Draws of the largest of several normal variables: a p-value of 0.01 is known to within 0.0007. The seed is fixed, so that
# the same results give the same intervals.
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
        for changes in _changes(panel, control):
            for group, takes_part in enumerate(changes.groups):
                counts[group, changes.cohort] += takes_part.sum(axis=1)
                totals[group, changes.cohort] += np.where(takes_part, changes.change, 0.0).sum(axis=1)
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
        for changes in _changes(panel, control):
            deviations = _deviations(changes, means)
            squares[changes.cohort] += (deviations**2).sum(axis=1)
            added[:, changes.places] += weights[:, changes.cohort] @ deviations
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
    # Not Cholesky: sums of effects may depend on each other, and the covariance then has eigenvalues of 0.
    root = vectors * np.sqrt(np.maximum(values, 0.0))
    normal = np.random.Generator(np.random.PCG64(_SEED)).standard_normal((_DRAWS, len(root)))
    maxima: Floats = np.abs(normal @ root.T).max(axis=1)
    return maxima


@dataclass(frozen=True, slots=True)
class _Changes:
    """How a cohort and its controls, as far as they are in a panel, changed since the checkpoint before the cohort."""

    cohort: int
    places: Indices
    """In the panel, `[n]`."""
    change: Floats
    """`[K, n]`."""
    groups: tuple[Flags, Flags]
    """Which changes are those of the cohort, and of controls, and known: `[K, n]`."""


def _changes(panel: Panel, control: str) -> Iterator[_Changes]:
    """Of every cohort that has something in a panel."""
    checkpoints = len(panel.values)
    for cohort in range(1, checkpoints):
        # At each checkpoint, controls are of later cohorts than this one.
        last = np.full(checkpoints, checkpoints) if control == "never" else np.maximum(np.arange(checkpoints), cohort)
        places = np.flatnonzero((panel.cohorts == cohort) | (panel.cohorts > last.min()))
        if len(places):
            change = panel.values[:, places] - panel.values[cohort - 1, places]
            cohorts, is_measured = panel.cohorts[places], ~np.isnan(change)
            groups = is_measured & (cohorts == cohort), is_measured & (cohorts > last[:, None])
            yield _Changes(cohort, places, change, groups)


def _deviations(changes: _Changes, means: Means) -> Floats:
    """What each sequence adds to the chance in a cohort's effects, `[K, n]`; 0 where it takes no part."""
    added: Floats = np.zeros(changes.change.shape)
    for sign, takes_part, counts, mean in (
        (1, changes.groups[0], means.treated, means.treated_change),
        (-1, changes.groups[1], means.controls, means.controls_change),
    ):
        count = counts[changes.cohort]
        scale = np.sqrt(np.maximum(count * (count - 1), 1))[:, None]
        deviation = (changes.change - mean[changes.cohort][:, None]) / scale
        added += np.where(takes_part, sign * deviation, 0.0)
    return added
