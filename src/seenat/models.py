"""Answers about models and their checkpoints.

    ModelSummary      a row of the catalog
    ModelAnswer       everything known of one model
    CheckpointAnswer  a row of a search for checkpoints
    StepAnswer        what a checkpoint had seen, and what is known of it

Ranges are half-open; steps, batches and sequences are integers. More JSON keys may come; the ones here stay.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from seenat.registry.answer import Answer, Answers
from seenat.registry.catalog.models import Checkpoint, EarlierMeaning, Model
from seenat.registry.catalog.specs import AliasSpec
from seenat.registry.checkpoints.files import FileRecord
from seenat.registry.checkpoints.parameters import ParameterCount
from seenat.registry.errors import InvalidValue
from seenat.registry.learning_rate import learning_rate
from seenat.registry.schedule import Schedule
from seenat.registry.units import BatchRange, SequenceRange

if TYPE_CHECKING:
    from seenat.registry.catalog.status import Evidence
    from seenat.registry.suites.claims import Claim

__all__ = ["CheckpointAnswer", "FileAnswer", "ModelAnswer", "ModelSummary", "Models", "ScheduleAnswer", "StepAnswer"]


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
        "order": _order_name(model),
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
            architecture=model.architecture,
            hyperparameters=model.hyperparameters,
            claims=claims,
        )


@dataclass(frozen=True, kw_only=True)
class CheckpointAnswer(Answer):
    """A checkpoint in a list of checkpoints."""

    model: str
    step: int
    revision: str
    status: str
    """`ok`, `suspect`, `wrong`, `missing` or `unknown`."""
    reason: str | None
    status_date: str | None
    sequences_seen: SequenceRange
    tokens_seen: int | None
    source: str | None
    digest: str | None

    @classmethod
    def of(cls, model: Model, checkpoint: Checkpoint) -> Self:
        """What a model's checkpoint is called, had seen, and whether it can be trusted."""
        return cls(
            model=model.name,
            step=checkpoint.step,
            revision=checkpoint.revision,
            status=checkpoint.status,
            reason=checkpoint.reason,
            status_date=checkpoint.status_date,
            sequences_seen=checkpoint.sequences_seen,
            tokens_seen=model.tokens_seen(checkpoint),
            source=checkpoint.source,
            digest=checkpoint.digest,
        )


@dataclass(frozen=True, kw_only=True)
class FileAnswer(Answer):
    """A file of a checkpoint, as the catalog knows it."""

    name: str
    bytes: int
    sha256: str | None

    @classmethod
    def of(cls, file: FileRecord) -> Self:
        """What of a recorded file concerns its readers."""
        return cls(name=file.name, bytes=file.bytes, sha256=file.sha256)


@dataclass(frozen=True, kw_only=True)
class StepAnswer(Answer):
    """What a checkpoint had seen, and what is known of it."""

    model: str
    step: int
    revision: str
    order: str | None
    batches_seen: BatchRange
    sequences_seen: SequenceRange
    tokens_seen: int | None
    """Targets that it was trained on, one fewer than the ids of each sequence; None where that is unknown."""
    last_batch: int | None
    """None at step 0."""
    next_batch: int | None
    """None at the end of the run."""
    previous_checkpoint: int | None
    next_checkpoint: int | None
    learning_rate: float | None
    """Of the update that follows; None where the run's decay is not known."""
    altered_from_step: int | None
    status: str
    """`ok`, `suspect`, `wrong`, `missing` or `unknown`."""
    reason: str | None
    status_date: str | None
    source: str | None
    evidence: tuple[Evidence, ...]
    parameters: ParameterCount | None
    repository: str | None
    digest: str | None
    """Over weights and configuration; None until the files were seen."""
    files: tuple[FileAnswer, ...]

    @classmethod
    def of(
        cls,
        model: Model,
        checkpoint: Checkpoint,
        files: tuple[FileRecord, ...] = (),
        evidence: tuple[Evidence, ...] = (),
    ) -> Self:
        """What a model's checkpoint had seen, with its recorded files and the evidence for its status."""
        schedule, step = model.schedule, checkpoint.step
        before, after = schedule.neighbours_of(step)
        return cls(
            model=model.name,
            step=step,
            revision=checkpoint.revision,
            order=_order_name(model),
            batches_seen=checkpoint.batches_seen,
            sequences_seen=checkpoint.sequences_seen,
            tokens_seen=model.tokens_seen(checkpoint),
            last_batch=schedule.last_batch(step),
            next_batch=schedule.next_batch(step),
            previous_checkpoint=before,
            next_checkpoint=after,
            learning_rate=_learning_rate(model, step),
            altered_from_step=model.altered_from_step,
            status=checkpoint.status,
            reason=checkpoint.reason,
            status_date=checkpoint.status_date,
            source=checkpoint.source,
            evidence=evidence,
            parameters=model.parameters,
            repository=model.repository,
            digest=checkpoint.digest,
            files=tuple(map(FileAnswer.of, files)),
        )


def _order_name(model: Model) -> str | None:
    return model.training_order.name if model.training_order else None


def _learning_rate(model: Model, step: int) -> float | None:
    try:
        return learning_rate(model.hyperparameters, step)
    except InvalidValue:
        return None
