"""Counterfactual memorization: what having seen a sequence did to how well a model knows it, cohort by cohort.

After *Causal Estimation of Memorisation Profiles* (Lesci, Meister, Hofmann, Vlachos and Pimentel, ACL 2024, arXiv 2406.04327);
`diff_in_diff` is the estimator. A sequence of batch b is trained on by step b + 1. Checkpoints are sparser than steps, so a cohort
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

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt

from seenat.memorization.labels.choose import Where
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
from seenat.memorization.studies.inputs.study_data import StudyAnswer, StudyData, open_study_data
from seenat.registry.answer import Answer, TableAnswer
from seenat.registry.catalog.catalog import Catalog
from seenat.registry.catalog.models import Model
from seenat.registry.errors import InvalidValue, NotMeasured
from seenat.registry.orders.duplicate_sequences import MOST_SEQUENCES, Contents, order_contents

__all__ = [
    "PARALLEL_P_VALUE",
    "CohortEffect",
    "CounterfactualProfile",
    "ProfilePoint",
    "Residual",
    "TrendTest",
    "counterfactual_profiles",
    "effect_words",
]

# Of all intervals of a profile at once.
_PROFILE_CONFIDENCE = 0.95
PARALLEL_P_VALUE = 0.01
"""Of the test of trends: where chance gives as much less often than this, they differ."""


@dataclass(frozen=True, kw_only=True)
class CohortEffect(Answer):
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
    """None where nothing varies, so that chance cannot be estimated."""


@dataclass(frozen=True, kw_only=True)
class ProfilePoint(Answer):
    """The mean effect over cohorts, some checkpoints after the first that had seen them."""

    checkpoints_since: int
    """0 for the instantaneous effect, negative before it."""
    steps_since: tuple[int, int]
    """Least and most steps from the cohort's checkpoint to that of the effect, over the cohorts."""
    cohorts: int
    sequences: int
    effect: float
    standard_error: float | None
    """None where nothing varies, so that chance cannot be estimated; then there is no interval."""
    low: float | None
    high: float | None
    """The interval holds at once for all points of the profile."""


@dataclass(frozen=True, kw_only=True)
class Residual(Answer):
    """The mean effect at the last measured checkpoint, over the cohorts before it."""

    effect: float
    standard_error: float | None
    """None where nothing varies."""


@dataclass(frozen=True, kw_only=True)
class TrendTest(Answer):
    """A test that cohorts and controls changed alike before the cohorts were seen."""

    largest: float
    """The largest mean effect before treatment, in standard errors."""
    p_value: float
    """How likely chance gives one as large."""


@dataclass(frozen=True, kw_only=True)
class CounterfactualProfile(StudyAnswer, TableAnswer):
    """The effects of one model."""

    quantity: Quantity
    control: str
    repeated: bool
    effects: tuple[CohortEffect, ...]
    """By cohort, then by step; without the checkpoint before a cohort, at which all are 0."""
    profile: tuple[ProfilePoint, ...]
    """Ascending."""
    residual: Residual | None
    """None where no cohort before the last checkpoint was measured there."""
    parallel_trends: TrendTest | None
    """None where nothing varies before treatment."""

    table_field = "profile"
    json_names = (
        "model",
        "order",
        "protocol",
        "adaptive",
        "quantity",
        "unit",
        "control",
        "repeated",
        "profile",
        "residual",
        "parallel_trends",
        "effects",
    )

    @property
    def unit(self) -> str:
        """The unit of the quantity."""
        return self.quantity.unit

    @property
    def parallel(self) -> bool | None:
        """Whether cohorts and controls changed alike before, so that the effects are effects; None where it is not known."""
        return None if self.parallel_trends is None else self.parallel_trends.p_value >= PARALLEL_P_VALUE

    @property
    def instantaneous(self) -> ProfilePoint | None:
        """The mean effect at the first checkpoint that had seen a cohort."""
        return next((point for point in self.profile if point.checkpoints_since == 0), None)


def effect_words(profiles: Sequence[CounterfactualProfile]) -> str:
    """`effect`; `difference` where some model's trends were not parallel, so that what is compared is no effect."""
    return "difference" if any(profile.parallel is False for profile in profiles) else "effect"


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
    where: Where = None,
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
    profiles = []
    for model in models:
        data = open_study_data(catalog, model, protocol, measures=COMPARED, where=where).without_adaptive()
        once = None if repeated else _contents_of(model, contents, most).once
        profiles.append(_profile(data, quantity_of(data.protocol, quantity), once, control, least))
    return tuple(profiles)


def _contents_of(model: Model, contents: dict[int, Contents], most: int) -> Contents:
    """The contents of the model's order, read once for all models of that order."""
    order = model.order
    if order.id not in contents:
        contents[order.id] = order_contents(order.source(), order.name, most)
    return contents[order.id]


