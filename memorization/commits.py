"""Committing a block of results: the file first, then one transaction that makes it count.

The transaction records the file's digest, the shard that is done, the onsets of the block's sequences and the counts of its
batches. Onsets and counts are derived from every committed value of the block, not added to what was there, so the same
committed values give the same rows whatever was killed, repeated or committed in between.

A file whose digest is not the recorded one was written by a commit that never came to be: its values are measured again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from sqlalchemy import Connection, delete, insert, select, update

from seenat.memorization.measurements import Measurement, current_rows
from seenat.memorization.protocol import NOT_MEASURED
from seenat.memorization.store import BlockFile, ResultArray, Values
from seenat.memorization.trajectories import onset_table
from seenat.registry.tables import batch_counts, blocks, memorized_sequences, shards

__all__ = ["ShardKey", "commit_block", "committed_values", "finish_shard"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardKey:
    """Which shard of which job."""

    job_id: int
    checkpoint_id: int
    block: int


def committed_values(
    connection: Connection, array: ResultArray, measurement: Measurement, row: int, block: int
) -> Values:
    """The values of a block that count, `[sequences of the block]`; 255 where there are none."""
    span = measurement.block(block)
    recorded = connection.execute(
        select(blocks.c.digest).where(
            blocks.c.measurement_id == measurement.id, blocks.c.array_row == row, blocks.c.block == block
        )
    ).scalar()
    if recorded is None or array.digest_of(row, block) != recorded:
        return np.full(len(span), NOT_MEASURED, np.uint8)
    values: Values = array.read([row], span.start, span.stop)[0]
    return values


def commit_block(
    connection: Connection,
    array: ResultArray,
    measurement: Measurement,
    *,
    row: int,
    block: int,
    values: Values,
    file: BlockFile,
    sequences_per_batch: int,
) -> None:
    """Make a written block count: its digest, its sequences' onsets, its batches' counts."""
    whole = measurement.protocol.continuation
    key = {"measurement_id": measurement.id, "array_row": row, "block": block}
    connection.execute(delete(blocks).filter_by(**key))
    connection.execute(
        insert(blocks).values(
            **key,
            measured=int((values != NOT_MEASURED).sum()),
            memorized=int((values == whole).sum()),
            bytes=file.bytes,
            digest=file.digest,
        )
    )
    _replace_onsets(connection, array, measurement, block)
    _replace_counts(connection, measurement, row, block, values, sequences_per_batch)


def finish_shard(connection: Connection, key: ShardKey, *, measured: int, reused: int, seconds: float) -> None:
    """Record that a shard is done."""
    connection.execute(
        update(shards)
        .where(shards.c.job_id == key.job_id, shards.c.checkpoint_id == key.checkpoint_id, shards.c.block == key.block)
        .values(
            state="done", measured=measured, reused=reused, seconds=seconds, owner=None, lease_until=None, error=None
        )
    )


def _replace_onsets(connection: Connection, array: ResultArray, measurement: Measurement, block: int) -> None:
    span = measurement.block(block)
    committed = {
        row.array_row
        for row in connection.execute(
            select(blocks.c.array_row).where(blocks.c.measurement_id == measurement.id, blocks.c.block == block)
        )
    }
    rows = [(row, step) for row, step in current_rows(connection, measurement) if row in committed]
    connection.execute(
        delete(memorized_sequences).where(
            memorized_sequences.c.measurement_id == measurement.id,
            memorized_sequences.c.sequence >= span.start,
            memorized_sequences.c.sequence < span.stop,
        )
    )
    found = _onset_rows(array, measurement, rows, block)
    if found:
        connection.execute(insert(memorized_sequences), found)


def _onset_rows(
    array: ResultArray, measurement: Measurement, rows: list[tuple[int, int]], block: int
) -> list[dict[str, Any]]:
    span = measurement.block(block)
    values = array.read([row for row, _ in rows], span.start, span.stop)
    steps = np.array([step for _, step in rows], np.int64)
    table = onset_table(steps, values, measurement.protocol.continuation)
    return [
        {
            "measurement_id": measurement.id,
            "sequence": span.start + column,
            "first_step": first,
            "bracket_low": None if low < 0 else low,
            "last_step": last,
            "times_memorized": memorized,
            "times_lost": lost,
        }
        for column, first, low, last, memorized, lost in zip(
            table.column.tolist(),
            table.first_step.tolist(),
            table.bracket_low.tolist(),
            table.last_step.tolist(),
            table.times_memorized.tolist(),
            table.times_lost.tolist(),
            strict=True,
        )
    ]


def _replace_counts(
    connection: Connection, measurement: Measurement, row: int, block: int, values: Values, sequences_per_batch: int
) -> None:
    first = measurement.block(block).start // sequences_per_batch
    measured = _sums(values != NOT_MEASURED, sequences_per_batch)
    memorized = _sums(values == measurement.protocol.continuation, sequences_per_batch)
    connection.execute(
        delete(batch_counts).where(
            batch_counts.c.measurement_id == measurement.id,
            batch_counts.c.array_row == row,
            batch_counts.c.batch >= first,
            batch_counts.c.batch < first + len(measured),
        )
    )
    connection.execute(
        insert(batch_counts),
        [
            {
                "measurement_id": measurement.id,
                "array_row": row,
                "batch": first + int(place),
                "measured": int(measured[place]),
                "memorized": int(memorized[place]),
            }
            for place in np.flatnonzero(measured)
        ],
    )


def _sums(flags: npt.NDArray[np.bool_], size: int) -> npt.NDArray[np.int64]:
    return np.add.reduceat(flags.astype(np.int64), np.arange(0, len(flags), size))
