"""Committing a block of results: the file first, then one transaction that makes it count.

The transaction records the file's digest, the onsets of the block's sequences and the counts of its batches; a job's shard is
done in the same one (`jobs.shard_writer`). Onsets and counts are derived from every committed value of the block, not added to what
was there, so the same committed values give the same rows whatever was killed, repeated or committed in between.

A file whose digest is not the recorded one does not count. It was written by a commit that never came to be: then what it held
before is put back (`recovery`). Or it is damaged: then what was committed of the block is *lost*, and whoever works on the
block next measures all of it again.

Onsets are derived from the rows of the checkpoints' present contents. When a content is replaced they are *stale* until all
are derived anew (`refresh`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from sqlalchemy import Connection

from seenat.memorization.protocol.measures import Values
from seenat.memorization.results.block_table import (
    BlockKey,
    committed_blocks,
    committed_files,
    committed_origin,
    replace_block,
    replace_counts,
)
from seenat.memorization.results.files.block_array import BlockFile
from seenat.memorization.results.files.description import MEASURED, NOT_YET, REPLACED, Description
from seenat.memorization.results.files.origin import Origin
from seenat.memorization.results.measurements import (
    Measurement,
    current_rows,
    ensure_row,
    mark_onsets,
    steps_of_rows,
)
from seenat.memorization.results.objects.choose import array_of
from seenat.memorization.results.onset_rows import replace_onsets
from seenat.memorization.results.trajectory import derive_onsets
from seenat.registry.catalog.models import Checkpoint, Model
from seenat.registry.database.engine import Database

__all__ = ["Committed", "MeasurementStore"]


class Committed(NamedTuple):
    """What counts of a block."""

    values: Values
    """`[sequences of the block]`; not measured where there are none."""
    lost: bool
    """Whether values were committed that the file does not hold."""


class MeasurementStore:
    """The results of one measurement: its array of files, and the rows of SQL that make files count.

    The array need not be there yet. Methods that take a connection belong to its transaction.
    """

    def __init__(self, database: Database, model: Model, measurement: Measurement) -> None:
        self.database = database
        self.model = model
        self.measurement = measurement
        self.array = array_of(database, measurement, (model.name, measurement.protocol.options))

    def row_of(self, connection: Connection, checkpoint: Checkpoint, digest: str) -> int:
        """The array's row for a checkpoint's content; the array is described before the catalog has the row."""
        row = ensure_row(connection, self.measurement, checkpoint.id, digest)
        steps = self.array.steps
        if row not in steps and committed_blocks(connection, self.measurement, row):
            # A content that was measured before is back, and what is derived does not know of it.
            mark_onsets(connection, self.measurement, stale=True)
        self.describe(connection, steps | {row: checkpoint.step})
        return row

    def describe(self, connection: Connection, steps: Mapping[int, int] | None = None) -> None:
        """Let the array say what it is, and each row's step and state; under the write lock.

        `steps` are the rows of which onsets are derived; by default those of all present contents.
        """
        self.array.describe(self.description(connection, steps))

    def description(self, connection: Connection, steps: Mapping[int, int] | None = None) -> Description:
        """What the array is to say of itself, as for `describe`."""
        measured = dict(current_rows(connection, self.measurement)) if steps is None else steps
        return Description(
            rows=tuple(
                (step, MEASURED if row in measured else REPLACED if is_taken else NOT_YET)
                for row, (step, is_taken) in enumerate(steps_of_rows(connection, self.measurement))
            ),
            attributes={
                "format": self.measurement.format,
                "model": self.model.name,
                "order": self.model.order.name,
                "order_digest": self.measurement.order_digest,
                "protocol": self.measurement.protocol.to_json(),
                "quantities": list(self.measurement.protocol.value_type.quantities),
            },
        )

    def fetch(self, block: int) -> None:
        """Bring what is committed of a block near, before a transaction that derives onsets from it."""
        with self.database.read() as connection:
            rows = [row for row, _ in current_rows(connection, self.measurement)]
            files = committed_files(connection, self.measurement, block, rows)
        self.array.fetch(files.values())

    def committed(self, connection: Connection, row: int, block: int) -> Committed:
        """The values of a block that count."""
        file = committed_files(connection, self.measurement, block, [row]).get(row)
        values = None if file is None else self.array.content(row, block, file)
        if values is None:
            length = len(self.measurement.block(block))
            return Committed(self.measurement.protocol.value_type.empty(length), lost=file is not None)
        return Committed(values, lost=False)

    def commit(
        self,
        connection: Connection,
        row: int,
        block: int,
        values: Values,
        origin: Origin | None = None,
        *,
        keeps_earlier: bool = False,
        staged: BlockFile | None = None,
    ) -> BlockFile:
        """Write a block and make it count: its digest and origin, its sequences' onsets, its batches' counts.

        With `keeps_earlier` some of the values are those that were committed before, which may have another origin.
        What was `staged` before the transaction is not written again. Once the transaction is on the disk, `array.accept` lets go of what the file held before.
        """
        protocol = self.measurement.protocol
        measured, memorized = protocol.value_type.measured(values), protocol.memorized(values)
        # The file is durable before any row speaks of it: killed here, `recover` puts back what it held before.
        file = self.array.write(row, block, values, staged)
        origin, earlier = origin or Origin(), committed_origin(connection, self._key(row, block))
        if keeps_earlier and earlier is not None:
            origin = origin.with_earlier(earlier)
        replace_block(
            connection,
            self._key(row, block),
            file,
            origin,
            measured=int(measured.sum()),
            memorized=int(memorized.sum()),
        )
        self.replace_onsets(connection, block)
        self.replace_counts(connection, row, block, values)
        return file

    def replace_onsets(self, connection: Connection, block: int) -> None:
        """Derive a block's onsets from all its committed values of present contents."""
        protocol = self.measurement.protocol
        if not protocol.value_type.decodes:  # By loss, nothing is memorized or not.
            return
        steps, values = self._present_values(connection, block)
        replace_onsets(connection, self.measurement, block, derive_onsets(steps, values, protocol.continuation))

    def replace_counts(self, connection: Connection, row: int, block: int, values: Values) -> None:
        """Count anew what was measured and memorized of each batch of a block, from its values at a row."""
        replace_counts(connection, self.measurement.id, row, self.first_batch(block), *self.counts(values))

    def first_batch(self, block: int) -> int:
        """The first batch of a block."""
        return self.measurement.block(block).start // self.model.schedule.sequences_per_batch

    def counts(self, values: Values) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """How many of a block's values are measured, and how many memorized, in each of its batches."""
        protocol, size = self.measurement.protocol, self.model.schedule.sequences_per_batch
        return _sums(protocol.value_type.measured(values), size), _sums(protocol.memorized(values), size)

    def _present_values(self, connection: Connection, block: int) -> tuple[npt.NDArray[np.int64], Values]:
        """Every step at which values of the block count, ascending, and these values, `[steps, sequences of the block]`."""
        present = current_rows(connection, self.measurement)
        files = committed_files(connection, self.measurement, block, [row for row, _ in present])
        values = self.measurement.protocol.value_type.empty(len(files), len(self.measurement.block(block)))
        steps: list[int] = []
        for row, step in present:
            values_of_row = self.array.content(row, block, files[row]) if row in files else None
            if values_of_row is not None:
                values[len(steps)] = values_of_row
                steps.append(step)
        return np.array(steps, np.int64), values[: len(steps)]

    def _key(self, row: int, block: int) -> BlockKey:
        return BlockKey(self.measurement.id, row, block)


def _sums(flags: npt.NDArray[np.bool_], size: int) -> npt.NDArray[np.int64]:
    """How many flags are true in each run of `size`; the last may be short."""
    return np.add.reduceat(flags.astype(np.int64), np.arange(0, len(flags), size))
