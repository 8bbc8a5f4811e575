"""The reader of every format whose ids lie flat in files: pieces of bytes, mapped when they are first read.

Everything is counted in bytes and ids are formed last, because a piece may end within an id. Invariants: the pieces
together are exactly as long as the geometry says, and each lies within its file. Both were checked when the order was
opened; a piece is checked against its file again when it is mapped. From then on the file must stay as it is: shortening
a mapped file kills the process that reads it, as with every memory map.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from seenat.registry.errors import CorruptFile, InvalidValue
from seenat.registry.orders.bounds import check_positions, checked_indices
from seenat.registry.orders.extents import Extent, ExtentMap
from seenat.registry.orders.geometry import ByteRange, Geometry
from seenat.registry.orders.source import Sequences, Tokens
from seenat.registry.orders.vocabulary import check_ids
from seenat.registry.orders.windows import checked_windows
from seenat.registry.units import SequenceRange

__all__ = ["MAX_MAPS", "FlatOrder"]

MAX_MAPS = 64
"""Most files of one order that are mapped at a time; the least recently read is unmapped first. Each map holds a file handle.

This is three times Pythia's 21 shards, and far below the 256 handles that some systems allow a process.
"""

_Bytes = npt.NDArray[np.uint8]


class FlatOrder:
    """A `TokenSource` over byte pieces. It maps files when they are first read; a pickled copy has none mapped."""

    def __init__(self, geometry: Geometry, pieces: Iterable[Extent], vocab_size: int | None = None) -> None:
        self._geometry = geometry
        self._pieces = ExtentMap(pieces)
        self._vocab_size = vocab_size
        if self._pieces.total_bytes != geometry.total_bytes:
            raise InvalidValue(
                f"The pieces of an order must hold the {geometry.total_bytes} bytes of its geometry, "
                f"not {self._pieces.total_bytes}."
            )
        self._mapped: Callable[[Extent], _Bytes] = lru_cache(maxsize=MAX_MAPS)(_map)

    def __reduce__(self) -> tuple[Any, ...]:
        return FlatOrder, (self._geometry, self._pieces.pieces, self._vocab_size)

    @property
    def geometry(self) -> Geometry:
        """How many sequences, of how many ids, of which type."""
        return self._geometry

    def tokens(self, sequences: SequenceRange) -> Tokens:
        """All ids of consecutive sequences; see `TokenSource.tokens`."""
        data = self._read(self._geometry.bytes_of(sequences))
        tokens = self._ids(data, len(sequences), self._geometry.tokens_per_sequence)
        check_ids(self, tokens, sequences, 0, self._vocab_size)
        return tokens

    def take(self, indices: Sequences, start: int, stop: int) -> Tokens:
        """The ids at positions `[start, stop)` of the given sequences; see `TokenSource.take`."""
        indices = checked_indices(self._geometry, indices)
        check_positions(self._geometry, start, stop)
        columns = ByteRange(start * self._geometry.id_bytes, stop * self._geometry.id_bytes)
        data = np.empty((len(indices), len(columns)), np.uint8)
        if data.size:
            self._gather(indices, columns, data)
        tokens = self._ids(data, len(indices), stop - start)
        check_ids(self, tokens, indices, start, self._vocab_size)
        return tokens

    def windows(self, indices: Sequences, offsets: Sequences, length: int) -> Tokens:
        """Ids at a position of its own in each sequence; see `TokenSource.windows`."""
        indices, offsets = checked_windows(self, indices, offsets, length)
        width = length * self._geometry.id_bytes
        first_bytes = indices * self._geometry.sequence_bytes + offsets * self._geometry.id_bytes
        data = np.empty((len(indices), width), np.uint8)
        if data.size:
            self._gather_runs(first_bytes, data)
        return self._ids(data, len(indices), length)

    def extents(self, sequences: SequenceRange) -> tuple[Extent, ...]:
        """Where the bytes of consecutive sequences lie; see `TokenSource.extents`."""
        return self._pieces.extents(self._geometry.bytes_of(sequences))

    def place(self, sequence: int, position: int) -> str:
        """File and byte of one id; see `TokenSource.place`."""
        first = sequence * self._geometry.sequence_bytes + position * self._geometry.id_bytes
        where = self._pieces.extents(ByteRange(first, first + 1))[0]
        return f"{where.file}, byte {where.offset}"

    # -- bytes

    def _bytes(self, number: int) -> _Bytes:
        return self._mapped(self._pieces.pieces[number])

    def _read(self, span: ByteRange) -> _Bytes:
        data, filled = np.empty(len(span), np.uint8), 0
        for number, within in self._pieces.cut(span):
            data[filled : filled + len(within)] = self._bytes(number)[within.start : within.stop]
            filled += len(within)
        return data

    def _gather(self, indices: Sequences, columns: ByteRange, data: _Bytes) -> None:
        """Fill row r of `data` with the bytes `columns` of sequence `indices[r]`."""
        first_bytes = indices * self._geometry.sequence_bytes + columns.start
        numbers = np.searchsorted(self._pieces.starts, first_bytes, side="right") - 1
        for number in np.unique(numbers):
            rows = np.flatnonzero(numbers == number)
            whole = self._whole_within(int(number), columns)
            inside = indices[rows] < whole.stop
            if inside.any():
                windows = self._windows(int(number), whole, columns)
                data[rows[inside]] = windows[indices[rows[inside]] - whole.start]
            # The few sequences that two pieces share are read one by one: 20 in all of Pythia's order.
            for row in rows[~inside]:
                first = int(first_bytes[row])
                data[row] = self._read(ByteRange(first, first + len(columns)))

    def _gather_runs(self, first_bytes: Sequences, data: _Bytes) -> None:
        """Fill row r of `data` with the bytes of the order from `first_bytes[r]` on."""
        width = data.shape[1]
        # A run as one item: numpy copies items of any length twice as fast as rows of bytes.
        items = data.view(f"V{width}")[:, 0]
        low, high = int(first_bytes.min()), int(first_bytes.max()) + width
        number = self._pieces.number_at(low)
        if high <= self._pieces.starts[number + 1]:
            items[:] = self._runs(number, items.dtype)[first_bytes - self._pieces.starts[number]]
            return
        numbers = np.searchsorted(self._pieces.starts, first_bytes, side="right") - 1
        for number in np.unique(numbers).tolist():
            start, stop = self._pieces.starts[number], self._pieces.starts[number + 1]
            inside = (numbers == number) & (first_bytes + width <= stop)
            if inside.any():
                items[inside] = self._runs(number, items.dtype)[first_bytes[inside] - start]
        # The few runs that two pieces share are read one by one.
        for row in np.flatnonzero(first_bytes + width > np.asarray(self._pieces.starts)[numbers + 1]):
            position = int(first_bytes[row])
            data[row] = self._read(ByteRange(position, position + width))

    def _runs(self, number: int, item: np.dtype[Any]) -> npt.NDArray[Any]:
        """One run of bytes for each byte of a piece at which one can begin; nothing is read by making it."""
        length = self._pieces.pieces[number].length
        return np.ndarray((length - item.itemsize + 1,), item, self._bytes(number), strides=(1,))

    def _whole_within(self, number: int, columns: ByteRange) -> SequenceRange:
        """The sequences whose `columns` lie wholly within a piece."""
        size = self._geometry.sequence_bytes
        start = -((columns.start - self._pieces.starts[number]) // size)
        stop = (self._pieces.starts[number + 1] - columns.stop) // size + 1
        return SequenceRange(max(0, start), max(0, start, stop))

    def _windows(self, number: int, whole: SequenceRange, columns: ByteRange) -> _Bytes:
        """A view of the `columns` of the sequences `whole` of a piece, `[len(whole), len(columns)]`; reads nothing."""
        size, mapped = self._geometry.sequence_bytes, self._bytes(number)
        offset = whole.start * size + columns.start - self._pieces.starts[number]
        return np.ndarray((len(whole), len(columns)), np.uint8, mapped, offset, (size, 1))

    def _ids(self, data: _Bytes, rows: int, columns: int) -> Tokens:
        ids: Tokens = data.reshape(-1).view(np.dtype(self._geometry.dtype).newbyteorder("<"))
        return ids.reshape(rows, columns)


def _map(piece: Extent) -> _Bytes:
    """The bytes of a piece, mapped read-only; raises `CorruptFile` when the file no longer holds them."""
    try:
        return np.memmap(piece.file, np.uint8, "r", piece.offset, (piece.length,))
    except (OSError, ValueError) as error:
        raise CorruptFile(
            f"{piece.file}, byte {piece.offset}: {piece.length} bytes were here when the order was opened and cannot be "
            f"read now ({error}); restore the file and open the order again."
        ) from error
