"""Whether a checkpoint behaves like the step that it is labelled with.

The checkpoint at step N has seen the batches before N and none after. So it knows the sequences just before that boundary better
than those just after, and the boundary can be looked for where the label does not say it is: `boundary_gaps` defines the gap of each
checkpoint at each measured step, when it shows a boundary, and when it excludes one. Of a checkpoint, the *possible* steps are

* none before a step at which it shows a boundary, for it has seen what came before that step;
* none at which it excludes a boundary.

Step 0 has seen nothing and has no boundary: it is possible where none is shown. The verdict on a label is `consistent` where it is
the only possible step, `inconsistent` where it is none of them, and `undecided` where others are possible too. With 99 %
confidence no verdict of a model is wrong by chance. Only measured steps can be distinguished.

A content that occurs again has been seen before the batch that it stands in, so by default a content counts once, at its first
place in the order, which takes reading the order. With `repeated` all sequences that the run reads are taken as they are; those
that it never reads differ from them, as nothing of theirs was repeated, and are left out.

The *correlation* is that of the quantity with the place in the order, over what the label says was seen; of contents that occur
once, unless `repeated`. Above 0, what came last is known best. No verdict depends on it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt

from seenat.memorization.labels.choose import Where
from seenat.memorization.studies.effects.boundary_gaps import Gaps, find_gaps
from seenat.memorization.studies.effects.rank_correlation import order_correlations
from seenat.memorization.studies.inputs.panels import Panel, panels
from seenat.memorization.studies.inputs.quantities import COMPARED, Quantity, quantity_of
from seenat.memorization.studies.inputs.study_data import StudyAnswer, open_study_data
from seenat.registry.answer import Answer, TableAnswer
from seenat.registry.catalog.catalog import Catalog
from seenat.registry.catalog.models import Model
from seenat.registry.errors import NotMeasured
from seenat.registry.orders.duplicate_sequences import MOST_SEQUENCES, order_contents

__all__ = ["LABEL_CONFIDENCE", "Boundary", "StepLabel", "StepLabels", "possible_steps", "step_labels"]

LABEL_CONFIDENCE = 0.99
"""The confidence that all intervals of a model hold at once."""


@dataclass(frozen=True, kw_only=True)
class Boundary(Answer):
    """One checkpoint's gap at one measured step."""

    step: int
    gap: float
    standard_error: float
    low: float
    high: float
    shown: bool
    excluded: bool


@dataclass(frozen=True, kw_only=True)
class StepLabel(Answer):
    """How one checkpoint's values agree with its label."""

    step: int
    """The label's."""
    before: int
    """Sequences measured of the batches between the measured step before and this one."""
    after: int
    """And of those up to the next measured step, or of all after the last one."""
    boundaries: tuple[Boundary, ...]
    """Ascending by step, without the steps beside which too few sequences were measured."""
    possible: tuple[int, ...]
    correlation: float | None
    """None where fewer than three seen sequences were measured, or all alike."""
    correlated: int

    json_names = (
        "step",
        "before",
        "after",
        "gap",
        "standard_error",
        "correlation",
        "correlated",
        "best",
        "possible",
        "verdict",
        "boundaries",
    )

    @property
    def own(self) -> Boundary | None:
        """The boundary at the label's step."""
        return next((boundary for boundary in self.boundaries if boundary.step == self.step), None)

    @property
    def gap(self) -> float | None:
        """The gap at the label's step; None where too few sequences were measured."""
        return None if self.own is None else self.own.gap

    @property
    def standard_error(self) -> float | None:
        """The standard error of the gap at the label's step."""
        return None if self.own is None else self.own.standard_error

    @property
    def best(self) -> int | None:
        """The step with the largest gap in standard errors, of those above 0."""
        above = [boundary for boundary in self.boundaries if boundary.gap > 0]
        return max(above, key=lambda boundary: boundary.gap / boundary.standard_error).step if above else None

    @property
    def verdict(self) -> str:
        """`consistent`, `inconsistent` or `undecided`."""
        if self.step not in self.possible:
            return "inconsistent"
        return "consistent" if len(self.possible) == 1 else "undecided"


