"""The window cache: a compact copy of the ids that a protocol reads, made once an order and window, read by every checkpoint.

A protocol reads 64 of the 2,049 ids of a Pythia sequence, so a pass over the order itself moves 32 times the bytes that it
needs: 600 GB a checkpoint where 18.7 GB would do. What a job has read of an order is therefore kept:

    SEENAT_HOME/columns/DIGEST/START-STOP/BLOCK

DIGEST is that of the order's content, START-STOP the window, and BLOCK numbers runs of at most 65,536 sequences. A file holds
the SHA-256 of all that follows; a bitmap that says which sequences of the block it holds; and the rows of ids of these,
ascending by sequence, in the order's own type.

Invariants: a file appears under its name whole, whichever of several processes writes it, and counts only if its digest is
right, which covers what it is a copy of; so a damaged one, or one that a kill or a power cut left in part, counts as
missing. It holds what jobs have asked for and nothing else, so that a sample of 1,000 sequences costs 1,000 sequences. An order
with another content has another digest. All of it can be made again, and may be deleted at any time.

A job whose results lie in a store shares its copies there, `columns/DIGEST/START-STOP/BLOCK`: what is missing on this machine is
asked for there before the order is read, and what was read is put there. Of two that put a block at once the later stays,
and what it lacks is read again; a store that does not answer is passed over.

Where a copy does not pay, `DirectReader` reads from the order itself. A copy pays where an order is on a hub. For more than one
reading it also pays where ids must be decoded, or where the order is too large to stay in memory and the window is half a
sequence or less. Measured on one core, sequences of 2,049 ids of two bytes, in million windows a second:

    from a disk   0.1 to 0.7 from the order, 2.9 from the copy
    from memory   11 from the order, 40 from the copy
    making it     3.7
    from Parquet  0.1
"""

from __future__ import annotations

import hashlib
import logging
import os
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, Self

import numpy as np
import numpy.typing as npt

from seenat.registry import settings
from seenat.registry.catalog.orders import Order
from seenat.registry.errors import SeenatError, StoreUnavailable
from seenat.registry.orders.order_files import FLAT_FORMATS
from seenat.registry.orders.source import Sequences, Tokens, TokenSource
from seenat.registry.storage.file_state import FileState
from seenat.registry.storage.local import PARTIAL, write_atomic_unsynced
from seenat.registry.storage.stores.place import open_store
from seenat.registry.storage.stores.store import Store

__all__ = [
    "SHARED",
    "DirectReader",
    "WindowCache",
    "WindowReader",
    "window_cache_bytes",
    "window_cache_folder",
    "window_reader",
]

_SMALL = 1 << 30
"""Bytes of a flat order that stays in the system's memory once it is read."""
_BLOCK_BYTES = 8 << 20
"""Most bytes of a block's rows: 65,536 sequences of 64 ids of two bytes."""
_LARGEST_BLOCK, _SMALLEST_BLOCK = 1 << 16, 1 << 10
_LARGEST_FILE = 1 << 28
"""Bytes of a block's file, at most: 1,024 sequences of the longest window that anybody has."""
SHARED = "columns"
"""Begins the names of shared copies."""
_OPEN_BLOCKS = 2
"""Blocks that are open at a time: a shard of a job lies in one, or across the border of two."""
_DIGEST = hashlib.sha256().digest_size
_ABANDONED = 3600.0
"""Seconds after which a file that is still being written is taken to belong to a process that died."""

_log = logging.getLogger(__name__)


class WindowReader(Protocol):
    """One window of an order's sequences."""

    def prepare(self, indices: Sequences) -> None:
        """Announce which sequences are going to be taken, so that they are read together."""

    def take(self, indices: Sequences) -> Tokens:
        """The window of each sequence, `[len(indices), length]`; raises as `TokenSource.take`."""


def window_reader(
    order: Order, source: TokenSource, window: tuple[int, int], readings: int, store: str | None = None
) -> WindowReader:
    """The cheapest way to read a window of an order this often; `source` is the order's reader, `store` where copies are shared."""
    if order.digest is not None and (not order.is_local or (readings > 1 and _is_expensive(order, window))):
        shared = None if store is None else open_store(store)
        return WindowCache(window_cache_folder(), order.digest, source, window, shared=shared)
    return DirectReader(source, window)


