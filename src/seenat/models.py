"""Answers about models.

    ModelSummary  a row of the catalog
    ModelAnswer   everything known of one model
    RateAt        its learning rate at a step

Steps are integers. More JSON keys may come; the ones here stay.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from seenat.registry.answer import Answer, Answers
from seenat.registry.catalog.models import AliasSpec, EarlierMeaning, Model
from seenat.registry.checkpoints.parameters import ParameterCount
from seenat.registry.errors import InvalidValue
from seenat.registry.learning_rate import learning_rate
from seenat.registry.schedule import Schedule

if TYPE_CHECKING:
    from seenat.registry.suites.claims import Claim

__all__ = ["ModelAnswer", "ModelSummary", "Models", "RateAt", "ScheduleAnswer"]

_RATES = 200
"""Steps between which a curve of learning rates is straight: about the pixels of half a chart."""


@dataclass(frozen=True, kw_only=True)
class ModelSummary(Answer):
    """A model in a list of models."""

    name: str
    family: str | None
    size: str | None
    parameters: ParameterCount | None
    order: str | None
    """None where the training order is not published."""
    steps: int
    """Number of saved checkpoints."""
    repository: str | None
    suite: str

    @classmethod
    def of(cls, model: Model) -> ModelSummary:
        """The summary of a model."""
        return ModelSummary(**_summary(model))


def _summary(model: Model) -> dict[str, Any]:
    return {
        "name": model.name,
        "family": model.family,
        "size": model.size,
        "parameters": model.parameters,
        "order": model.order_name,
        "steps": len(model.schedule.saved),
        "repository": model.repository,
        "suite": model.suite,
    }


class Models(Answers[Model]):
    """Models; as JSON and as a table their summaries."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"Models({', '.join(model.name for model in self)})"

    def to_json(self) -> list[Any]:
        """One summary a model."""
        return [ModelSummary.of(model).to_json() for model in self]


@dataclass(frozen=True, kw_only=True)
class ScheduleAnswer(Answer):
    """How a run cut its order into batches, and which steps it saved."""

    steps: int
    """Optimizer updates of the whole run."""
    sequences_per_batch: int
    saved: tuple[int, ...]
    labels_per_step: int
    """How much a checkpoint's label grows with one step."""
    revision: str
    """The pattern of revision names, for example `step{label}`."""

    @classmethod
    def of(cls, schedule: Schedule) -> Self:
        """The schedule of a run."""
        return cls(
            steps=schedule.steps,
            sequences_per_batch=schedule.sequences_per_batch,
            saved=schedule.saved,
            labels_per_step=schedule.labels_per_step,
            revision=schedule.revision,
        )


@dataclass(frozen=True, kw_only=True)
class RateAt(Answer):
    """The learning rate of the update that turns a step into the next one."""

    step: int
    learning_rate: float


def _rates(model: Model) -> tuple[RateAt, ...]:
    """The curve of a run, from its first update to its last; empty where its decay is not known."""
    last, warmup = model.schedule.steps - 1, model.hyperparameters.get("warmup_steps") or 0
    steps = {*(round(last * place / _RATES) for place in range(_RATES + 1)), min(warmup, last)} if last >= 0 else set()
    try:
        rates = [(step, learning_rate(model.hyperparameters, step, model.schedule.steps)) for step in sorted(steps)]
    except InvalidValue:
        return ()
    return tuple(RateAt(step=step, learning_rate=rate) for step, rate in rates)


@dataclass(frozen=True, kw_only=True)
class ModelAnswer(ModelSummary):
    """Everything known of one model."""

    aliases: tuple[str, ...]
    """Other names that it has today."""
    former_names: tuple[AliasSpec, ...]
    earlier_meanings: tuple[EarlierMeaning, ...]
    """Models that had its name before."""
    version: str | None
    order_note: str | None
    """Why its order is not known, or where parts of it can be had."""
    altered_from_step: int | None
    """The first step that was trained on other batches than those of its order."""
    notes: tuple[str, ...]
    folder: str | None
    schedule: ScheduleAnswer
    learning_rates: tuple[RateAt, ...]
    """By its hyper-parameters, at about 200 steps; empty where its decay is not known."""
    architecture: Mapping[str, Any]
    hyperparameters: Mapping[str, Any]
    claims: tuple[Claim, ...] = ()
    """What sources state, by field, the primary one first."""

    @classmethod
    def of(cls, model: Model, claims: tuple[Claim, ...] = ()) -> Self:
        """Everything that a model and claims about it say."""
        return cls(
            **_summary(model),
            aliases=tuple(alias.name for alias in model.aliases if alias.valid_until is None),
            former_names=tuple(alias for alias in model.aliases if alias.valid_until is not None),
            earlier_meanings=model.earlier_meanings,
            version=model.version,
            order_note=model.order_note,
            altered_from_step=model.altered_from_step,
            notes=model.notes,
            folder=model.folder,
            schedule=ScheduleAnswer.of(model.schedule),
            learning_rates=_rates(model),
            architecture=model.architecture,
            hyperparameters=model.hyperparameters,
            claims=claims,
        )
