"""The tables `blocks` and `batch_counts`: every statement that reads or writes them.

A row of `blocks` is what makes a block's file count. A row of `batch_counts` says how many sequences of a batch were measured
at a row of the array, and how many were memorized.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, fields
from itertools import repeat
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from sqlalchemy import Column, ColumnElement, Connection, and_, bindparam, case, delete, func, insert, select, update

from seenat.memorization.results.files.block_array import BlockFile
from seenat.memorization.results.files.origin import Origin
from seenat.memorization.results.measurements import Measurement
from seenat.registry.database.bulk_insert import bulk_insert
from seenat.registry.database.rows import AnyRow, pieces
from seenat.registry.database.tables.catalog import checkpoints
from seenat.registry.database.tables.jobs import measurement_rows
from seenat.registry.database.tables.results import batch_counts, blocks
from seenat.registry.units import BatchRange

__all__ = [
    "BlockKey",
    "block_sums",
    "blocks_of_others",
    "committed_blocks",
    "committed_devices",
    "committed_digest",
    "committed_files",
    "committed_objects",
    "committed_origin",
    "committed_places",
    "committed_rows",
    "counts_by_batch",
    "counts_by_row",
    "counts_of_batches",
    "delete_blocks",
    "delete_blocks_of",
    "forget_objects",
    "replace_block",
    "replace_counts",
]

Counts = npt.NDArray[np.int64]

# By row, since a block's rows lie apart in the table: looking through 344,000 would take 19 ms, this takes 0.6.
_FILES = select(blocks.c.array_row, blocks.c.bytes, blocks.c.digest, blocks.c.object).where(
    blocks.c.measurement_id == bindparam("measurement"),
    blocks.c.block == bindparam("block"),
    blocks.c.array_row.in_(bindparam("rows", expanding=True)),
)
# Of many rows by the rows that there are: naming 154 in a statement takes SQLite three times as long. PostgreSQL may read all
# blocks to join them.
_FILES_OF_ALL = (
    select(blocks.c.array_row, blocks.c.bytes, blocks.c.digest, blocks.c.object)
    .join_from(
        measurement_rows,
        blocks,
        and_(
            blocks.c.measurement_id == measurement_rows.c.measurement_id,
            blocks.c.array_row == measurement_rows.c.array_row,
        ),
    )
    .where(measurement_rows.c.measurement_id == bindparam("measurement"), blocks.c.block == bindparam("block"))
)
_MANY = 30
_ORIGIN = [blocks.c[field.name] for field in fields(Origin)]
_IS_BLOCK = and_(
    blocks.c.measurement_id == bindparam("of"),
    blocks.c.array_row == bindparam("row"),
    blocks.c.block == bindparam("number"),
)
_IS_COUNT = and_(
    batch_counts.c.measurement_id == bindparam("of"),
    batch_counts.c.array_row == bindparam("row"),
    batch_counts.c.batch >= bindparam("first"),
    batch_counts.c.batch < bindparam("stop"),
)
_COUNT_COLUMNS = ("measurement_id", "array_row", "batch", "measured", "memorized")


class BlockKey(NamedTuple):
    """A block of a row of a measurement's array."""

    measurement_id: int
    array_row: int
    block: int


# -- blocks


def blocks_of_others(connection: Connection, measurement_id: int, device: str) -> list[tuple[int, int, str | None]]:
    """Row, block and devices of what was committed with values of another kind of device than this one, or of an unknown one."""
    query = select(blocks.c.array_row, blocks.c.block, blocks.c.device).where(blocks.c.measurement_id == measurement_id)
    return [(row, block, by) for row, block, by in connection.execute(query) if by != device]


def committed_devices(connection: Connection, measurement_id: int) -> set[str | None]:
    """The kinds of devices on which a measurement's values were computed; None among them where one is not known."""
    found = connection.execute(select(blocks.c.device).distinct().where(blocks.c.measurement_id == measurement_id))
    return {kind for devices in found.scalars() for kind in (devices.split("; ") if devices else [None])}


