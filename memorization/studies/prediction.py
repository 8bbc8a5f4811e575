"""Whether an earlier checkpoint, or a smaller model, predicts what a model will have memorized.

As in Emergent and Predictable Memorization (arXiv 2304.11158): what the predictor has memorized is taken as a
prediction of what the target will have.

    precision   of the sequences that the predictor has memorized, the share that the target has
    recall      of those that the target has memorized, the share that the predictor has

Both over the sequences that both had seen and at which both were measured. An early checkpoint has not seen most of the order:
`recall_of_all` is the share among everything that the target has memorized, reached by the predictor or not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from seenat.memorization.labels.choose import Where
from seenat.memorization.queries.memorized import check_measured
from seenat.memorization.studies.inputs.study_data import StudyAnswer, StudyData, open_study_data
from seenat.registry.answer import Answer, TableAnswer
from seenat.registry.catalog.catalog import Catalog
from seenat.registry.catalog.models import Model
from seenat.registry.errors import InvalidValue, NotMeasured

__all__ = ["Prediction", "Predictions", "predictions"]


@dataclass(frozen=True, kw_only=True)
class Prediction(Answer):
    """How well the memorized sequences of one checkpoint predict those of the target."""

    model: str
    step: int
    sequences: int
    """Seen by both and measured at both."""
    predicted: int
    """Of these, memorized by the predictor."""
    memorized: int
    """Of these, memorized by the target."""
    both: int
    memorized_in_all: int
    """Memorized by the target, seen by the predictor or not."""

    json_names = (
        "model",
        "step",
        "sequences",
        "predicted",
        "memorized",
        "both",
        "precision",
        "recall",
        "recall_of_all",
    )

    @property
    def precision(self) -> float | None:
        """None where the predictor has memorized nothing."""
        return self.both / self.predicted if self.predicted else None

    @property
    def recall(self) -> float | None:
        """None where the target has memorized nothing of what both had seen."""
        return self.both / self.memorized if self.memorized else None

    @property
    def recall_of_all(self) -> float | None:
        """None where the target has memorized nothing."""
        return self.both / self.memorized_in_all if self.memorized_in_all else None


@dataclass(frozen=True, kw_only=True)
class Predictions(StudyAnswer, TableAnswer):
    """The predictions of one checkpoint, the target, by other checkpoints."""

    step: int
    predictions: tuple[Prediction, ...]
    """Earlier checkpoints of the target, then the other models as given; each ascending by step."""

    table_field = "predictions"
    json_names = ("model", "order", "protocol", "adaptive", "step", "predictions")


def predictions(
    catalog: Catalog,
    target: Model,
    others: Sequence[Model] | None = None,
    step: int | None = None,
    protocol: str | None = None,
    where: Where = None,
) -> Predictions:
    """How the earlier checkpoints of a model, and those of others, predict its checkpoint at a step, or its last measured one.

    `others` are, unless given, the models of fewer parameters that were measured over the same order by the same protocol.
    Raises `NotMeasured` for a model or step without results, `InvalidValue` for a model of another order.
    """
    data = open_study_data(catalog, target, protocol, where=where)
    step = data.steps[-1] if step is None else step
    check_measured(target, data.protocol, step, data.steps)
    chosen = _smaller(catalog, data) if others is None else _given(catalog, data, others)
    predictors = [
        (data, tuple(earlier for earlier in data.steps if earlier < step)),
        *((other, other.steps) for other in chosen),
    ]
    return Predictions(**data.scope(*chosen), step=step, predictions=_predictions(data, step, predictors))


def _smaller(catalog: Catalog, target: StudyData) -> list[StudyData]:
    """Measured models of the same order with fewer parameters, the smallest first."""
    size = target.model.parameters
    if size is None:
        return []
    smaller = [
        (model.parameters.total, model.name, model)
        for model in catalog.models(order=target.model.order.name)
        if model.parameters is not None and model.parameters.total < size.total
    ]
    measured = []
    for _, _, model in sorted(smaller, key=lambda entry: entry[:2]):
        try:
            measured.append(_of(catalog, target, model))
        except NotMeasured:
            continue
    return measured


def _given(catalog: Catalog, target: StudyData, models: Sequence[Model]) -> list[StudyData]:
    """Those of the models that are not the target, which predicts by its earlier checkpoints only."""
    return [_of(catalog, target, model) for model in models if model.id != target.model.id]


def _of(catalog: Catalog, target: StudyData, model: Model) -> StudyData:
    if model.order.digest != target.model.order.digest:
        raise InvalidValue(
            f"{model.name} was trained on {model.order.name}, not on {target.model.order.name} as {target.model.name} was, so "
            "sequences of the same index are not the same; choose models of one order."
        )
    return open_study_data(catalog, model, target.protocol.id)


def _predictions(
    target: StudyData, step: int, predictors: Sequence[tuple[StudyData, tuple[int, ...]]]
) -> tuple[Prediction, ...]:
    counts = [np.zeros((4, len(steps)), np.int64) for _, steps in predictors]
    in_all = 0
    for sequences in target.ranges(target.seen(step)):
        truth = target.points(sequences, (step,))
        in_all += int(truth.memorized.sum())
        for (data, steps), sums in zip(predictors, counts, strict=True):
            guess = data.points(sequences, steps)
            shared = guess.measured & truth.measured
            for place, flags in enumerate(
                (shared, shared & guess.memorized, shared & truth.memorized, guess.memorized & truth.memorized)
            ):
                sums[place] += flags.sum(axis=1)
    return tuple(
        Prediction(
            model=data.model.name,
            step=predictor_step,
            sequences=shared,
            predicted=predicted,
            memorized=memorized,
            both=both,
            memorized_in_all=in_all,
        )
        for (data, steps), sums in zip(predictors, counts, strict=True)
        for predictor_step, (shared, predicted, memorized, both) in zip(steps, sums.T.tolist(), strict=True)
    )