def _profile(
    data: StudyData, quantity: Quantity, chosen: npt.NDArray[np.bool_] | None, control: str, least: int
) -> CounterfactualProfile:
    data.model.check_unaltered(data.steps[-1] - 1)
    read = partial(panels, data, quantity, chosen)
    means = mean_changes(read(), len(data.steps), control)
    enough = (means.treated >= least) & (means.controls >= least)
    np.fill_diagonal(enough[1:], val=False)
    if not enough.any():
        raise _nothing(data, means, control, least)
    lags = np.unique(np.subtract(*np.nonzero(enough)[::-1]))
    weights = _weights(means, enough, lags)
    sums = differences(read(), means, control, weights)
    errors = np.sqrt(np.diag(sums.covariance))
    return CounterfactualProfile(
        **data.scope(),
        quantity=quantity,
        control=control,
        repeated=chosen is None,
        effects=_effects(data.steps, means, sums, enough),
        profile=_points(data.steps, means, enough, lags, sums),
        residual=Residual(effect=float(sums.sums[-1]), standard_error=float(errors[-1]) or None)
        if weights[-1].any()
        else None,
        parallel_trends=_trends(lags, sums),
    )


def _weights(means: Means, enough: npt.NDArray[np.bool_], lags: npt.NDArray[np.int64]) -> Floats:
    """A weighting of effects for each lag, and one for the residual: `[lags + 1, K, K]`."""
    cohort, step = np.indices(enough.shape)
    last = len(enough) - 1
    which = np.stack([*(enough & (step - cohort == lag) for lag in lags), enough & (step == last) & (cohort < last)])
    weights: Floats = which * means.treated.astype(np.float64)
    weights /= np.maximum(weights.sum(axis=(1, 2), keepdims=True), 1)
    return weights


def _effects(
    steps: tuple[int, ...], means: Means, sums: Differences, enough: npt.NDArray[np.bool_]
) -> tuple[CohortEffect, ...]:
    return tuple(
        CohortEffect(
            cohort=steps[cohort],
            after=steps[cohort - 1],
            step=steps[step],
            treated=int(means.treated[cohort, step]),
            controls=int(means.controls[cohort, step]),
            effect=float(means.effects[cohort, step]),
            standard_error=float(sums.errors[cohort, step]) or None,
        )
        for cohort, step in np.argwhere(enough).tolist()
    )


def _points(
    steps: tuple[int, ...],
    means: Means,
    enough: npt.NDArray[np.bool_],
    lags: npt.NDArray[np.int64],
    sums: Differences,
) -> tuple[ProfilePoint, ...]:
    errors = np.sqrt(np.diag(sums.covariance))
    critical = float(np.quantile(normal_maxima(sums.covariance[:-1, :-1]), _PROFILE_CONFIDENCE))
    points = []
    for place, lag in enumerate(lags.tolist()):
        pairs = [(cohort, step) for cohort, step in np.argwhere(enough).tolist() if step - cohort == lag]
        since = [steps[step] - steps[cohort] for cohort, step in pairs]
        effect, error = float(sums.sums[place]), float(errors[place]) or None
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


def _trends(lags: npt.NDArray[np.int64], sums: Differences) -> TrendTest | None:
    """The test that all mean effects before treatment are 0; None where none varies."""
    before = np.flatnonzero(lags < 0)
    covariance = sums.covariance[np.ix_(before, before)]
    errors = np.sqrt(np.diag(covariance))
    if not (errors > 0).any():
        return None
    largest = float((np.abs(sums.sums[before])[errors > 0] / errors[errors > 0]).max())
    maxima = normal_maxima(covariance)
    # Of n draws and the observed maximum itself; so the p-value is never 0.
    p_value = float((1 + np.count_nonzero(maxima >= largest)) / (1 + len(maxima)))
    return TrendTest(largest=largest, p_value=p_value)


def _nothing(data: StudyData, means: Means, control: str, least: int) -> NotMeasured:
    name = data.model.name
    again = f"seenat memorize {name}{data.protocol.options} --unseen"
    controls = int(means.controls.max(initial=0))
    if controls < least:
        other = ", or take --control not-yet" if control == "never" else ""
        seen = data.model.schedule.sequences_seen(data.model.schedule.steps)
        if control == "never" and seen.stop >= data.model.order.sequences.stop:
            return NotMeasured(
                f"{name} was trained on every sequence of its order, so none is a control that it never saw; take --control not-yet."
            )
        return NotMeasured(
            f"Only {controls:,} control sequences of {name} that take part have been measured, and {least} are needed; run "
            f"`{again}`{other}."
        )
    return NotMeasured(
        f"No cohort of {name} has {least} sequences that take part and were measured before and after it was seen; run "
        f"`{again}`, or ask for fewer with --least."
    )