def replace_block(
    connection: Connection,
    key: BlockKey,
    file: BlockFile,
    origin: Origin,
    *,
    measured: int,
    memorized: int,
) -> None:
    """Record what was written of a block, in the place of what was recorded."""
    place: dict[str, Any] = key._asdict()
    connection.execute(delete(blocks).filter_by(**place))
    row = {**place, "measured": measured, "memorized": memorized, "bytes": file.bytes, "digest": file.digest}
    row |= {"object": file.object} | asdict(origin)
    connection.execute(insert(blocks).values(row))


def committed_digest(connection: Connection, key: BlockKey) -> str | None:
    """The digest of a block's file when it was committed; None where none was."""
    return connection.execute(select(blocks.c.digest).filter_by(**key._asdict())).scalar()


def committed_origin(connection: Connection, key: BlockKey) -> Origin | None:
    """What measured a block; None where nothing is committed of it."""
    row = connection.execute(select(*_ORIGIN).filter_by(**key._asdict())).one_or_none()
    return None if row is None else Origin(**row._asdict())


def committed_files(
    connection: Connection, measurement: Measurement, block: int, rows: list[int]
) -> dict[int, BlockFile]:
    """What was committed of a block, for each of these rows in which something was."""
    place = {"measurement": measurement.id, "block": block}
    if len(rows) < _MANY or connection.dialect.name != "sqlite":
        files = connection.execute(_FILES, {**place, "rows": rows}).all()
    else:
        wanted = set(rows)
        files = [file for file in connection.execute(_FILES_OF_ALL, place).all() if file[0] in wanted]
    return {row: BlockFile(bytes=bytes_, digest=digest, object=object_) for row, bytes_, digest, object_ in files}


def committed_blocks(connection: Connection, measurement: Measurement, row: int | None = None) -> list[int]:
    """The blocks in which something is committed, of one row or of any, ascending."""
    query = select(blocks.c.block).distinct().where(blocks.c.measurement_id == measurement.id)
    if row is not None:
        query = query.where(blocks.c.array_row == row)
    return list(connection.execute(query.order_by(blocks.c.block)).scalars())


def committed_places(connection: Connection, measurement: Measurement) -> Iterator[tuple[int, int]]:
    """Row and block of everything that is committed."""
    query = select(blocks.c.array_row, blocks.c.block).where(blocks.c.measurement_id == measurement.id)
    return ((row, block) for row, block in connection.execute(query, execution_options={"yield_per": 5000}))


def committed_rows(connection: Connection, measurement: Measurement, block: int) -> dict[int, BlockFile]:
    """What was committed of a block, by row, ascending."""
    query = select(blocks.c.array_row, blocks.c.bytes, blocks.c.digest, blocks.c.object).order_by(blocks.c.array_row)
    rows = connection.execute(query.filter_by(measurement_id=measurement.id, block=block))
    return {row: BlockFile(bytes=bytes_, digest=digest, object=object_) for row, bytes_, digest, object_ in rows}


def committed_objects(connection: Connection, measurement: Measurement) -> Iterator[str]:
    """The names of the objects that hold what is committed."""
    query = select(blocks.c.object).where(blocks.c.measurement_id == measurement.id, blocks.c.object.is_not(None))
    return (str(name) for (name,) in connection.execution_options(yield_per=5000).execute(query))


def block_sums(connection: Connection, measurement: Measurement) -> list[AnyRow]:
    """By row of the array and origin of its blocks: how many `blocks`, and the sums of `measured`, `memorized`, `bytes`."""
    sums = (func.sum(blocks.c[name]).label(name) for name in ("measured", "memorized", "bytes"))
    query = select(blocks.c.array_row, *_ORIGIN, func.count().label("blocks"), *sums)
    query = query.where(blocks.c.measurement_id == measurement.id).group_by(blocks.c.array_row, *_ORIGIN)
    return list(connection.execute(query.order_by(blocks.c.array_row)))


def delete_blocks(connection: Connection, keys: Iterable[BlockKey], batches: Callable[[int], BatchRange]) -> None:
    """Delete blocks, and the counts of their batches; `batches` gives those of a block."""
    for piece in pieces(keys):
        connection.execute(
            delete(blocks).where(_IS_BLOCK), [dict(zip(("of", "row", "number"), key, strict=True)) for key in piece]
        )
        spans = [(key, batches(key.block)) for key in piece]
        connection.execute(
            delete(batch_counts).where(_IS_COUNT),
            [
                {"of": key.measurement_id, "row": key.array_row, "first": span.start, "stop": span.stop}
                for key, span in spans
            ],
        )