def _is_expensive(order: Order, window: tuple[int, int]) -> bool:
    """Whether a second reading of a local order costs more than a copy of the window."""
    narrow = 2 * (window[1] - window[0]) <= order.geometry.tokens_per_sequence
    return order.format not in FLAT_FORMATS or (narrow and order.geometry.total_bytes > _SMALL)


def window_cache_folder() -> Path:
    """Where all window caches lie, in seenat's own folder."""
    return settings.home() / "columns"


def window_cache_bytes() -> int:
    """Bytes of all window caches, as the lengths of their files."""
    return sum(path.stat().st_size for path in window_cache_folder().rglob("*") if path.is_file())


@dataclass(frozen=True)
class DirectReader:
    """A window read from the order itself, each time anew."""

    source: TokenSource
    window: tuple[int, int]

    def prepare(self, indices: Sequences) -> None:
        """Do nothing: what is read is not kept."""

    def take(self, indices: Sequences) -> Tokens:
        """See `WindowReader.take`."""
        return self.source.take(indices, *self.window)


class WindowCache:
    """A window read from its copy, which is made of what is missing there."""

    def __init__(
        self,
        folder: Path,
        digest: str,
        source: TokenSource,
        window: tuple[int, int],
        largest_block: int = _LARGEST_BLOCK,
        shared: Store | None = None,
    ) -> None:
        geometry = source.geometry
        self.folder = folder / digest.removeprefix("sha256:") / f"{window[0]}-{window[1]}"
        self._shared = shared
        self._shared_name = f"{SHARED}/{digest.removeprefix('sha256:')}/{window[0]}-{window[1]}"
        self._source = source
        self._window = window
        self._sequences = geometry.sequences
        self._length = window[1] - window[0]
        self._type = np.dtype(geometry.dtype).newbyteorder("<")
        self._size = _block_size(self._length * geometry.id_bytes, largest_block)
        self._subject = f"seenat columns 1 {digest} {window[0]}:{window[1]} {self._size}"
        self._open: dict[int, _Block] = {}
        self._checked: dict[int, FileState] = {}
        """Length and time of change of the files whose digests were right, so that each is read for that once."""
        self._remove_abandoned()

    def prepare(self, indices: Sequences) -> None:
        """Read those of these sequences that are missing, a block at a time, and keep them."""
        for number, places in self._by_block(indices):
            self._block(number, indices[places] - number * self._size)

    def take(self, indices: Sequences) -> Tokens:
        """See `WindowReader.take`; what is missing is read and kept."""
        rows = np.empty((len(indices), self._length), self._type)
        for number, places in self._by_block(indices):
            offsets = indices[places] - number * self._size
            rows[places] = self._block(number, offsets).rows_of(offsets)
        return rows

    def _by_block(self, indices: Sequences) -> Iterator[tuple[int, slice | npt.NDArray[np.intp]]]:
        """The blocks that sequences lie in, each with the places of its own among them."""
        numbers = indices // self._size
        if len(indices) and (numbers == numbers[0]).all():
            yield int(numbers[0]), slice(None)
            return
        for number in np.unique(numbers):
            yield int(number), np.flatnonzero(numbers == number)

    def _block(self, number: int, offsets: Sequences) -> _Block:
        """A block that holds the sequences at these offsets."""
        block = self._open.pop(number, None)
        if block is None or not block.there[offsets].all():
            block = self._read(number) or _Block.empty(self._count(number), self._length, self._type)
            if not block.there[offsets].all() and self._fetch(number):
                block = self._read(number) or block
            wanted = np.zeros(len(block.there), np.bool_)
            wanted[offsets] = True
            missing = np.flatnonzero(wanted & ~block.there)
            if len(missing):
                rows = self._source.take(missing + number * self._size, *self._window)
                block = block.with_rows(missing, rows)
                self._write(number, block)
        self._open[number] = block
        while len(self._open) > _OPEN_BLOCKS:
            del self._open[next(iter(self._open))]
        return block

    # -- files

    def _read(self, number: int) -> _Block | None:
        """A block as it is kept, its rows mapped; None where it is not, or damaged."""
        path, count = self.folder / str(number), self._count(number)
        try:
            with path.open("rb") as file:
                state = FileState.of(os.fstat(file.fileno()))
                data = np.memmap(file, np.uint8, "r")
        except (OSError, ValueError):  # numpy raises the latter for an empty file.
            return None
        if self._checked.get(number) != state:
            if data[:_DIGEST].tobytes() != self._digest(number, data[_DIGEST:].data):
                _log.warning("%s is damaged; it is made anew.", path)
                return None
            self._checked[number] = state
        end = _DIGEST + _bitmap_bytes(count)
        there = np.unpackbits(data[_DIGEST:end], count=count).astype(np.bool_)
        return _Block(there, data[end:].view(self._type).reshape(-1, self._length))

    def _fetch(self, number: int) -> bool:
        """Bring a block from where copies are shared, if one is there; whether a sound one was."""
        if self._shared is None:
            return False
        try:
            data = self._shared.get(f"{self._shared_name}/{number}", most=_LARGEST_FILE)
            if data is None or data[:_DIGEST] != self._digest(number, memoryview(data)[_DIGEST:]):
                return False
            write_atomic_unsynced(self.folder / str(number), data)
        except (SeenatError, OSError) as error:
            _log.warning("Block %d of a window is not taken from %s: %s", number, self._shared.url, error)
            return False
        return True

    def _write(self, number: int, block: _Block) -> None:
        bitmap = np.zeros(_bitmap_bytes(len(block.there)), np.uint8)
        packed = np.packbits(block.there)
        bitmap[: len(packed)] = packed
        parts = bitmap.tobytes(), np.ascontiguousarray(block.rows).reshape(-1).view(np.uint8).data
        try:
            written = self._digest(number, *parts), *parts
            write_atomic_unsynced(self.folder / str(number), *written)
            if self._shared is not None:
                self._shared.replace(f"{self._shared_name}/{number}", b"".join(written))
        except StoreUnavailable as error:
            _log.warning("%s", error)
        except OSError as error:
            _log.warning("%s cannot be kept in %s: %s.", f"Block {number}", self.folder, error.strerror)

    def _digest(self, number: int, *parts: bytes | memoryview) -> bytes:
        hasher = hashlib.sha256(f"{self._subject} {number}\n".encode())
        for part in parts:
            hasher.update(part)
        return hasher.digest()

    def _count(self, number: int) -> int:
        """How many sequences a block is about; the last one may be short."""
        return min(self._size, self._sequences - number * self._size)

    def _remove_abandoned(self) -> None:
        """Delete what processes that died were writing."""
        for path in self.folder.glob(f"*{PARTIAL}"):
            with suppress(OSError):
                if time.time() - path.stat().st_mtime > _ABANDONED:
                    path.unlink()


