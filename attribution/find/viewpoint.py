"""Whose exposures are asked for: those of an order, of a model trained on it, or of one checkpoint.

An order alone counts batches by its own size. A model cuts the order by its own schedule, ends where its training ended,
and knows nothing of batches that were altered for it. A checkpoint had seen what its step's updates consumed.
"""

from __future__ import annotations

from dataclasses import dataclass

from seenat.registry.catalog.models import Checkpoint, Model
from seenat.registry.catalog.orders import Order
from seenat.registry.units import SequenceRange

__all__ = ["Viewpoint"]


@dataclass(frozen=True, kw_only=True)
class Viewpoint:
    """An order, and who looks at it."""

    order: Order
    model: Model | None = None
    step: int | None = None
    """Of the checkpoint; None for the end of the run."""

    @classmethod
    def of(cls, order: Order, model: Model | None, step: int | str | Checkpoint | None) -> Viewpoint:
        """Raises `UnknownCheckpoint` for a step that was not saved, `UnknownOrder` for a model whose order is not published."""
        if model is None:
            return cls(order=order)
        return cls(order=model.order, model=model, step=None if step is None else model.checkpoint(step).step)

    @property
    def sequences(self) -> SequenceRange:
        """The sequences that count."""
        total = self.order.geometry.sequences
        if self.model is None:
            return SequenceRange(0, total)
        schedule = self.model.schedule
        steps = schedule.steps if self.step is None else self.step
        if self.model.altered_from_step is not None:
            steps = min(steps, self.model.altered_from_step)
        return SequenceRange(0, min(total, schedule.sequences_seen(steps).stop))

    @property
    def altered_from_step(self) -> int | None:
        """From which batch on what was seen is not known, where that lies before the step that was asked for."""
        altered = None if self.model is None else self.model.altered_from_step
        if self.model is None or altered is None:
            return None
        return altered if altered < (self.model.schedule.steps if self.step is None else self.step) else None

    @property
    def sequences_per_batch(self) -> int:
        """S, by the model's schedule or the order's own batches."""
        return self.order.sequences_per_batch if self.model is None else self.model.schedule.sequences_per_batch

    def batch_of(self, sequence: int) -> int:
        """The batch that holds a sequence; its update makes step b + 1."""
        return sequence // self.sequences_per_batch

    def first_checkpoint_seen(self, sequence: int) -> int | None:
        """The first saved step that had seen a sequence; None without a model, or where no later one was saved."""
        return None if self.model is None else self.model.schedule.first_checkpoint_seen(sequence)

    def last_checkpoint_unseen(self, sequence: int) -> int | None:
        """The last saved step that had not seen a sequence; None without a model."""
        return None if self.model is None else self.model.schedule.last_checkpoint_unseen(sequence)