def forget_objects(connection: Connection) -> None:
    """Record that every block lies in a folder, under its key: of a catalog whose objects were copied there."""
    connection.execute(update(blocks).where(blocks.c.object.is_not(None)).values(object=None))


def delete_blocks_of(connection: Connection, measurement: Measurement) -> None:
    """Delete all blocks of a measurement, and all counts."""
    connection.execute(delete(batch_counts).where(batch_counts.c.measurement_id == measurement.id))
    connection.execute(delete(blocks).where(blocks.c.measurement_id == measurement.id))


# -- batch counts


def replace_counts(
    connection: Connection, measurement_id: int, row: int, first: int, measured: Counts, memorized: Counts
) -> None:
    """Put counts of consecutive batches, from batch `first`, in the place of those that are there.

    A batch in which nothing was measured gets no row.
    """
    is_replaced = and_(
        batch_counts.c.measurement_id == measurement_id,
        batch_counts.c.array_row == row,
        batch_counts.c.batch >= first,
        batch_counts.c.batch < first + len(measured),
    )
    connection.execute(delete(batch_counts).where(is_replaced))
    places = np.flatnonzero(measured)
    rows = zip(
        repeat(measurement_id, len(places)),
        repeat(row, len(places)),
        (places + first).tolist(),
        measured[places].tolist(),
        memorized[places].tolist(),
        strict=True,
    )
    bulk_insert(connection, batch_counts, _COUNT_COLUMNS, rows)


def counts_by_batch(
    connection: Connection, measurement: Measurement, row: int, batches: BatchRange
) -> list[tuple[int, int, int]]:
    """`(batch, measured, memorized)` of the batches of a range in which something was measured, ascending."""
    query = select(batch_counts.c.batch, batch_counts.c.measured, batch_counts.c.memorized).where(
        batch_counts.c.measurement_id == measurement.id,
        batch_counts.c.array_row == row,
        batch_counts.c.batch >= batches.start,
        batch_counts.c.batch < batches.stop,
    )
    rows = connection.execute(query.order_by(batch_counts.c.batch))
    return [(batch, measured, memorized) for batch, measured, memorized in rows]


def counts_of_batches(connection: Connection, measurement: Measurement, batches: BatchRange) -> list[AnyRow]:
    """The counts of a range of batches at every row, ascending by row and batch."""
    is_there = and_(batch_counts.c.batch >= batches.start, batch_counts.c.batch < batches.stop)
    query = select(batch_counts).where(batch_counts.c.measurement_id == measurement.id, is_there)
    return list(connection.execute(query.order_by(batch_counts.c.array_row, batch_counts.c.batch)))


def counts_by_row(connection: Connection, measurement: Measurement) -> dict[int, AnyRow]:
    """For each row: `measured` and `memorized` sequences that its checkpoint had seen, and both of those `unseen_`."""
    seen = batch_counts.c.batch < checkpoints.c.step  # A checkpoint at step N had seen the batches below N.
    is_row = and_(
        measurement_rows.c.measurement_id == batch_counts.c.measurement_id,
        measurement_rows.c.array_row == batch_counts.c.array_row,
    )
    query = (
        select(
            batch_counts.c.array_row,
            _sum_if(seen, batch_counts.c.measured).label("measured"),
            _sum_if(seen, batch_counts.c.memorized).label("memorized"),
            _sum_if(~seen, batch_counts.c.measured).label("unseen_measured"),
            _sum_if(~seen, batch_counts.c.memorized).label("unseen_memorized"),
        )
        .join(measurement_rows, is_row)
        .join(checkpoints, checkpoints.c.id == measurement_rows.c.checkpoint_id)
        .where(batch_counts.c.measurement_id == measurement.id)
        .group_by(batch_counts.c.array_row)
    )
    return {row.array_row: row for row in connection.execute(query)}


def _sum_if(condition: ColumnElement[bool], value: Column[int]) -> ColumnElement[int]:
    return func.sum(case((condition, value), else_=0))
