"""Orders read straight from the hub: the ids of a batch for the bytes of that batch, without downloading the order.

The layout is that of any flat order; only the bytes come from elsewhere. Rules for requests:

* `tokens` requests exactly the bytes of its sequences. It is cut where files and *pieces* end: a piece is a batch, or as
  many whole batches as fit in 4 MiB. A batch of Pythia is one request of 4,196,352 bytes, two where it lies in two files.
* `take` joins sequences of a piece that lie near each other into one request: at most 16 KiB of unwanted bytes lie between
  them, three sequences of Pythia. A piece is fetched whole when half its sequences are wanted. So at most four times the
  wanted sequences of Pythia are fetched, and no request holds more than a piece.

Every answer is cached, and a cached piece serves every part of it. Cached bytes carry their commit, so a branch is looked
up once a reader, and a commit never.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from seenat.registry import settings
from seenat.registry.checkpoints.files import FileRecord
from seenat.registry.errors import UnknownBatch
from seenat.registry.hub.retry import RetryPolicy
from seenat.registry.orders.extents import Extent
from seenat.registry.orders.formats.flat import FlatOrder
from seenat.registry.orders.geometry import ByteRange, Geometry
from seenat.registry.orders.remote.cache import PieceCache, PieceKey
from seenat.registry.orders.remote.range_requests import HubFile, HubLocation, HubRanges
from seenat.registry.orders.source import Sequences, Tokens
from seenat.registry.orders.windows import windows_by_sequence
from seenat.registry.units import SequenceRange

__all__ = ["RemoteOrder", "open_remote", "token_cache"]

# Most unwanted bytes between two wanted runs in one request: they take less time than another request would.
_GAP = 16 << 10
# A piece is whole batches of up to this many bytes together; a larger batch is a piece of its own.
_PIECE = 4 << 20
# A batch of more bytes is cut into pieces, so that memory and requests stay bounded.
_LARGEST_PIECE = 64 << 20
# Requests in flight for scattered sequences. Each waits for two answers, and the hub limits how many it counts.
_AT_ONCE = 4

_Bytes = npt.NDArray[np.uint8]


def open_remote(
    location: str,
    files: Iterable[FileRecord],
    geometry: Geometry,
    sequences_per_batch: int,
    vocab_size: int | None = None,
    retry: RetryPolicy | None = None,
) -> RemoteOrder:
    """A reader of the order whose token files lie flat at `hf://datasets/ORG/NAME@REVISION`; no request is sent yet.

    Raises `InvalidValue` for any other location.
    """
    tokens = tuple(file for file in files if file.role == "tokens")
    lengths = tuple(HubFile(file.name, file.bytes) for file in tokens)
    pieces = tuple(Extent(Path(file.name), file.data_offset, file.bytes - file.data_offset) for file in tokens)
    hub = HubRanges(HubLocation.parse(location), retry)
    return RemoteOrder(hub, lengths, pieces, geometry, sequences_per_batch, vocab_size)


def token_cache() -> PieceCache:
    """The cache of fetched tokens, in seenat's own folder."""
    return PieceCache(settings.home() / "cache" / "tokens", settings.cache_bytes())


