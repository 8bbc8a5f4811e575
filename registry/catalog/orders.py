"""Orders, their batches and their sequences as values. An order's files are read only when ids are requested."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, SupportsIndex, overload

from seenat.registry.checkpoints.files import FileRecord
from seenat.registry.errors import CorruptFile, InvalidValue, UnknownBatch, UnknownOrder
from seenat.registry.orders.extents import Extent, ExtentMap, HubPath
from seenat.registry.orders.geometry import Geometry
from seenat.registry.orders.order_files import FLAT_FORMATS, PACKED, OrderFiles
from seenat.registry.storage.file_state import FileState, state_of
from seenat.registry.units import BatchRange, SequenceRange, whole_number

if TYPE_CHECKING:
    import datasets

    from seenat.registry.orders.source import Tokens, TokenSource

__all__ = ["Batch", "Order", "OrderSequence", "Sequences", "cut_batch"]


@dataclass(frozen=True, kw_only=True)
class Order:
    """An immutable training order. Its length is that of its sequences, which it gives by index and one after the other."""

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

    def __repr__(self) -> str:
        ids, size = self.geometry.tokens_per_sequence, self.sequences_per_batch
        return f"<Order {self.name}: {len(self):,} sequences of {ids:,} ids, batches of {size:,}>"

    def __hash__(self) -> int:
        return hash((self.id, self.name))

    def __len__(self) -> int:
        return self.geometry.sequences

    def __iter__(self) -> Iterator[OrderSequence]:
        return (OrderSequence(order=self, index=index) for index in self.sequences)

    @overload
    def __getitem__(self, index: SupportsIndex) -> OrderSequence: ...

    @overload
    def __getitem__(self, index: slice) -> Sequences: ...

    def __getitem__(self, index: SupportsIndex | slice) -> OrderSequence | Sequences:
        return Sequences(order=self, sequences=self.sequences)[index]

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

    def sequence(self, index: int) -> OrderSequence:
        """One sequence; raises `UnknownSequence` beyond the order."""
        number = whole_number(index, "sequence")
        if number not in self.sequences:
            raise self.geometry.unknown(number, f"The order {self.name}")
        return OrderSequence(order=self, index=number)

    def texts(self, sequences: SequenceRange) -> tuple[str, ...]:
        """The text of each of consecutive sequences; raises `InvalidValue` for an order without a tokenizer."""
        from seenat.registry.orders.text.detokenize import decode

        return tuple(decode(self.tokenizer, self.source().tokens(sequences), order=self.name))

    def batch_of(self, sequence: int) -> int:
        """The batch that holds a sequence; raises `UnknownSequence` beyond the order."""
        if sequence not in self.sequences:
            raise self.geometry.unknown(sequence, f"The order {self.name}")
        return sequence // self.sequences_per_batch

    def extents(self, sequences: SequenceRange) -> tuple[Extent, ...]:
        """Where the bytes of consecutive sequences lie, in order; several where files are cut within them.

        Empty for Parquet and index maps, where the bytes of a sequence are not contiguous.
        """
        span = self.geometry.bytes_of(sequences)
        return self._pieces.extents(span) if self.format in FLAT_FORMATS else ()

    def relative_name(self, file: Path | HubPath) -> str:
        """One of its files as it is called where it lies, or in full where it lies elsewhere."""
        name = self._relative_names.get(file)
        if name is None:
            name = str(file.relative_to(self.location) if file.is_relative_to(self.location) else file)
            self._relative_names[file] = name
        return name

    def source(self) -> TokenSource:
        """The reader of this order's ids.

        Nothing is fetched from a hub before ids are read. Raises `CorruptFile` when local ones are not what was
        registered, `InvalidValue` for a location that is neither a folder nor on the hub, and `UnknownOrder` for a format
        that is not read from there.
        """
        from seenat.registry.orders.formats.flat import FlatOrder

        if not self.is_local:
            from seenat.registry.orders.remote.order import open_remote

            if self.format not in FLAT_FORMATS:
                raise UnknownOrder(
                    f"The files of the order {self.name} are at {self.location}, and {self.format} is read from local files "
                    "only; download them and register them with a SUITE.toml.",
                    order=self.name,
                )
            return open_remote(self.location, self.files, self.geometry, self.sequences_per_batch, self.vocab_size)
        state = tuple(_state_of(Path(self.location, file.name), file) for file in self.files)
        if self.format in FLAT_FORMATS:
            return FlatOrder(self.geometry, self._pieces.pieces, self.vocab_size)
        return self._reader(state)

    def dataset(self, steps: tuple[int, int], *, sequences_per_shard: int | None = None) -> datasets.IterableDataset:
        """The sequences of the batches that lead from one step to another, to train on: `{sequence, input_ids, labels}`.

        See `exports.batches.training_dataset`.
        """
        from seenat.registry.exports.batches import training_dataset

        return training_dataset(
            self.source(),
            BatchRange(*steps),
            order=self.name,
            sequences_per_batch=self.sequences_per_batch,
            sequences_per_shard=sequences_per_shard,
        )

    def _reader(self, state: tuple[FileState, ...]) -> TokenSource:
        """The reader of a format with footers or maps. It is kept as long as the files stay in this state."""
        reader = self._readers.get(state)
        if reader is None:
            reader = self._open()
            self._readers.clear()
            self._readers[state] = reader
        return reader

    @cached_property
    def _readers(self) -> dict[tuple[FileState, ...], TokenSource]:
        return {}

    def _open(self) -> TokenSource:
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
            # No other is registered.
            pack_impl=PACKED,
            **paths,
        )
        return open_order(described)

    def __getstate__(self) -> dict[str, Any]:
        # What is computed on demand is left behind: readers hold open files.
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @cached_property
    def _relative_names(self) -> dict[Path | HubPath, str]:
        return {}

    @cached_property
    def _pieces(self) -> ExtentMap:
        place = Path if self.is_local else HubPath
        return ExtentMap(
            Extent(place(self.location, file.name), file.data_offset, file.bytes - file.data_offset)
            for file in self.files
            if file.role == "tokens"
        )


def _state_of(path: Path, file: FileRecord) -> FileState:
    """The state of a file; raises `CorruptFile` unless it is as long as when it was registered."""
    try:
        state = state_of(path)
    except OSError as error:
        raise CorruptFile(
            f"{path} cannot be read: {error.strerror}; restore it, or register its suite again."
        ) from error
    if state.bytes != file.bytes:
        raise CorruptFile(
            f"{path} has {state.bytes} bytes, and had {file.bytes} when it was registered; restore it, or register its "
            "suite again."
        )
    return state


@dataclass(frozen=True, kw_only=True)
class Sequences:
    """Consecutive sequences of an order: a row of them, and an array of ids for `numpy.asarray`."""

    order: Order
    sequences: SequenceRange

    def __repr__(self) -> str:
        return f"<Sequences {self.sequences} of {self.order.name}>"

    def __len__(self) -> int:
        return len(self.sequences)

    def __iter__(self) -> Iterator[OrderSequence]:
        return (OrderSequence(order=self.order, index=index) for index in self.sequences)

    @overload
    def __getitem__(self, position: SupportsIndex) -> OrderSequence: ...

    @overload
    def __getitem__(self, position: slice) -> Sequences: ...

    def __getitem__(self, position: SupportsIndex | slice) -> OrderSequence | Sequences:
        indices = range(self.sequences.start, self.sequences.stop)
        if isinstance(position, slice):
            chosen = _consecutive(indices, position)
            return Sequences(order=self.order, sequences=SequenceRange(chosen.start, max(chosen.start, chosen.stop)))
        place = whole_number(position, "place of a sequence")
        try:
            return OrderSequence(order=self.order, index=indices[place])
        except IndexError:  # Which ends whatever walks by index.
            raise IndexError(f"There is no sequence at place {place}; there are {len(self):,}, from 0 on.") from None

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        return _array(self.tokens(), dtype, copy)

    def extents(self) -> tuple[Extent, ...]:
        """Where its bytes lie; two where it straddles two files."""
        return self.order.extents(self.sequences)

    def tokens(self) -> Tokens:
        """Its ids, `[sequences, tokens_per_sequence]`, in the order's own type."""
        return self.order.source().tokens(self.sequences)

    def text(self) -> tuple[str, ...]:
        """The text of each of its sequences; raises `InvalidValue` for an order without a tokenizer."""
        return self.order.texts(self.sequences)


