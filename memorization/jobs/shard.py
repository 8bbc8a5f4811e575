"""One job's side of a run: what is committed of a shard, what is due, and committing it.

A shard that is measured has a *sheet*, which fills with values until none is due. Before it is committed, what others have
committed of the block meanwhile is taken over, under the catalog's write lock, so jobs that share blocks lose nothing to
each other.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from sqlalchemy import Connection

from seenat.memorization.jobs.plan import Job, mark_finished
from seenat.memorization.jobs.repair import sequences_to_remeasure
from seenat.memorization.results.array import Values
from seenat.memorization.results.commit import (
    ShardKey,
    commit_block,
    committed_values,
    described_row,
    finish_shard,
    open_array,
    recover,
    refresh_onsets,
)
from seenat.registry.catalog.models import Checkpoint, Model
from seenat.registry.database.engine import Database
from seenat.registry.errors import PlanChanged

__all__ = ["ShardBuffer", "ShardWriter"]


@dataclass
class ShardBuffer:
    """A shard that is being measured."""

    key: ShardKey
    checkpoint: Checkpoint
    row: int
    """Of the array."""
    values: Values
    """`[sequences of the block]`, as far as they are known."""
    left: npt.NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    """Sequences that are due and not known, ascending."""
    measured: int = 0
    """Values that came from measuring."""
    began: float = field(default_factory=time.perf_counter)


class ShardWriter:
    """What a run does for one of its jobs."""

    def __init__(self, database: Database, model: Model, job: Job) -> None:
        self.job = job
        self.measurement = job.measurement
        self._database = database
        self._model = model
        self._kept = job.measurement.protocol.kept
        self._array = open_array(database, job.measurement)

    def check(self) -> None:
        """Raise `PlanChanged` when the order has another content than when the job was planned."""
        if self._model.order.digest != self.measurement.order_digest:
            raise PlanChanged(
                f"Job {self.job.id} was planned on another content of the order {self._model.order.name}; plan it anew with "
                f"`seenat memorize {self._model.name}`."
            )

    def prepare(self) -> None:
        """Undo what writers that were killed left behind, and derive onsets from the contents that are present."""
        with self._database.write() as connection:
            recover(connection, self._array, self.measurement)
        refresh_onsets(self._database, self.measurement, self._model)

    def finish(self) -> None:
        """Record that every shard of the job is done, if so."""
        with self._database.write() as connection:
            mark_finished(connection, self.job.id)

    def row(self, connection: Connection, checkpoint: Checkpoint, digest: str) -> int:
        """The array's row for a checkpoint's content."""
        return described_row(connection, self._array, self.measurement, self._model, checkpoint, digest)

    def sheet(self, key: ShardKey, checkpoint: Checkpoint, row: int) -> ShardBuffer:
        """An empty sheet for a shard."""
        values = self._kept.empty(len(self.measurement.block(key.block)))
        return ShardBuffer(key=key, checkpoint=checkpoint, row=row, values=values)

    def fill(self, sheet: ShardBuffer, sequences: npt.NDArray[np.int64], values: Values) -> None:
        """Note measured values, of those of ascending `sequences` that are left."""
        known = np.searchsorted(sequences, sheet.left)
        sheet.values[sheet.left - self.measurement.block(sheet.key.block).start] = values[known]
        sheet.measured += len(sheet.left)

    def settle(self, sheet: ShardBuffer) -> int | None:
        """Take over what is committed; commit the sheet if nothing is left, and return how many values were there before.

        Where something is left, that is `sheet.left`, and None is returned.
        """
        block = sheet.key.block
        span = self.measurement.block(block)
        asked = due = self.job.selection.within(self._model.schedule, sheet.checkpoint.step, span)
        with self._database.write() as connection:
            committed = committed_values(connection, self._array, self.measurement, sheet.row, block)
            if committed.lost:
                due = np.union1d(asked, self._lost(connection, sheet))
            there = self._kept.measured(committed.values)
            sheet.values[there] = committed.values[there]
            here = self._kept.measured(sheet.values)
            sheet.left = due[~here[due - span.start]]
            if len(sheet.left):
                return None
            if (here & ~there).any():
                self._commit(connection, sheet)
            reused = max(0, len(asked) - sheet.measured)
            seconds = time.perf_counter() - sheet.began
            finish_shard(connection, sheet.key, measured=sheet.measured, reused=reused, seconds=seconds)
        self._array.accept(sheet.row, block)
        return reused

    def _lost(self, connection: Connection, sheet: ShardBuffer) -> npt.NDArray[np.int64]:
        return sequences_to_remeasure(
            self._database, connection, self.measurement, self._model, sheet.checkpoint, sheet.key.block
        )

    def _commit(self, connection: Connection, sheet: ShardBuffer) -> None:
        commit_block(
            connection,
            self._array,
            self.measurement,
            row=sheet.row,
            block=sheet.key.block,
            values=sheet.values,
            file=self._array.write(sheet.row, sheet.key.block, sheet.values),
            sequences_per_batch=self._model.schedule.sequences_per_batch,
        )
