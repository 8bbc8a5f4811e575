"""Models and checkpoints as values, with the arithmetic that connects them to their orders.

They are snapshots: reading the catalog makes them, nothing writes through them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from typing import TYPE_CHECKING, Any

from seenat.registry.catalog.orders import Batch, Order, OrderSequence, cut_batch
from seenat.registry.checkpoints.parameters import ParameterCount
from seenat.registry.errors import UnknownBatch, UnknownCheckpoint, UnknownOrder
from seenat.registry.schedule import Schedule
from seenat.registry.units import BatchRange, SequenceRange, whole_number

if TYPE_CHECKING:
    import datasets

__all__ = ["AliasSpec", "Checkpoint", "EarlierMeaning", "Model"]


@dataclass(frozen=True, slots=True, kw_only=True)
class AliasSpec:
    """Another name of a model, or a name that meant it for a time."""

    name: str
    valid_from: str | None = None
    """First day on which it did, as `2023-04-03`; None for always."""
    valid_until: str | None = None
    """First day on which it no longer did; None where it still does."""
    note: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EarlierMeaning:
    """A model that a name meant for a time, before it meant the one that has it now."""

    model: str
    valid_from: str | None
    valid_until: str | None
    note: str | None


@dataclass(frozen=True, kw_only=True)
class Model:
    """One training run."""

    id: int
    name: str
    suite: str
    family: str | None
    size: str | None
    training_order: Order | None
    """The order it was trained on; None where that is not published. `order` insists."""
    schedule: Schedule
    repository: str | None
    folder: str | None
    parameters: ParameterCount | None
    aliases: tuple[AliasSpec, ...]
    """Its other names, those of the past included."""
    earlier_meanings: tuple[EarlierMeaning, ...]
    """The models that its own name meant before it."""
    version: str | None
    order_note: str | None
    """Why its order is not known, or where parts of it can be had."""
    altered_from_step: int | None
    """From this step on it was trained on other batches than those of its order; None for most."""
    notes: tuple[str, ...]
    """What one should know before using it."""
    architecture: Mapping[str, Any]
    hyperparameters: Mapping[str, Any]
    checkpoints: tuple[Checkpoint, ...]
    """Ascending by step."""

    def __repr__(self) -> str:
        saved = f"{len(self.checkpoints):,} checkpoints" if len(self.checkpoints) != 1 else "1 checkpoint"
        return (
            f"<Model {self.name}: {saved} of {self.schedule.steps:,} steps, order {self.order_name or 'not published'}>"
        )

    def __hash__(self) -> int:
        return hash((self.id, self.name))

    @property
    def order(self) -> Order:
        """The order it was trained on; raises `UnknownOrder` where that is not published."""
        if self.training_order is None:
            raise UnknownOrder(
                f"The training order of {self.name} is not published as token files, so what it saw when cannot be looked "
                f"up: {self.order_note or 'nothing more is known'}.",
                model=self.name,
            )
        return self.training_order

    @property
    def order_name(self) -> str | None:
        """The name of its order; None where that is not published."""
        return self.training_order.name if self.training_order else None

    def checkpoint(self, step: int | str | Checkpoint) -> Checkpoint:
        """The checkpoint at a step (`3000`), of a revision, under a label (`"step3000"`), or the `"last"`.

        They differ only in runs whose labels do not count optimizer updates. Raises `UnknownCheckpoint` with the saved
        neighbours otherwise.
        """
        if isinstance(step, str) and step.strip() in self._by_revision:
            return self._by_revision[step.strip()]
        number = self._typed_step(step)
        if number not in self._by_step:
            raise self._unknown(int(number) if number == int(number) else number)
        return self._by_step[int(number)]

    def step_number(self, step: int | str | Checkpoint) -> int:
        """The updates of a step as it is typed, or of a checkpoint, whether or not this run saved one there.

        Raises `InvalidValue` for what is no step, `UnknownCheckpoint` for a label between two updates.
        """
        if isinstance(step, str) and step.strip() in self._by_revision:
            return self._by_revision[step.strip()].step
        number = self._typed_step(step)
        if number != int(number):
            raise self._unknown(number)
        return int(number)

    def _typed_step(self, step: int | str | Checkpoint) -> float:
        return step.step if isinstance(step, Checkpoint) else self.schedule.parse_step(step)

    @cached_property
    def _by_step(self) -> dict[int, Checkpoint]:
        return {checkpoint.step: checkpoint for checkpoint in self.checkpoints}

    @cached_property
    def _by_revision(self) -> dict[str, Checkpoint]:
        return {checkpoint.revision: checkpoint for checkpoint in self.checkpoints}

    def __getstate__(self) -> dict[str, Any]:
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def sequence(self, index: int) -> OrderSequence:
        """One sequence of its order; raises `UnknownSequence` beyond it, and `UnknownOrder` for one that was altered for this run."""
        sequence = self.order.sequence(index)
        self.check_unaltered(self.schedule.batch_of(sequence.index))
        return sequence

    def batch(self, index: int) -> Batch:
        """One batch of the run, as its own schedule cuts it.

        Raises `UnknownBatch` beyond the order, and `UnknownOrder` for a batch that was altered for this run.
        """
        self.check_unaltered(whole_number(index, "batch"))
        try:
            return cut_batch(self.order, index, self.schedule.sequences_per_batch)
        except UnknownBatch as error:
            if index < self.schedule.steps:
                raise
            raise UnknownBatch(
                f"{self.name} was not trained on a batch {index}: {self.last_batch_words}.",
                error.nearest,
                model=self.name,
            ) from None

    @property
    def last_batch_words(self) -> str:
        """Which batches it was trained on, as part of a sentence."""
        return f"its run took batches 0 to {self.schedule.steps - 1}" if self.schedule.steps else "its run took none"

    def dataset(
        self, from_step: int = 0, to_step: int | None = None, *, sequences_per_shard: int | None = None
    ) -> datasets.IterableDataset:
        """What the run trained on from one step to another, or to its end: `{sequence, input_ids, labels}`.

        It is what continues training from the checkpoint of `from_step`. Raises as `batch` does; see `exports.batches.training_dataset`.
        """
        from seenat.registry.exports.batches import training_dataset

        batches = BatchRange(from_step, self.schedule.steps if to_step is None else to_step)
        self.check_unaltered(batches.stop - 1)
        return training_dataset(
            self.order.source(),
            batches,
            order=self.order.name,
            sequences_per_batch=self.schedule.sequences_per_batch,
            sequences_per_shard=sequences_per_shard,
        )

    def tokens_seen(self, checkpoint: Checkpoint) -> int | None:
        """How many targets a checkpoint had been trained on: one fewer than the ids of each sequence; None if unknown."""
        if self.training_order is not None:
            return len(checkpoint.sequences_seen) * (self.training_order.geometry.tokens_per_sequence - 1)
        per_batch = self.hyperparameters.get("tokens_per_batch")
        return None if per_batch is None else checkpoint.step * int(per_batch)

    def check_unaltered(self, batch: int) -> None:
        """Raise `UnknownOrder` for a batch that was altered for this run, so that the order's is not what it saw."""
        if self.altered_from_step is not None and batch >= self.altered_from_step:
            raise UnknownOrder(
                f"{self.name} was trained on altered batches from step {self.altered_from_step} on, which are not published; "
                f"batch {batch} of {self.order.name} is not what it saw.",
                model=self.name,
                order=self.order.name,
            )

    def _unknown(self, step: float) -> UnknownCheckpoint:
        nearest = [saved for saved in self.schedule.neighbours_of(step) if saved is not None]
        if not nearest:
            return UnknownCheckpoint(f"{self.name} has no checkpoints.", model=self.name, step=step)
        words = " and ".join(str(saved) for saved in nearest)
        between = ""
        if len(nearest) == 2:
            between = f", and batches {nearest[0]} to {nearest[1] - 1} lie between them"
        return UnknownCheckpoint(
            f"{self.name} has no checkpoint at step {step}; the nearest {'is' if len(nearest) == 1 else 'are'} "
            f"{words}{between}.",
            nearest=nearest,
            model=self.name,
            step=step,
        )


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """A model at a step, with what is known without its order."""

    id: int
    model: str
    step: int
    revision: str
    status: str
    """`ok`, `suspect`, `wrong`, `missing` or `unknown`."""
    reason: str | None
    """The evidence for the status."""
    status_date: str | None
    source: str | None
    """Who says so."""
    commit_id: str | None
    digest: str | None
    """Over weights and configuration; None until the files were seen."""
    sequences_seen: SequenceRange
    batches_seen: BatchRange

    def __repr__(self) -> str:
        return f"<Checkpoint of {self.model} at step {self.step}: {self.status}>"
