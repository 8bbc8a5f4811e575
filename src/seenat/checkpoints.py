"""Answers about checkpoints, and about reading which of them there are.

    CheckpointAnswer  a row of a search for checkpoints
    BrokenCheckpoints those that cannot be trusted for one reason
    StepAnswer        what a checkpoint had seen, and what is known of it
    SyncAnswer        which checkpoints the hub has, and the audit after it

Ranges are half-open; steps, batches and sequences are integers. More JSON keys may come; the ones here stay.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from seenat.registry.answer import Answer, Answers
from seenat.registry.catalog.models import Checkpoint, Model
from seenat.registry.catalog.status import NO_LONGER_STATED
from seenat.registry.checkpoints.files import FileRecord
from seenat.registry.checkpoints.parameters import ParameterCount
from seenat.registry.errors import InvalidValue
from seenat.registry.learning_rate import learning_rate
from seenat.registry.units import BatchRange, SequenceRange

if TYPE_CHECKING:
    from seenat.registry.catalog.status import Evidence
    from seenat.registry.errors import HubUnavailable
    from seenat.registry.integrity.audit import Audit
    from seenat.registry.integrity.sync import Failure, Synced

__all__ = [
    "BrokenCheckpoints",
    "BrokenSteps",
    "CheckpointAnswer",
    "FileAnswer",
    "StepAnswer",
    "SyncAnswer",
    "broken_checkpoints",
]


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
class BrokenSteps(Answer):
    """Checkpoints of one model that share a fault."""

    model: str
    steps: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class BrokenCheckpoints(Answer):
    """Checkpoints that are wrong, suspect or missing for one reason."""

    status: str
    reason: str | None
    source: str | None
    """Who says so first."""
    date: str | None
    models: tuple[BrokenSteps, ...]

    json_names = ("status", "reason", "checkpoints", "models", "source", "date")

    @property
    def checkpoints(self) -> int:
        """How many they are."""
        return sum(len(one.steps) for one in self.models)


_BROKEN = ("wrong", "suspect", "missing")


def broken_checkpoints(models: Iterable[Model]) -> Answers[BrokenCheckpoints]:
    """The wrong, suspect and missing checkpoints of models, by status and reason."""
    groups: dict[tuple[str, str | None], list[tuple[Model, Checkpoint]]] = {}
    for model in models:
        for checkpoint in model.checkpoints:
            if checkpoint.status in _BROKEN and checkpoint.reason != NO_LONGER_STATED:
                groups.setdefault((checkpoint.status, checkpoint.reason), []).append((model, checkpoint))
    ordered = sorted(groups.items(), key=lambda group: _BROKEN.index(group[0][0]))  # Within a status as they were met.
    return Answers(_broken(*key, found) for key, found in ordered)


def _broken(status: str, reason: str | None, found: list[tuple[Model, Checkpoint]]) -> BrokenCheckpoints:
    steps: dict[str, list[int]] = {}
    for model, checkpoint in found:
        steps.setdefault(model.name, []).append(checkpoint.step)
    first = found[0][1]
    return BrokenCheckpoints(
        status=status,
        reason=reason,
        source=first.source,
        date=first.status_date,
        models=tuple(BrokenSteps(model=name, steps=tuple(of_model)) for name, of_model in steps.items()),
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
            order=model.order_name,
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


@dataclass(frozen=True, kw_only=True)
class SyncAnswer(Answer):
    """What the hub has of some models, and what an audit then finds."""

    models: tuple[Synced, ...]
    failures: tuple[Failure, ...]
    """Models whose repositories could not be read."""
    audit: Audit
    unreached: HubUnavailable | None = None
    """Why nothing could be read any more, where the hub stopped answering."""

    json_names = ("models", "failures", "audit")


def _learning_rate(model: Model, step: int) -> float | None:
    try:
        return learning_rate(model.hyperparameters, step)
    except InvalidValue:
        return None