class _Block:
    """The rows of some sequences of a block."""

    def __init__(self, there: npt.NDArray[np.bool_], rows: Tokens) -> None:
        self.there = there
        """`[sequences of the block]`: whether a sequence's row is here."""
        self.rows = rows
        """`[sequences that are here, length]`, ascending by sequence."""
        self._places = np.cumsum(there) - 1

    @classmethod
    def empty(cls, count: int, length: int, dtype: np.dtype[np.integer]) -> Self:
        """A block of `count` sequences, none of them here."""
        return cls(np.zeros(count, np.bool_), np.empty((0, length), dtype))

    def rows_of(self, offsets: Sequences) -> Tokens:
        """The rows of sequences that are here, given by their places in the block."""
        if len(offsets) and (np.diff(offsets) == 1).all():  # Nine times as fast as an index, and the usual case.
            first = int(self._places[offsets[0]])
            return self.rows[first : first + len(offsets)]
        return self.rows.take(self._places[offsets], axis=0)

    def with_rows(self, offsets: Sequences, rows: Tokens) -> _Block:
        """This block, and the rows of further sequences, ascending."""
        there = self.there.copy()
        there[offsets] = True
        joined = _Block(there, np.empty((len(self.rows) + len(rows), self.rows.shape[1]), self.rows.dtype))
        joined.rows[joined._places[self.there]] = self.rows
        joined.rows[joined._places[offsets]] = rows
        return joined


def _block_size(row_bytes: int, largest: int) -> int:
    """Sequences of a block: a power of two, 1,024 to 65,536, of at most 8 MiB where that allows."""
    fitting = 1 << (max(1, _BLOCK_BYTES // row_bytes).bit_length() - 1)
    return min(max(fitting, _SMALLEST_BLOCK), largest)


def _bitmap_bytes(count: int) -> int:
    """Bytes of a block's bitmap, in whole words so that the rows behind it are aligned."""
    return -(-count // 64) * 8
