"""The catalog's answers in the form that others build on: plain values under documented keys, for JSON and for pages.

More keys may come; the ones here stay. Ranges are half-open, `{"start", "stop"}`; steps, batches and sequences are integers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from seenat.registry.catalog.models import Checkpoint, Model
from seenat.registry.catalog.orders import Batch, Order
from seenat.registry.checkpoints.files import FileRecord
from seenat.registry.errors import InvalidValue
from seenat.registry.learning_rate import learning_rate
from seenat.registry.orders.extents import Extent
from seenat.registry.units import SequenceRange

if TYPE_CHECKING:
    from seenat.registry.catalog.status import Evidence

__all__ = ["batch_answer", "checkpoint_answer", "model_answer", "models_answer", "sequence_answer", "step_answer"]


def models_answer(models: Sequence[Model]) -> list[dict[str, Any]]:
    """`seenat models`: one entry a model."""
    return [
        {
            "name": model.name,
            "family": model.family,
            "size": model.size,
            "parameters": _parameters(model),
            "order": _order_name(model),
            "steps": len(model.schedule.saved),
            "repository": model.repository,
            "suite": model.suite,
        }
        for model in models
    ]


def model_answer(model: Model) -> dict[str, Any]:
    """`seenat model`: everything known of one model."""
    schedule = model.schedule
    return {
        **models_answer([model])[0],
        "aliases": [alias.name for alias in model.aliases if alias.valid_until is None],
        "former_names": [asdict(alias) for alias in model.aliases if alias.valid_until is not None],
        "earlier_meanings": [asdict(meaning) for meaning in model.earlier_meanings],
        "version": model.version,
        "order_note": model.order_note,
        "altered_from_step": model.altered_from_step,
        "notes": list(model.notes),
        "folder": model.folder,
        "schedule": {
            "steps": schedule.steps,
            "sequences_per_batch": schedule.sequences_per_batch,
            "saved": list(schedule.saved),
            "labels_per_step": schedule.labels_per_step,
            "revision": schedule.revision,
        },
        "architecture": dict(model.architecture),
        "hyperparameters": dict(model.hyperparameters),
    }


def checkpoint_answer(model: Model, checkpoint: Checkpoint) -> dict[str, Any]:
    """One entry of `seenat checkpoints`."""
    return {
        "model": model.name,
        "step": checkpoint.step,
        "revision": checkpoint.revision,
        "status": checkpoint.status,
        "reason": checkpoint.reason,
        "status_date": checkpoint.status_date,
        "sequences_seen": checkpoint.sequences_seen.to_json(),
        "tokens_seen": model.tokens_seen(checkpoint),
        "source": checkpoint.source,
        "digest": checkpoint.digest,
    }


def step_answer(
    model: Model, checkpoint: Checkpoint, files: Sequence[FileRecord] = (), evidence: Sequence[Evidence] = ()
) -> dict[str, Any]:
    """`seenat step`: what a checkpoint had seen, and what is known of it."""
    schedule, step = model.schedule, checkpoint.step
    before, after = schedule.neighbours_of(step)
    return {
        "model": model.name,
        "step": step,
        "revision": checkpoint.revision,
        "order": _order_name(model),
        "batches_seen": checkpoint.batches_seen.to_json(),
        "sequences_seen": checkpoint.sequences_seen.to_json(),
        "tokens_seen": model.tokens_seen(checkpoint),
        "last_batch": schedule.last_batch(step),
        "next_batch": schedule.next_batch(step),
        "previous_checkpoint": before,
        "next_checkpoint": after,
        "learning_rate": _learning_rate(model, step),
        "altered_from_step": model.altered_from_step,
        "status": checkpoint.status,
        "reason": checkpoint.reason,
        "status_date": checkpoint.status_date,
        "source": checkpoint.source,
        "evidence": [one.to_json() for one in evidence],
        "parameters": _parameters(model),
        "repository": model.repository,
        "digest": checkpoint.digest,
        "files": [{"name": file.name, "bytes": file.bytes, "sha256": file.sha256} for file in files],
    }


def batch_answer(batch: Batch, model: Model | None = None) -> dict[str, Any]:
    """`seenat batch`: a batch's sequences and bytes, and with a model the checkpoints around it."""
    answer: dict[str, Any] = {
        "order": batch.order.name,
        "batch": batch.index,
        "sequences": batch.sequences.to_json(),
        "bytes": [_extent(batch.order, extent) for extent in batch.extents()],
    }
    if model is not None:
        schedule = model.schedule
        answer |= {
            "model": model.name,
            "last_checkpoint_before": schedule.last_checkpoint_before_batch(batch.index),
            "first_checkpoint_after": schedule.first_checkpoint_after_batch(batch.index),
        }
    return answer


def sequence_answer(order: Order, sequence: int, model: Model | None = None) -> dict[str, Any]:
    """`seenat sequence`: its batch and position, and with a model the checkpoints around its batch.

    Raises `UnknownSequence` beyond the order, `UnknownOrder` for a sequence that was altered for this model.
    """
    batch = order.batch_of(sequence)
    position = sequence % order.sequences_per_batch
    answer: dict[str, Any] = {"order": order.name, "sequence": sequence}
    if model is not None:
        schedule = model.schedule
        batch, position = schedule.batch_of(sequence), schedule.position_of(sequence)
        model.check_unaltered(batch)
        answer |= {
            "model": model.name,
            "first_checkpoint_seen": schedule.first_checkpoint_seen(sequence),
            "last_checkpoint_unseen": schedule.last_checkpoint_unseen(sequence),
        }
    extents = order.extents(SequenceRange(sequence, sequence + 1))
    return {**answer, "batch": batch, "position": position, "bytes": [_extent(order, extent) for extent in extents]}


def _extent(order: Order, extent: Extent) -> dict[str, Any]:
    name = extent.file.relative_to(order.location) if extent.file.is_relative_to(order.location) else extent.file
    return {"file": str(name), "offset": extent.offset, "length": extent.length}


def _order_name(model: Model) -> str | None:
    return model.training_order.name if model.training_order else None


def _parameters(model: Model) -> dict[str, int] | None:
    return model.parameters.to_json() if model.parameters else None


def _learning_rate(model: Model, step: int) -> float | None:
    """Of the update that follows, where the run's decay is known."""
    try:
        return learning_rate(model.hyperparameters, step)
    except InvalidValue:
        return None