@dataclass(frozen=True, kw_only=True)
class Batch(Sequences):
    """A batch of an order, as some schedule cuts it."""

    index: int

    def __repr__(self) -> str:
        return f"<Batch {self.index} of {self.order.name}: sequences {self.sequences}>"


@dataclass(frozen=True, kw_only=True)
class OrderSequence:
    """A sequence of an order: a row of ids, which `numpy.asarray` takes."""

    order: Order
    index: int

    def __repr__(self) -> str:
        return f"<Sequence {self.index} of {self.order.name}>"

    def __len__(self) -> int:
        return self.order.geometry.tokens_per_sequence

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        return _array(self.tokens(), dtype, copy)

    @property
    def batch(self) -> int:
        """The batch that holds it, as the order counts them."""
        return self.order.batch_of(self.index)

    def tokens(self) -> Tokens:
        """Its ids, `[tokens_per_sequence]`, in the order's own type."""
        row: Tokens = self.order.source().tokens(SequenceRange(self.index, self.index + 1))[0]
        return row

    def text(self) -> str:
        """Its text; raises `InvalidValue` for an order without a tokenizer."""
        return self.order.texts(SequenceRange(self.index, self.index + 1))[0]


def _consecutive(indices: range, places: slice) -> range:
    """The indices at some places, one after the other."""
    bounds = (None if end is None else whole_number(end, "place of a sequence") for end in (places.start, places.stop))
    if places.step not in (None, 1):
        raise InvalidValue(
            f"Sequences are taken one after the other, not by steps of {places.step!r}; leave out the step."
        )
    return indices[slice(*bounds)]


def _array(ids: Tokens, dtype: Any, copy: bool | None) -> Any:
    """What numpy asks of an object for an array: ids are read anew each time, so there is nothing to share."""
    if copy is False:
        raise ValueError("Ids are read from files, so an array of them is always new; leave out copy=False.")
    return ids if dtype is None else ids.astype(dtype)


def cut_batch(order: Order, index: int, size: int) -> Batch:
    """Batch `index` of an order cut into batches of `size` sequences, the last of which may be short."""
    index, last = whole_number(index, "batch"), (order.geometry.sequences - 1) // size
    if not 0 <= index <= last:
        raise UnknownBatch(
            f"The order {order.name} has no batch {index}: it holds batches 0 to {last} of {size} sequences.",
            nearest=[0 if index < 0 else last],
            order=order.name,
        )
    stop = min((index + 1) * size, order.geometry.sequences)
    return Batch(order=order, index=index, sequences=SequenceRange(index * size, stop))
