"""Answers about the content of an order: where a batch or a sequence lies, what it holds, and which checkpoints saw it.

Ranges are half-open; steps, batches and sequences are integers. More JSON keys may come; the ones here stay.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar, Self

from seenat.registry.answer import Answer
from seenat.registry.catalog.models import Model
from seenat.registry.catalog.orders import Batch, Order
from seenat.registry.errors import InvalidValue
from seenat.registry.learning_rate import learning_rate
from seenat.registry.orders.extents import Extent
from seenat.registry.units import SequenceRange

if TYPE_CHECKING:
    from seenat.memorization.queries.recited import Recital
    from seenat.memorization.queries.trajectories import SequenceTrajectory
    from seenat.registry.orders.source import Tokens
    from seenat.registry.orders.text.documents import Document

__all__ = ["BatchAnswer", "ByteExtent", "SequenceAnswer"]


@dataclass(frozen=True, kw_only=True)
class ByteExtent(Answer):
    """Bytes that lie together in one file of an order."""

    file: str
    """Relative to the order's location where it lies within."""
    offset: int
    length: int

    @classmethod
    def of(cls, order: Order, extents: tuple[Extent, ...]) -> tuple[Self, ...]:
        """The extents of an order, files named as its location names them."""
        return tuple(
            cls(file=order.relative_name(extent.file), offset=extent.offset, length=extent.length) for extent in extents
        )


@dataclass(frozen=True, kw_only=True)
class BatchAnswer(Answer):
    """Where a batch lies, the checkpoints around it where a model was asked for, and its content on request."""

    order: str
    batch: int
    sequences: SequenceRange
    bytes: tuple[ByteExtent, ...]
    """Two where the batch straddles two files; empty for formats in which a sequence is not contiguous."""
    model: str | None = None
    last_checkpoint_before: int | None = None
    """Step of the last checkpoint that had not seen it."""
    first_checkpoint_after: int | None = None
    """Step of the first checkpoint that had seen it; None where no later one was saved."""
    trained_on: bool | None = None
    """Whether the run got so far; None without a model."""
    learning_rate: float | None = None
    """Of the update that consumed it; None where the run's hyper-parameters do not say it."""
    written: str | None = None
    """The file that its ids were written to."""
    tokens: Tokens | None = field(default=None, compare=False)
    """Its ids, `[sequences, tokens_per_sequence]`."""
    texts: tuple[str, ...] | None = None
    """One a sequence."""
    documents: tuple[tuple[Document, ...], ...] | None = None
    """Of each sequence, those that it holds, or parts of them."""

    json_only_with: ClassVar[Mapping[str, str]] = {
        "model": "model",
        "last_checkpoint_before": "model",
        "first_checkpoint_after": "model",
        "trained_on": "model",
        "learning_rate": "model",
        "written": "written",
        "tokens": "tokens",
        "texts": "texts",
        "documents": "documents",
    }

    @classmethod
    def of(cls, batch: Batch, model: Model | None = None, **content: Any) -> Self:
        """A batch, with a model the checkpoints around it; `content` is `written`, `tokens`, `texts` and `documents`."""
        around: dict[str, Any] = {}
        if model is not None:
            around = {
                "model": model.name,
                "last_checkpoint_before": model.schedule.last_checkpoint_before_batch(batch.index),
                "first_checkpoint_after": model.schedule.first_checkpoint_after_batch(batch.index),
                "trained_on": batch.index < model.schedule.steps,
                "learning_rate": _learning_rate(model, batch.index),
            }
        return cls(
            order=batch.order.name,
            batch=batch.index,
            sequences=batch.sequences,
            bytes=ByteExtent.of(batch.order, batch.extents()),
            **around,
            **content,
        )


def _learning_rate(model: Model, batch: int) -> float | None:
    """Of the update that consumed a batch; a run that states no decay is taken to fall to its end."""
    try:
        return learning_rate(model.hyperparameters, batch, model.schedule.steps)
    except InvalidValue:
        return None


@dataclass(frozen=True, kw_only=True)
class SequenceAnswer(Answer):
    """The place of a sequence, the checkpoints around it where a model was asked for, and what was measured of it."""

    order: str
    sequence: int
    model: str | None = None
    first_checkpoint_seen: int | None = None
    """Step of the first checkpoint that had seen it; None where no later one was saved."""
    last_checkpoint_unseen: int | None = None
    """Step of the last checkpoint that had not seen it."""
    trained_on: bool | None = None
    """Whether the run got so far; None without a model."""
    batch: int
    position: int
    """Its place in the batch, from 0."""
    bytes: tuple[ByteExtent, ...]
    trajectories: tuple[SequenceTrajectory, ...] | None = None
    """In every model of its order, by every protocol; None where they were not asked for."""
    tokens: Tokens | None = field(default=None, compare=False)
    """Its ids, `[1, tokens_per_sequence]`."""
    texts: tuple[str, ...] | None = None
    """Its text, alone."""
    documents: tuple[tuple[Document, ...], ...] | None = None
    """Those that it holds, or parts of them, alone."""
    recitals: tuple[Recital, ...] | None = None
    """With the text: what checkpoints said of it, by each protocol whose results tell."""

    json_only_with: ClassVar[Mapping[str, str]] = {
        "model": "model",
        "first_checkpoint_seen": "model",
        "last_checkpoint_unseen": "model",
        "trained_on": "model",
        "trajectories": "trajectories",
        "tokens": "tokens",
        "texts": "texts",
        "documents": "documents",
        "recitals": "recitals",
    }

    @classmethod
    def of(cls, order: Order, sequence: int, model: Model | None = None) -> Self:
        """A sequence, with a model the checkpoints around it.

        Raises `UnknownSequence` beyond the order, `UnknownOrder` for a sequence that was altered for this model.
        """
        # The order is asked first, whichever schedule then cuts it: it refuses what lies beyond its end.
        place: dict[str, Any] = {"batch": order.batch_of(sequence), "position": sequence % order.sequences_per_batch}
        if model is not None:
            schedule = model.schedule
            place = {
                "model": model.name,
                "first_checkpoint_seen": schedule.first_checkpoint_seen(sequence),
                "last_checkpoint_unseen": schedule.last_checkpoint_unseen(sequence),
                "trained_on": schedule.is_trained_on(sequence),
                "batch": schedule.batch_of(sequence),
                "position": schedule.position_of(sequence),
            }
            model.check_unaltered(schedule.batch_of(sequence))
        extents = order.extents(SequenceRange(sequence, sequence + 1))
        return cls(order=order.name, sequence=sequence, bytes=ByteExtent.of(order, extents), **place)

    def with_content(self, **content: Any) -> Self:
        """The same, with `trajectories`, `recitals`, `tokens`, `texts` or `documents`."""
        return replace(self, **content)
