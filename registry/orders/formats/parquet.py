"""Orders in Parquet: one sequence a row, files one after the other, rows as they lie in them.

Footers are read once, when the order is opened; after that only the row groups and columns that a request needs. A row
group of up to 64 MiB of ids is decoded whole, and the last four are kept. From a larger row group, rows are decoded 1,024 at
a time and only forwards, so sequential reading decodes no row twice, and memory never depends on how the files were written:
what a row group holds is known before it is decoded (`seenat.registry.parquet`), and of long sequences fewer are decoded at a time.

All decoded rows are checked: as many ids as the order's sequences have, each of a value that its type can hold, no nulls,
and, where the files number them, the expected sequence and batch.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from threading import Lock
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt

from seenat.registry.errors import CorruptFile, InvalidValue
from seenat.registry.optional import arrow
from seenat.registry.orders.agreement import GeometryClaim, agree, described
from seenat.registry.orders.formats.gathered import GatheredOrder
from seenat.registry.orders.formats.parquet_footer import Footer, described_by_footers, open_file, read_footer
from seenat.registry.orders.geometry import ID_BYTES, Geometry
from seenat.registry.orders.order_files import OrderFiles
from seenat.registry.orders.source import Sequences, Tokens
from seenat.registry.orders.vocabulary import check_ids
from seenat.registry.parquet.bounded import BoundedFile
from seenat.registry.parquet.guard import MOST_IDS

__all__ = ["ParquetOrder", "open_parquet"]

# Row groups of at most this many bytes of ids are decoded whole.
_WHOLE_BYTES = 64 << 20
# Decoded row groups that are kept: a batch touches two where they are of about its size.
_KEPT = 4
# Rows decoded at a time: 4 MiB at 2,049 ids of two bytes, 16 MiB where they are stored as eight.
_ROWS_AT_ONCE = 1_024
_OPEN_FILES = 8


@dataclass(slots=True)
class _Piece:
    """Consecutive decoded rows of a row group, and an iterator over the rows after them."""

    group: int
    start: int
    ids: Tokens
    rest: Iterator[Tokens]

    @property
    def stop(self) -> int:
        return self.start + len(self.ids)


class ParquetOrder(GatheredOrder):
    """A `TokenSource` over Parquet files. Threads take turns; a pickled copy has no decoded rows."""

    def __init__(
        self,
        geometry: Geometry,
        footers: Sequence[Footer],
        *,
        filesystem: Any = None,
        sequences_per_batch: int | None = None,
        vocab_size: int | None = None,
        whole_bytes: int = _WHOLE_BYTES,
        rows_at_once: int = _ROWS_AT_ONCE,
    ) -> None:
        super().__init__(geometry)
        self._footers = tuple(footers)
        self._filesystem = filesystem
        self._sequences_per_batch = sequences_per_batch
        self._vocab_size = vocab_size
        self._whole_bytes = whole_bytes
        self._rows_at_once = rows_at_once
        groups = [footer.row_groups for footer in self._footers]
        self._places = [(file, number) for file, rows in enumerate(groups) for number in range(len(rows))]
        self._starts = _starts_of(rows for file in groups for rows in file)
        self._file_starts = _starts_of(sum(rows) for rows in groups)
        self._forget()

    def _forget(self) -> None:
        self._lock = Lock()
        self._streamed: _Piece | None = None
        self._file = lru_cache(maxsize=_OPEN_FILES)(self._open)
        self._whole = lru_cache(maxsize=_KEPT)(self._decode_whole)

    def __getstate__(self) -> dict[str, Any]:
        forgotten = ("_lock", "_streamed", "_file", "_whole")
        return {key: value for key, value in vars(self).items() if key not in forgotten}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._forget()

    def place(self, sequence: int, position: int) -> str:
        """File and row of a sequence; see `TokenSource.place`."""
        file = int(np.searchsorted(self._file_starts, sequence, side="right")) - 1
        return f"{self._footers[file].path}, row {sequence - int(self._file_starts[file])}"

    # -- rows

    def _take(self, indices: Sequences, start: int, stop: int) -> Tokens:
        """Rows are decoded in the sequence of the files, each row group once."""
        tokens = np.empty((len(indices), stop - start), self._geometry.dtype)
        visits = np.argsort(indices, kind="stable")
        due = indices[visits]
        done = 0 if tokens.size else len(due)
        with self._lock:
            while done < len(due):
                first, ids = self._decoded(int(due[done]))
                end = int(np.searchsorted(due, first + len(ids)))
                tokens[visits[done:end]] = ids[due[done:end] - first, start:stop]
                done = end
        check_ids(self, tokens, indices, start, self._vocab_size)
        return tokens

    def _decoded(self, sequence: int) -> tuple[int, Tokens]:
        """The first sequence of some decoded rows that include this sequence, and their ids."""
        group = int(np.searchsorted(self._starts, sequence, side="right")) - 1
        first, stop = int(self._starts[group]), int(self._starts[group + 1])
        if (stop - first) * self._geometry.sequence_bytes <= self._whole_bytes:
            return first, self._whole(group)
        # Out of the reader while it decodes: after an error the rest of the iterator would be wrong.
        piece, self._streamed = self._streamed, None
        if piece is None or piece.group != group or sequence < first + piece.start:
            piece = _Piece(group, 0, np.empty((0, 0), self._geometry.dtype), self._decode(group))
        while first + piece.stop <= sequence:
            piece.start, piece.ids = piece.stop, next(piece.rest)
        self._streamed = piece
        return first + piece.start, piece.ids

    def _decode_whole(self, group: int) -> Tokens:
        rows, done = int(self._starts[group + 1] - self._starts[group]), 0
        whole = np.empty((rows, self._geometry.tokens_per_sequence), self._geometry.dtype)
        for ids in self._decode(group):
            whole[done : done + len(ids)] = ids
            done += len(ids)
        return whole

    def _decode(self, group: int) -> Iterator[Tokens]:
        """All rows of a row group, in parts; raises `CorruptFile` where they are fewer than the footer says."""
        file, number = self._places[group]
        footer = self._footers[file]
        sequence, stop = int(self._starts[group]), int(self._starts[group + 1])
        most = self._geometry.tokens_per_sequence
        for batch in self._file(file).batches(number, rows=self._rows_at_once, most=most):
            yield self._checked(footer, batch, sequence)
            sequence += len(batch)
        if sequence != stop:
            raise CorruptFile(
                f"{footer.path}, row group {number}: it ends {stop - sequence} rows early; download it again."
            )

    def _open(self, file: int) -> BoundedFile:
        return open_file(self._footers[file], self._filesystem)

    # -- checks

    def _checked(self, footer: Footer, batch: Any, sequence: int) -> Tokens:
        """The ids of decoded rows, of which the first must be this sequence."""
        lists, compute = batch.column(footer.tokens), arrow().compute
        lengths = np.asarray(compute.fill_null(compute.list_value_length(lists), -1))
        wrong = np.flatnonzero(lengths != self._geometry.tokens_per_sequence)
        if wrong.size:
            place = int(wrong[0])
            ids = f"{lengths[place]} ids" if lengths[place] >= 0 else "no ids"
            self._refuse(sequence + place, f"{ids}, where a sequence has {self._geometry.tokens_per_sequence}")
        numbers = np.arange(sequence, sequence + len(batch))
        if footer.sequence is not None:
            self._check_numbers(footer.sequence, batch.column(footer.sequence), numbers, sequence)
        if footer.batch is not None and self._sequences_per_batch is not None:
            self._check_numbers(
                footer.batch, batch.column(footer.batch), numbers // self._sequences_per_batch, sequence
            )
        return self._converted(lists.flatten(), sequence)

    def _check_numbers(self, name: str, column: Any, due: npt.NDArray[np.int64], sequence: int) -> None:
        numbers = np.asarray(arrow().compute.fill_null(column.cast("int64", safe=False), -1))
        wrong = np.flatnonzero(numbers != due)
        if wrong.size:
            place = int(wrong[0])
            self._refuse(sequence + place, f"{name} is {numbers[place]}, and {due[place]} is due there")

    def _converted(self, values: Any, sequence: int) -> Tokens:
        """Flat ids as rows in the order's own type; raises `CorruptFile` for an id that it cannot hold."""
        length, dtype = self._geometry.tokens_per_sequence, np.dtype(self._geometry.dtype)
        if values.null_count:
            place = int(np.flatnonzero(np.asarray(values.is_null()))[0])
            self._refuse(sequence + place // length, f"no id at position {place % length}")
        ids: Tokens = np.asarray(values).reshape(-1, length)
        if ids.dtype == dtype:
            return ids
        outside = (ids < np.iinfo(dtype).min) | (ids > np.iinfo(dtype).max)
        if outside.any():
            row, column = (int(place[0]) for place in np.nonzero(outside))
            self._refuse(sequence + row, f"id {ids[row, column]} at position {column} is no {dtype.name}")
        return ids.astype(dtype)

    def _refuse(self, sequence: int, reason: str) -> NoReturn:
        raise CorruptFile(
            f"{self.place(sequence, 0)}: {reason}; give the whole order in its own order, or replace the file."
        )


def open_parquet(
    order: OrderFiles,
    *,
    paths: Sequence[str] | None = None,
    filesystem: Any = None,
    whole_bytes: int = _WHOLE_BYTES,
    rows_at_once: int = _ROWS_AT_ONCE,
) -> ParquetOrder:
    """A reader of an order in Parquet files.

    `paths` and an fsspec `filesystem` read it from elsewhere instead of from `order.files`. Row groups of up to `whole_bytes`
    of ids are decoded whole, larger ones `rows_at_once` rows at a time. Raises `CorruptFile` for files that are damaged or of
    another kind, hold no rows, or disagree with the description.
    """
    if order.index is not None or any(order.maps):
        raise InvalidValue(f"Order {order.name!r}: Parquet files have no index, and one is given; leave it out.")
    footers = [read_footer(path, filesystem) for path in (paths or map(str, order.files))]
    agreed = agree((*described(order), *described_by_footers(footers, order.dtype), *_first_row(footers, filesystem)))
    dtype = str(agreed["dtype"].value)
    if dtype not in ID_BYTES:
        raise CorruptFile(
            f"{agreed['dtype'].witness}: its ids are {dtype}, and ids are one of {', '.join(ID_BYTES)}; state the one to "
            "convert them to as dtype."
        )
    return ParquetOrder(
        Geometry(
            sequences=int(agreed["sequences"].value),
            tokens_per_sequence=int(agreed["tokens_per_sequence"].value),
            dtype=dtype,
        ),
        footers,
        filesystem=filesystem,
        sequences_per_batch=order.sequences_per_batch,
        vocab_size=order.vocab_size,
        whole_bytes=whole_bytes,
        rows_at_once=rows_at_once,
    )


def _first_row(footers: Sequence[Footer], filesystem: Any) -> Iterator[GeometryClaim]:
    """How many ids the first row has; a footer says that only of lists of fixed length."""
    footer = next((footer for footer in footers if footer.metadata.num_rows), None)
    if footer is None:
        raise CorruptFile(f"{footers[0].path}: there are no rows in the {len(footers)} files; download them again.")
    group = next(number for number, rows in enumerate(footer.row_groups) if rows)
    where = f"{footer.path}, row 0"
    batch = next(open_file(footer, filesystem, only_ids=True).batches(group, rows=1, most=MOST_IDS), None)
    if batch is None:
        raise CorruptFile(f"{where}: it cannot be read, and its footer says that it is there; download it again.")
    row = batch.column(0)
    length = len(row[0]) if row[0].is_valid else 0
    if not length:
        raise CorruptFile(f"{footer.path}, row 0: there are no ids in the column {footer.tokens}; replace the file.")
    yield GeometryClaim("tokens_per_sequence", length, f"{footer.path} (row 0)")


def _starts_of(counts: Any) -> npt.NDArray[np.int64]:
    """Where each of several consecutive runs begins, and one entry more: the sum of all counts."""
    return np.concatenate(([0], np.cumsum(np.fromiter(counts, np.int64), dtype=np.int64)))
