"""What a catalog is made of: orders, models and checkpoints as values, with the arithmetic that connects them.

They are snapshots: reading the catalog makes them, nothing writes through them. An order's ids are read from its files
when they are asked for, never before.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seenat.registry.catalog.specs import AliasSpec, FileRecord, ParameterCount
from seenat.registry.errors import CorruptFile, UnknownBatch, UnknownCheckpoint, UnknownOrder
from seenat.registry.orders.extents import Extent, ExtentMap
from seenat.registry.orders.geometry import Geometry
from seenat.registry.orders.order_files import FLAT_FORMATS, OrderFiles
from seenat.registry.schedule import Schedule
from seenat.registry.units import BatchRange, SequenceRange, parse_step

if TYPE_CHECKING:
    import datasets

    from seenat.registry.orders.source import Tokens, TokenSource

__all__ = ["Batch", "Checkpoint", "EarlierMeaning", "Model", "Order"]


@dataclass(frozen=True, kw_only=True)
class Order:
    """An immutable training order."""

    id: int
    name: str
    suite: str
    geometry: Geometry
    sequences_per_batch: int
    vocab_size: int | None
    eos_id: int | None
    """The id that ends a document; None where the order has none."""
    format: str
    location: str
    """Folder of the files, or `hf://datasets/...`."""
    tokenizer: str | None
    digest: str | None
    """Over geometry and content; None until every file's digest is known."""
    files: tuple[FileRecord, ...]

    @property
    def is_local(self) -> bool:
        """Whether the files are in a folder of this machine."""
        return "://" not in self.location

    @property
    def batches(self) -> BatchRange:
        """All batches; the last one may be short."""
        return BatchRange(0, -(-self.geometry.sequences // self.sequences_per_batch))

    @property
    def sequences(self) -> SequenceRange:
        """All sequences."""
        return self.geometry.all_sequences

    def batch(self, index: int) -> Batch:
        """One batch; raises `UnknownBatch` beyond the order."""
        return cut_batch(self, index, self.sequences_per_batch)

    def batch_of(self, sequence: int) -> int:
        """The batch that holds a sequence; raises `UnknownSequence` beyond the order."""
        if sequence not in self.sequences:
            raise self.geometry.unknown(sequence)
        return sequence // self.sequences_per_batch

    def extents(self, sequences: SequenceRange) -> tuple[Extent, ...]:
        """Where the bytes of consecutive sequences lie, in order; several where files are cut within them.

        None for formats in which no sequence lies in one place: Parquet, index maps.
        """
        span = self.geometry.bytes_of(sequences)
        return self._pieces.extents(span) if self.format in FLAT_FORMATS else ()

    def source(self) -> TokenSource:
        """The reader of this order's ids.

        Files on the hub are asked for when ids are, never here. Raises `CorruptFile` when local ones are not what was
        registered, `InvalidValue` for a location that is neither a folder nor on the hub, and `UnknownOrder` for a format
        that is not read from there.
        """
        from seenat.registry.orders.formats.flat import FlatOrder

        if not self.is_local:
            from seenat.registry.orders.remote.order import open_remote

            if self.format not in FLAT_FORMATS:
                raise UnknownOrder(
                    f"The files of the order {self.name} are at {self.location}, and {self.format} is read from local files "
                    "only; download them and register them with a SUITE.toml."
                )
            return open_remote(self.location, self.files, self.geometry, self.sequences_per_batch, self.vocab_size)
        for file in self.files:
            _check_length(Path(self.location, file.name), file)
        if self.format not in FLAT_FORMATS:
            return self._opened
        return FlatOrder(self.geometry, self._pieces.pieces, self.vocab_size)

    def dataset(self, steps: tuple[int, int], *, sequences_per_shard: int | None = None) -> datasets.IterableDataset:
        """The sequences of the batches that lead from one step to another, to train on: `{sequence, input_ids, labels}`.

        See `exporting.training_dataset`.
        """
        from seenat.registry.exports.batches import training_dataset

        return training_dataset(
            self.source(),
            BatchRange(*steps),
            order=self.name,
            sequences_per_batch=self.sequences_per_batch,
            sequences_per_shard=sequences_per_shard,
        )

    @cached_property
    def _opened(self) -> TokenSource:
        """The reader where it takes more than arithmetic to make one: footers or maps are looked at once."""
        from seenat.registry.orders.formats.open import open_order

        paths = {file.role: Path(self.location, file.name) for file in self.files if file.role != "tokens"}
        described = OrderFiles(
            name=self.name,
            format=self.format,
            files=tuple(Path(self.location, file.name) for file in self.files if file.role == "tokens"),
            sequences=self.geometry.sequences,
            tokens_per_sequence=self.geometry.tokens_per_sequence,
            dtype=self.geometry.dtype,
            vocab_size=self.vocab_size,
            sequences_per_batch=self.sequences_per_batch,
            **paths,
        )
        return open_order(described)

    @cached_property
    def _pieces(self) -> ExtentMap:
        return ExtentMap(
            Extent(Path(self.location, file.name), file.data_offset, file.bytes - file.data_offset)
            for file in self.files
            if file.role == "tokens"
        )


def _check_length(path: Path, file: FileRecord) -> None:
    try:
        found = path.stat().st_size
    except OSError as error:
        raise CorruptFile(
            f"{path} cannot be read: {error.strerror}; restore it, or register its suite again."
        ) from error
    if found != file.bytes:
        raise CorruptFile(
            f"{path} has {found} bytes, and had {file.bytes} when it was registered; restore it, or register its suite again."
        )


@dataclass(frozen=True, kw_only=True)
class Batch:
    """A batch of an order, as some schedule cuts it."""

    order: Order
    index: int
    sequences: SequenceRange

    def extents(self) -> tuple[Extent, ...]:
        """Where its bytes lie; two where it straddles two files."""
        return self.order.extents(self.sequences)

    def tokens(self) -> Tokens:
        """Its ids, `[sequences, tokens_per_sequence]`, in the order's own type."""
        return self.order.source().tokens(self.sequences)


def cut_batch(order: Order, index: int, size: int) -> Batch:
    """Batch `index` of an order cut into batches of `size` sequences, of which the last may be short."""
    last = (order.geometry.sequences - 1) // size
    if not 0 <= index <= last:
        raise UnknownBatch(
            f"The order {order.name} has no batch {index}: it holds batches 0 to {last} of {size} sequences.",
            nearest=[0 if index < 0 else last],
        )
    stop = min((index + 1) * size, order.geometry.sequences)
    return Batch(order=order, index=index, sequences=SequenceRange(index * size, stop))


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

    @property
    def order(self) -> Order:
        """The order it was trained on; raises `UnknownOrder` where that is not published."""
        if self.training_order is None:
            raise UnknownOrder(
                f"The training order of {self.name} is not published as token files, so what it saw when cannot be looked "
                f"up: {self.order_note or 'nothing more is known'}."
            )
        return self.training_order

    def checkpoint(self, step: int | str) -> Checkpoint:
        """The checkpoint at a step (`3000`), of a revision, or under a label (`"step3000"`).

        They differ only in runs whose labels do not count optimizer updates. Raises `UnknownCheckpoint` with the saved
        neighbours otherwise.
        """
        by_revision = {checkpoint.revision: checkpoint for checkpoint in self.checkpoints}
        by_step = {checkpoint.step: checkpoint for checkpoint in self.checkpoints}
        name, labels = str(step).strip(), 1
        if not name.isdecimal():
            if name in by_revision:
                return by_revision[name]
            labels = self.schedule.labels_per_step
        number, rest = divmod(parse_step(name), labels)
        if rest or number not in by_step:
            raise self._unknown(number + rest / labels if rest else number)
        return by_step[number]

    def batch(self, index: int) -> Batch:
        """One batch of the run, as its own schedule cuts it.

        Raises `UnknownBatch` beyond the order, and `UnknownOrder` for a batch that was altered for this run.
        """
        self.check_unaltered(index)
        return cut_batch(self.order, index, self.schedule.sequences_per_batch)

    def dataset(
        self, from_step: int = 0, to_step: int | None = None, *, sequences_per_shard: int | None = None
    ) -> datasets.IterableDataset:
        """What the run trained on from one step to another, or to its end: `{sequence, input_ids, labels}`.

        Training goes on from the checkpoint of `from_step` with it. Raises as `batch` does; see `exporting.training_dataset`.
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
                f"batch {batch} of {self.order.name} is not what it saw."
            )

    def _unknown(self, step: float) -> UnknownCheckpoint:
        nearest = [saved for saved in self.schedule.neighbours_of(step) if saved is not None]
        if not nearest:
            return UnknownCheckpoint(f"{self.name} has no checkpoints.")
        listed = " and ".join(str(saved) for saved in nearest)
        between = ""
        if len(nearest) == 2:
            between = f", and batches {nearest[0]} to {nearest[1] - 1} lie between them"
        return UnknownCheckpoint(
            f"{self.name} has no checkpoint at step {step}; the nearest {'is' if len(nearest) == 1 else 'are'} "
            f"{listed}{between}.",
            nearest=nearest,
        )


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """A model at a step; it holds what can be told without its order."""

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
