"""Counterfactual memorization: what having seen a sequence did to how well a model knows it, cohort by cohort.

After *Causal Estimation of Memorisation Profiles* (Lesci, Meister, Hofmann, Vlachos and Pimentel, ACL 2024, arXiv 2406.04327);
`differences` is the estimator. A sequence of batch b is trained on by step b + 1. Checkpoints are sparser than steps, so a cohort
here is what is trained on from one measured checkpoint to the next, as the paper's macro-batches are.

* The *instantaneous* effect of a cohort is that at the first checkpoint that had seen it, the *persistent* ones are those later,
  and the *residual* is that at the last measured checkpoint.
* The *profile* averages effects over cohorts by how many checkpoints lie between: 0 is instantaneous, -1 is 0 by definition, and
  what lies before shows whether trends were parallel. Cohorts weigh as many sequences as they have.
* Intervals of a profile hold at once for all its points, with 95 %, by the normal distribution. That all points before are 0
  is tested by the largest of them, in standard errors.

A sequence whose content occurs again was trained on more than once, so by default only contents that occur once in the order
take part, which takes reading the order; `repeated` takes all sequences as they are. Effects of fewer than `least` sequences, or
beside fewer controls, are left out: the normal distribution needs some.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from seenat.memorization.studies.effects.diff_in_diff import (
    CONTROLS,
    Differences,
    Means,
    differences,
    mean_changes,
    normal_maxima,
)
from seenat.memorization.studies.inputs.panels import panels
from seenat.memorization.studies.inputs.quantities import COMPARED, Floats, Quantity, quantity_of
from seenat.memorization.studies.inputs.study_data import StudyData, open_study_data
from seenat.registry.catalog.catalog import Catalog
from seenat.registry.catalog.models import Model
from seenat.registry.errors import InvalidValue, NotMeasured
from seenat.registry.orders.duplicates import MOST_SEQUENCES, Contents, order_contents

__all__ = ["CohortEffect", "CounterfactualProfile", "ProfilePoint", "counterfactual_profiles"]

_CONFIDENCE = 0.95


@dataclass(frozen=True, kw_only=True)
class CohortEffect:
    """What having seen a cohort did to it at one checkpoint."""

    cohort: int
    """The first measured step that had seen it."""
    after: int
    """The measured step before, which had not."""
    step: int
    treated: int
    controls: int
    effect: float
    standard_error: float | None
    """None where nothing varies, so that chance cannot be told."""

    def to_json(self) -> dict[str, Any]:
        """Every field by name."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


@dataclass(frozen=True, kw_only=True)
class ProfilePoint:
    """The mean effect over cohorts, so many checkpoints after the first that had seen them."""

    checkpoints_since: int
    """0 for the instantaneous effect, negative before it."""
    steps_since: tuple[int, int]
    """Least and most steps from the cohort's checkpoint to that of the effect, over the cohorts."""
    cohorts: int
    sequences: int
    effect: float
    standard_error: float | None
    """None where nothing varies, so that chance cannot be told; then there is no interval."""
    low: float | None
    high: float | None
    """The interval holds at once for all points of the profile."""

    def to_json(self) -> dict[str, Any]:
        """Every field by name."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__} | {
            "steps_since": list(self.steps_since)
        }


@dataclass(frozen=True, kw_only=True)
class CounterfactualProfile:
    """The effects of one model."""

    names: dict[str, Any]
    """Model, order and protocol."""
    model: str
    quantity: Quantity
    control: str
    repeated: bool
    effects: tuple[CohortEffect, ...]
    """By cohort, then by step; without the checkpoint before a cohort, at which all are 0."""
    profile: tuple[ProfilePoint, ...]
    """Ascending."""
    residual: tuple[float, float | None] | None
    """Mean effect at the last measured checkpoint over the cohorts before it, and its standard error, if anything varies."""
    parallel_trends: tuple[float, float] | None
    """The largest mean effect before treatment, in standard errors, and how likely chance gives one as large."""

    @property
    def instantaneous(self) -> ProfilePoint | None:
        """The mean effect at the first checkpoint that had seen a cohort."""
        return next((point for point in self.profile if point.checkpoints_since == 0), None)

    def to_json(self) -> dict[str, Any]:
        """The answer under the keys of every JSON answer."""
        residual, trends = self.residual, self.parallel_trends
        return {
            **self.names,
            "quantity": self.quantity.name,
            "unit": self.quantity.unit,
            "control": self.control,
            "repeated": self.repeated,
            "profile": [point.to_json() for point in self.profile],
            "residual": None if residual is None else {"effect": residual[0], "standard_error": residual[1]},
            "parallel_trends": None if trends is None else {"largest": trends[0], "p_value": trends[1]},
            "effects": [effect.to_json() for effect in self.effects],
        }


def counterfactual_profiles(
    catalog: Catalog,
    models: Iterable[Model],
    protocol: str | None = None,
    *,
    quantity: str | None = None,
    control: str = "never",
    repeated: bool = False,
    least: int = 30,
    most: int = MOST_SEQUENCES,
) -> tuple[CounterfactualProfile, ...]:
    """The counterfactual profile of each model, as given, by a quantity of its measure, or by the usual one.

    Controls are the sequences that a run never reads (`never`), or what it has not read yet (`not-yet`). Raises `NotMeasured`
    where no cohort was measured before and after, beside controls; `InvalidValue` for what has no meaning, and for an order of
    more than `most` sequences unless `repeated`; `UnknownOrder` where a run left its order before.
    """
    if control not in CONTROLS:
        raise InvalidValue(f"Controls are {' or '.join(CONTROLS)}, not {control!r}.")
    if least < 2:
        raise InvalidValue(f"A mean of {least} sequences says nothing of chance; ask for at least 2 (`--least 2`).")
    contents: dict[int, Contents] = {}
    found = []
    for model in models:
        results = open_study_data(catalog, model, protocol, measures=COMPARED).without_adaptive()
        once = None if repeated else _contents_of(model, contents, most).once
        found.append(_profile(results, quantity_of(results.protocol, quantity), once, control, least))
    return tuple(found)


def _contents_of(model: Model, contents: dict[int, Contents], most: int) -> Contents:
    """The contents of the model's order, read once for all models of that order."""
    order = model.order
    if order.id not in contents:
        contents[order.id] = order_contents(order.source(), order.name, most)
    return contents[order.id]