class RemoteOrder(FlatOrder):
    """A `TokenSource` over files on the hub. Files are named as in the repository, in `extents` and in errors.

    Besides the errors of every source it raises `HubUnavailable` when the hub refuses or does not answer, `UnknownOrder` when
    it has no such repository, revision or file, and `CorruptFile` when it serves other bytes than requested or files of
    other lengths than the catalog's.
    """

    def __init__(
        self,
        hub: HubRanges,
        files: tuple[HubFile, ...],
        pieces: tuple[Extent, ...],
        geometry: Geometry,
        sequences_per_batch: int,
        vocab_size: int | None = None,
    ) -> None:
        super().__init__(geometry, pieces, vocab_size)
        self._arguments = (hub, files, pieces, geometry, sequences_per_batch, vocab_size)
        self._hub = hub
        self._files = {file.name: file for file in files}
        self._sequences_per_batch = sequences_per_batch
        self._sequences_per_piece = _sequences_per_piece(geometry, sequences_per_batch)
        self._cache = token_cache()

    def __reduce__(self) -> tuple[Any, ...]:
        return RemoteOrder, self._arguments

    def iter_batches(self, start: int, stop: int, ahead: int = 1) -> Iterator[tuple[int, Tokens]]:
        """Batches `[start, stop)`, each with its ids, while up to `ahead` further ones are being fetched.

        Raises `UnknownBatch` beyond the order, and as `tokens` does.
        """
        last = (self._geometry.sequences - 1) // self._sequences_per_batch
        if not 0 <= start <= stop <= last + 1:
            raise UnknownBatch(f"{start}:{stop} are not batches of this order: it holds 0 to {last}.", nearest=[last])
        self._settle_commit()
        pool = ThreadPoolExecutor(max(1, ahead), "seenat-ahead")
        coming: deque[Future[Tokens]] = deque()
        try:
            for batch in range(start, stop):
                for further in range(batch + len(coming), min(batch + 1 + ahead, stop)):
                    coming.append(pool.submit(self.tokens, self._batch(further)))
                yield batch, coming.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)

    def _batch(self, batch: int) -> SequenceRange:
        size = self._sequences_per_batch
        return SequenceRange(batch * size, min((batch + 1) * size, self._geometry.sequences))

    def forget(self, sequences: SequenceRange) -> None:
        """Delete what is kept of consecutive sequences, as far as `tokens` would read it: it then asks the hub."""
        for part, piece in self._parts(self._geometry.bytes_of(sequences)):
            for span in {part, piece}:
                for number, within in self._pieces.cut(span):
                    self._cache.forget(self._key(number, within))

    def windows(self, indices: Sequences, offsets: Sequences, length: int) -> Tokens:
        """Ids at a position of its own in each sequence, which are fetched whole; see `TokenSource.windows`."""
        return windows_by_sequence(self, indices, offsets, length)

    def place(self, sequence: int, position: int) -> str:
        """File, repository and byte of one id; see `TokenSource.place`."""
        return super().place(sequence, position).replace(", byte ", f" of {self._hub.location}, byte ")

    # -- the bytes that the flat reader needs

    def _read(self, span: ByteRange) -> _Bytes:
        data = np.empty(len(span), np.uint8)
        for part, piece in self._parts(span):
            self._load(part, piece, data[part.start - span.start : part.stop - span.start])
        return data

    def _parts(self, span: ByteRange) -> Iterator[tuple[ByteRange, ByteRange]]:
        """A span cut where pieces end; each part with its piece."""
        position = span.start
        while position < span.stop:
            piece = self._piece_of(position // self._geometry.sequence_bytes)
            part = ByteRange(position, min(piece.stop, span.stop))
            yield part, piece
            position = part.stop

    def _gather(self, indices: Sequences, columns: ByteRange, data: _Bytes) -> None:
        """Fill row r of `data` with the bytes `columns` of sequence `indices[r]`, several pieces at a time."""
        rows = np.argsort(indices, kind="stable")
        ends = np.flatnonzero(np.diff(indices[rows] // self._sequences_per_piece)) + 1
        by_piece = np.split(rows, ends)
        if len(by_piece) == 1:
            self._gather_piece(rows, indices, columns, data)
            return
        self._settle_commit()
        pool = ThreadPoolExecutor(min(_AT_ONCE, len(by_piece)), "seenat-hub")
        try:
            for gathered in [pool.submit(self._gather_piece, part, indices, columns, data) for part in by_piece]:
                gathered.result()
        finally:
            pool.shutdown(cancel_futures=True)

    def _gather_piece(self, rows: Sequences, indices: Sequences, columns: ByteRange, data: _Bytes) -> None:
        """The rows of `_gather` whose sequences, ascending, lie in one piece."""
        sequences, size = indices[rows], self._geometry.sequence_bytes
        piece = self._piece_of(int(sequences[0]))
        whole = self._cached(piece)
        if whole is None and self._is_half_wanted(sequences, columns, piece):
            whole = self._read(piece)
        if whole is not None:
            data[rows] = self._columns_of(whole, piece.start, sequences, columns)
            return
        for run in np.split(rows, np.flatnonzero(np.diff(sequences) * size - len(columns) > _GAP) + 1):
            first, last = int(indices[run[0]]), int(indices[run[-1]])
            span = ByteRange(first * size + columns.start, last * size + columns.stop)
            fetched = np.empty(len(span), np.uint8)
            self._load_exactly(span, fetched)
            data[run] = self._columns_of(fetched, span.start, indices[run], columns)

    def _is_half_wanted(self, sequences: Sequences, columns: ByteRange, piece: ByteRange) -> bool:
        """Whether to fetch a piece whole: half its sequences are wanted, and runs of neighbours are joined anyway."""
        size = self._geometry.sequence_bytes
        return size - len(columns) <= _GAP and 2 * len(np.unique(sequences)) * size >= len(piece)

    def _columns_of(self, available: _Bytes, position: int, sequences: Sequences, columns: ByteRange) -> _Bytes:
        """The bytes `columns` of ascending sequences, cut out of bytes that begin at `position` of the order."""
        size, first = self._geometry.sequence_bytes, int(sequences[0])
        shape = (int(sequences[-1]) - first + 1, len(columns))
        rows: _Bytes = np.ndarray(shape, np.uint8, available, first * size + columns.start - position, (size, 1))
        cut: _Bytes = rows[sequences - first]
        return cut

    # -- bytes

    def _piece_of(self, sequence: int) -> ByteRange:
        """The bytes of the order that are the piece with this sequence."""
        first = sequence - sequence % self._sequences_per_piece
        last = min(first + self._sequences_per_piece, self._geometry.sequences)
        return self._geometry.bytes_of(SequenceRange(first, last))

    def _load(self, part: ByteRange, piece: ByteRange, into: _Bytes) -> None:
        """The bytes of a part of a piece, from the piece if that is cached."""
        whole = self._cached(piece) if part != piece else None
        if whole is None:
            self._load_exactly(part, into)
        else:
            into[:] = whole[part.start - piece.start : part.stop - piece.start]

    def _load_exactly(self, span: ByteRange, into: _Bytes) -> None:
        """The bytes of a span, a file at a time: cached under just this range, or fetched and then cached."""
        filled = 0
        for number, within in self._pieces.cut(span):
            key, buffer = self._key(number, within), into[filled : filled + len(within)].data
            cached = self._cache.get(key)
            if cached is None:
                self._hub.read(self._files[key.file], key.commit, key.start, buffer)
                self._cache.put(key, buffer)
            else:
                buffer[:] = cached
            filled += len(within)

    def _cached(self, span: ByteRange) -> _Bytes | None:
        """The bytes of a span, if the cache has all of them."""
        data, filled = np.empty(len(span), np.uint8), 0
        for number, within in self._pieces.cut(span):
            cached = self._cache.get(self._key(number, within))
            if cached is None:
                return None
            data[filled : filled + len(within)] = cached
            filled += len(within)
        return data

    def _key(self, number: int, within: ByteRange) -> PieceKey:
        piece = self._pieces.pieces[number]
        return PieceKey(
            self._hub.location.repository,
            self._commit,
            piece.file.as_posix(),
            piece.offset + within.start,
            piece.offset + within.stop,
        )

    def _settle_commit(self) -> None:
        """Look the commit up before threads start, so that only one request is sent for it."""
        _ = self._commit

    @cached_property
    def _commit(self) -> str:
        """The commit at which everything is read."""
        location = self._hub.location
        return location.commit or self._hub.find_commit(next(iter(self._files.values())))


def _sequences_per_piece(geometry: Geometry, sequences_per_batch: int) -> int:
    batch = sequences_per_batch * geometry.sequence_bytes
    if batch > _LARGEST_PIECE:
        return max(1, _PIECE // geometry.sequence_bytes)
    return sequences_per_batch * max(1, _PIECE // batch)
