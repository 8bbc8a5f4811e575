"""Reading committed values: from trajectory parts where they answer and cost less, else from block files."""

from __future__ import annotations

import numpy as np
from sqlalchemy import Connection

from seenat.memorization.protocol.measures import Values
from seenat.memorization.results.block_table import committed_files
from seenat.memorization.results.commit import MeasurementStore
from seenat.memorization.results.files.block_array import BlockFile
from seenat.memorization.results.files.layout import LARGEST_CHUNK
from seenat.memorization.results.objects.choose import parts_of
from seenat.registry.errors import CorruptFile

__all__ = ["read_values"]


def read_values(
    store: MeasurementStore,
    connection: Connection,
    rows: list[int],
    start: int,
    stop: int,
    *,
    largest_chunk: int = LARGEST_CHUNK,
) -> Values:
    """Committed values of some rows over a range of sequences, from parts where they answer and cost less.

    As `ResultArray.read_committed` gives them: `[len(rows), stop - start]`, with quantities last where there are several,
    not measured where nothing was committed. Raises `CorruptFile` where something was and no file holds it.
    """
    parts = parts_of(store.array, largest_chunk)
    is_compacted = parts.are_there
    pieces = [store.array.measure.empty(len(rows), 0)]
    for block, first, last in store.array.spans(start, stop):
        committed = committed_files(connection, store.measurement, block, rows)
        piece = parts.read(block, rows, first, last, committed) if is_compacted and committed else None
        if piece is None:
            piece = _read_block_files(store, connection, rows, block, (first, last), committed)
        pieces.append(piece)
    return np.concatenate(pieces, axis=1)


def _read_block_files(
    store: MeasurementStore,
    connection: Connection,
    rows: list[int],
    block: int,
    span: tuple[int, int],
    committed: dict[int, BlockFile],
) -> Values:
    """Values over a span of sequences within a block; `committed` is what the caller's transaction says of it.

    Raises `CorruptFile` where a file is not that, unless another has been committed since: then that one is read.
    """
    while True:
        try:
            return store.array.read_committed(rows, block, span, committed)
        except CorruptFile:
            # A reader keeps its snapshot while writers go on, so the file may be newer than what it knows.
            with connection.engine.connect() as later:
                files = committed_files(later, store.measurement, block, rows)
            if files == committed:
                raise
            committed = files