def _profile(
    results: StudyData, quantity: Quantity, chosen: npt.NDArray[np.bool_] | None, control: str, least: int
) -> CounterfactualProfile:
    results.model.check_unaltered(results.steps[-1] - 1)
    read = partial(panels, results, quantity, chosen)
    means = mean_changes(read(), len(results.steps), control)
    known = (means.treated >= least) & (means.controls >= least)
    np.fill_diagonal(known[1:], val=False)
    if not known.any():
        raise _nothing(results, means, control, least)
    lags = np.unique(np.subtract(*np.nonzero(known)[::-1]))
    weights = _weights(means, known, lags)
    found = differences(read(), means, control, weights)
    errors = np.sqrt(np.diag(found.covariance))
    return CounterfactualProfile(
        names=results.names(),
        model=results.model.name,
        quantity=quantity,
        control=control,
        repeated=chosen is None,
        effects=_effects(results.steps, means, found, known),
        profile=_points(results.steps, means, known, lags, found),
        residual=(float(found.sums[-1]), float(errors[-1]) or None) if weights[-1].any() else None,
        parallel_trends=_trends(lags, found),
    )


def _weights(means: Means, known: npt.NDArray[np.bool_], lags: npt.NDArray[np.int64]) -> Floats:
    """A weighting of effects for each lag, and one for the residual: `[lags + 1, K, K]`."""
    cohort, step = np.indices(known.shape)
    last = len(known) - 1
    which = np.stack([*(known & (step - cohort == lag) for lag in lags), known & (step == last) & (cohort < last)])
    weights: Floats = which * means.treated.astype(np.float64)
    weights /= np.maximum(weights.sum(axis=(1, 2), keepdims=True), 1)
    return weights


def _effects(
    steps: tuple[int, ...], means: Means, found: Differences, known: npt.NDArray[np.bool_]
) -> tuple[CohortEffect, ...]:
    return tuple(
        CohortEffect(
            cohort=steps[cohort],
            after=steps[cohort - 1],
            step=steps[step],
            treated=int(means.treated[cohort, step]),
            controls=int(means.controls[cohort, step]),
            effect=float(means.effects[cohort, step]),
            standard_error=float(found.errors[cohort, step]) or None,
        )
        for cohort, step in np.argwhere(known).tolist()
    )


def _points(
    steps: tuple[int, ...],
    means: Means,
    known: npt.NDArray[np.bool_],
    lags: npt.NDArray[np.int64],
    found: Differences,
) -> tuple[ProfilePoint, ...]:
    errors = np.sqrt(np.diag(found.covariance))
    critical = float(np.quantile(normal_maxima(found.covariance[:-1, :-1]), _CONFIDENCE))
    points = []
    for place, lag in enumerate(lags.tolist()):
        pairs = [(cohort, step) for cohort, step in np.argwhere(known).tolist() if step - cohort == lag]
        since = [steps[step] - steps[cohort] for cohort, step in pairs]
        effect, error = float(found.sums[place]), float(errors[place]) or None
        points.append(
            ProfilePoint(
                checkpoints_since=lag,
                steps_since=(min(since), max(since)),
                cohorts=len(pairs),
                sequences=sum(int(means.treated[pair]) for pair in pairs),
                effect=effect,
                standard_error=error,
                low=None if error is None else effect - critical * error,
                high=None if error is None else effect + critical * error,
            )
        )
    return tuple(points)


def _trends(lags: npt.NDArray[np.int64], found: Differences) -> tuple[float, float] | None:
    """The test that all mean effects before treatment are 0; None where none varies."""
    before = np.flatnonzero(lags < 0)
    covariance = found.covariance[np.ix_(before, before)]
    errors = np.sqrt(np.diag(covariance))
    if not (errors > 0).any():
        return None
    largest = float((np.abs(found.sums[before])[errors > 0] / errors[errors > 0]).max())
    maxima = normal_maxima(covariance)
    return largest, float((1 + np.count_nonzero(maxima >= largest)) / (1 + len(maxima)))


def _nothing(results: StudyData, means: Means, control: str, least: int) -> NotMeasured:
    name = results.model.name
    controls = int(means.controls.max(initial=0))
    if controls < least:
        other = ", or take --control not-yet" if control == "never" else ""
        return NotMeasured(
            f"Only {controls:,} control sequences of {name} that take part have been measured, and {least} are needed; run "
            f"`seenat memorize {name} --unseen`{other}."
        )
    return NotMeasured(
        f"No cohort of {name} has {least} sequences that take part and were measured before and after it was seen; run "
        f"`seenat memorize {name} --unseen`, or ask for fewer with --least."
    )
