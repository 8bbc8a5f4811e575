"""One job's side of a run: what is committed of a shard, what is due, and committing it.

A shard that is measured has a *buffer*, which fills with values until none is due. Before it is committed, what others have
committed of the block meanwhile is taken over, under the catalog's write lock, so jobs that share blocks lose nothing to
each other. Its values, what is derived from them, and that the shard is done are one transaction, in which the lease under
which it was measured must be the shard's newest.

Where results lie in a store, an object is put before that transaction, and so is not waited for under the lock: *staged*. The
transaction takes it if its values are still those to commit; else another is put, and the transaction begins again.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from itertools import count
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from sqlalchemy import Connection

from seenat.memorization.jobs.job_table import set_finished
from seenat.memorization.jobs.repair import sequences_to_remeasure
from seenat.memorization.jobs.shard_table import ShardLease, finish_shard, has_unfinished, is_done, is_held
from seenat.memorization.jobs.status import Job
from seenat.memorization.protocol.measures import Values
from seenat.memorization.results.commit import MeasurementStore
from seenat.memorization.results.files.block_array import BlockFile
from seenat.memorization.results.files.origin import Origin
from seenat.memorization.results.recovery import recover, recover_block
from seenat.memorization.results.refresh import refresh_onsets
from seenat.registry.catalog.models import Checkpoint, Model
from seenat.registry.database.clock import database_time, stamp
from seenat.registry.database.engine import Database
from seenat.registry.errors import PlanChanged

__all__ = ["LeaseLost", "ShardBuffer", "ShardWriter"]


_STAGED_SECONDS = 3600.0


class LeaseLost(Exception):
    """Another process took a shard over while this one measured it, so what this one has of it must not count."""


@dataclass
class ShardBuffer:
    """A shard that is being measured."""

    lease: ShardLease
    checkpoint: Checkpoint
    row: int
    """Of the array."""
    values: Values
    """`[sequences of the block]`, as far as they are known."""
    due: npt.NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    """Sequences that must be measured and are not known, ascending."""
    measured: int = 0
    """Values that came from measuring."""
    origin: Origin = field(default_factory=Origin)
    """What measured these."""
    began: float = field(default_factory=time.perf_counter)


class _Attempt(NamedTuple):
    """How a transaction that was to commit a shard ended; without either, something is due."""

    reused: int | None = None
    """It is done, and so many of its values were there before."""
    needs_staging: bool = False
    """Its values must be put first."""


class ShardWriter:
    """Writes one job's shards: buffer values, then commit."""

    def __init__(self, database: Database, model: Model, job: Job) -> None:
        self.job = job
        self.measurement = job.measurement
        self._database = database
        self._model = model
        self._value_type = job.measurement.protocol.value_type
        self._store = MeasurementStore(database, model, job.measurement)

    def check(self) -> None:
        """Raise `PlanChanged` when the order has another content than when the job was planned."""
        if self._model.order.digest != self.measurement.order_digest:
            raise PlanChanged(
                f"Job {self.job.id} was planned on another content of the order {self._model.order.name}; plan it anew with "
                f"`seenat memorize {self._model.name}{self.measurement.protocol.options}`."
            )

    def prepare(self) -> None:
        """Undo what writers that were killed left behind, and derive onsets from the contents that are present."""
        with self._database.write() as connection:
            recover(self._store, connection)
        refresh_onsets(self._store)

    def finish(self) -> None:
        """Record that every shard of the job is done, if so; refresh onsets if a content came back meanwhile."""
        refresh_onsets(self._store)
        with self._database.write() as connection:
            if not has_unfinished(connection, self.job.id):
                set_finished(connection, self.job.id)

    def row_of(self, connection: Connection, checkpoint: Checkpoint, digest: str) -> int:
        """The array's row for a checkpoint's content."""
        return self._store.row_of(connection, checkpoint, digest)

    def new_buffer(self, lease: ShardLease, checkpoint: Checkpoint, row: int) -> ShardBuffer:
        """An empty buffer for a shard."""
        values = self._value_type.empty(len(self.measurement.block(lease.block)))
        return ShardBuffer(lease=lease, checkpoint=checkpoint, row=row, values=values)

    def fill(self, buffer: ShardBuffer, sequences: npt.NDArray[np.int64], values: Values, device: str) -> None:
        """Take what is due out of the values of ascending `sequences`, which a device computed."""
        places = np.searchsorted(sequences, buffer.due)
        buffer.values[buffer.due - self.measurement.block(buffer.lease.block).start] = values[places]
        buffer.measured += len(buffer.due)
        buffer.origin = Origin.here(device, self.measurement.protocol.dtype)

    def try_commit(self, buffer: ShardBuffer) -> int | None:
        """Take over what is committed; commit the buffer if nothing is due, and return how many values were there before.

        Where something is due, that is `buffer.due`, and None is returned. Raises `LeaseLost`.
        """
        tries = count()
        return self._database.again(lambda: self._try_commit(buffer, is_again=next(tries) > 0))

    def _try_commit(self, buffer: ShardBuffer, *, is_again: bool) -> int | None:
        staged, staged_at = None, time.monotonic()
        while True:
            self._store.fetch(buffer.lease.block)
            # Older ones may be taken for garbage (`upkeep.abandoned`), should this process have slept.
            if time.monotonic() - staged_at > _STAGED_SECONDS:
                staged = None
            attempt = self._attempt(buffer, staged, is_again=is_again)
            if not attempt.needs_staging:
                break
            lease = buffer.lease
            writer = f"j{lease.job_id}-s{lease.checkpoint_id}-f{lease.fence}"
            staged_at = time.monotonic()
            staged = self._store.array.stage(buffer.row, lease.block, buffer.values, writer)
        if attempt.reused is not None:
            # The transaction is on the disk: what the file held before is no longer needed.
            self._store.array.accept(buffer.row, buffer.lease.block)
        return attempt.reused

    def _attempt(self, buffer: ShardBuffer, staged: BlockFile | None, *, is_again: bool) -> _Attempt:
        """One transaction of `try_commit`; the one before it may have been committed where this is done again."""
        block = buffer.lease.block
        span = self.measurement.block(block)
        selected = self.job.selection.sequences_in(self._model.schedule, buffer.checkpoint.step, span)
        with self._database.write_part(f"block {block} of measurement {self.measurement.id}") as connection:
            if is_again:
                recover_block(self._store, connection, buffer.row, block)
                if is_done(connection, buffer.lease):
                    return _Attempt(reused=max(0, len(selected) - buffer.measured))
            # Under the writer's lock: nobody takes the shard over between this and the commit.
            if not is_held(connection, buffer.lease):
                raise LeaseLost
            committed = self._store.committed(connection, buffer.row, block)
            wanted = selected
            if committed.lost:
                # The file is overwritten whole, so what other jobs had measured of it must be measured with it.
                wanted = np.union1d(selected, sequences_to_remeasure(self._store, connection, buffer.checkpoint, block))
            there = self._value_type.measured(committed.values)
            buffer.values[there] = committed.values[there]
            here = self._value_type.measured(buffer.values)
            buffer.due = wanted[~here[wanted - span.start]]
            if len(buffer.due):
                return _Attempt()
            if (here & ~there).any():
                if not self._store.array.is_staged(buffer.values, staged):
                    return _Attempt(needs_staging=True)
                keeps_earlier = bool(there.any())
                self._store.commit(
                    *(connection, buffer.row, block, buffer.values, buffer.origin),
                    keeps_earlier=keeps_earlier,
                    staged=staged,
                )
            reused = max(0, len(selected) - buffer.measured)
            seconds = time.perf_counter() - buffer.began
            done_at = stamp(database_time(connection))
            finish_shard(
                connection, buffer.lease, measured=buffer.measured, reused=reused, seconds=seconds, done_at=done_at
            )
        return _Attempt(reused=reused)