@dataclass(frozen=True, kw_only=True)
class StepLabels(StudyAnswer, TableAnswer):
    """The labels of one model's measured checkpoints."""

    quantity: Quantity
    repeated: bool
    labels: tuple[StepLabel, ...]
    """Ascending by step."""

    table_field = "labels"
    json_names = (
        "model",
        "order",
        "protocol",
        "adaptive",
        "quantity",
        "unit",
        "repeated",
        "confidence",
        "labels",
    )

    @property
    def unit(self) -> str:
        """The unit of the quantity."""
        return self.quantity.unit

    @property
    def confidence(self) -> float:
        """The confidence that all intervals hold at once."""
        return LABEL_CONFIDENCE


def step_labels(
    catalog: Catalog,
    model: Model,
    protocol: str | None = None,
    *,
    quantity: str | None = None,
    repeated: bool = False,
    most: int = MOST_SEQUENCES,
    where: Where = None,
) -> StepLabels:
    """Hold every measured checkpoint of a model against its label, by a quantity of its measure, or by the usual one.

    Raises `NotMeasured` where no checkpoint was measured over the sequences on both sides of its step, `InvalidValue` for an order of more than
    `most` sequences unless `repeated`, and `UnknownOrder` where the run left its order before.
    """
    data = open_study_data(catalog, model, protocol, measures=COMPARED, where=where).without_adaptive()
    model.check_unaltered(data.steps[-1] - 1)
    contents = None if repeated else order_contents(model.order.source(), model.order.name, most)
    read = partial(panels, data, quantity_of(data.protocol, quantity))
    taking_part = _trained(read(), len(data.steps)) if contents is None else read(contents.first)
    found_gaps = find_gaps(taking_part, len(data.steps), LABEL_CONFIDENCE)
    if np.isnan(np.diag(found_gaps.gap)).all():
        raise NotMeasured(
            f"No checkpoint of {model.name} can be compared with its label: the sequences just before its step and just after it, "
            "up to the measured checkpoints beside it, must have been measured at it, both; run "
            f"`seenat memorize {model.name}{data.protocol.options} --unseen`."
        )
    correlations = order_correlations(data, read(None if contents is None else contents.once))
    return StepLabels(
        **data.scope(),
        quantity=quantity_of(data.protocol, quantity),
        repeated=repeated,
        labels=tuple(_labels(data.steps, found_gaps, correlations)),
    )


def possible_steps(gaps: Gaps) -> npt.NDArray[np.bool_]:
    """Which measured steps t are possible for each checkpoint c, `[c, t]`."""
    shown = gaps.shown
    places = np.arange(shown.shape[1])
    highest = np.where(shown, places, -1).max(axis=1)
    possible: npt.NDArray[np.bool_] = (places >= highest[:, None]) & ~gaps.excluded
    return possible


def _trained(read: Iterable[Panel], checkpoints: int) -> Iterator[Panel]:
    """Without the sequences that the run never reads."""
    for panel in read:
        kept = panel.cohorts <= checkpoints
        yield Panel(sequences=panel.sequences[kept], cohorts=panel.cohorts[kept], values=panel.values[:, kept])


def _labels(steps: tuple[int, ...], gaps: Gaps, correlations: list[tuple[float | None, int]]) -> Iterator[StepLabel]:
    possible = possible_steps(gaps)
    for place, (step, (correlation, correlated)) in enumerate(zip(steps, correlations, strict=True)):
        yield StepLabel(
            step=step,
            before=int(gaps.sequences[place, place]),
            after=int(gaps.sequences[place, place + 1]),
            boundaries=tuple(_boundaries(steps, gaps, place)),
            possible=tuple(steps[index] for index in np.flatnonzero(possible[place])),
            correlation=correlation,
            correlated=correlated,
        )


def _boundaries(steps: tuple[int, ...], gaps: Gaps, checkpoint: int) -> Iterator[Boundary]:
    for place in np.flatnonzero(~np.isnan(gaps.gap[checkpoint])).tolist():
        yield Boundary(
            step=steps[place],
            gap=float(gaps.gap[checkpoint, place]),
            standard_error=float(gaps.error[checkpoint, place]),
            low=float(gaps.low[checkpoint, place]),
            high=float(gaps.high[checkpoint, place]),
            shown=bool(gaps.shown[checkpoint, place]),
            excluded=bool(gaps.excluded[checkpoint, place]),
        )
