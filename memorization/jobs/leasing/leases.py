"""Leases: which run works on which shards of some jobs.

A lease is a row that says who holds a shard and until when, by the database's clock. It lasts 40 seconds and is renewed four
times in it by a thread, however long a shard takes. It is void when it has run out, and at once where its process is known to be
gone: whoever else works at the job, or begins to, then frees the shard, so that it is taken over within a minute.

A shard that is freed so has cost a worker, whatever the reason. That is counted and written down, and at the fifth time the shard
is left alone (`shard_table`), with all of its checkpoint where nothing of that was measured.

A lease may be lost when PostgreSQL dies within a second of it (it is not *durable*): then somebody else may be given the shard with
the same number, so that the owner's name, which no two runs share, counts beside it.

Leases save work; the *fence* keeps order. Each lease of a shard has a number, one larger than the one before, and a commit
is made only under the shard's newest one (`shard_writer`). So a process that slept through the end of its lease commits nothing
over what another has done since.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import partial

from sqlalchemy import Connection

from seenat.memorization.jobs.leasing.heartbeat import Heartbeat
from seenat.memorization.jobs.leasing.lost_workers import free_dead, give_up, is_dead
from seenat.memorization.jobs.leasing.open_jobs import has_greater, has_open_jobs
from seenat.memorization.jobs.leasing.owners import Owner, live_here
from seenat.memorization.jobs.leasing.worker_table import add_worker, remove_workers, renew_worker, workers_of
from seenat.memorization.jobs.shard_table import (
    ShardLease,
    fail_shards,
    failed_come_first,
    has_open_blocks,
    lease_next,
    leases_at,
    open_steps,
    release_shards,
    renew_shards,
    reopen_failed,
)
from seenat.registry.database.clock import database_time, stamp
from seenat.registry.database.engine import Database
from seenat.registry.errors import OutOfMemory, SeenatError, Unreachable
from seenat.registry.printable import in_a_sentence

__all__ = ["LEASE_SECONDS", "ShardLeases", "Stopped", "others_hold"]

LEASE_SECONDS = 40.0
_BEATS_A_LEASE = 4
# To ask the clock each time is an eighth of what a lease costs.
_SECONDS_BETWEEN_CLOCKS = 2.0


class Stopped(Exception):
    """A run is to take no further shard: it was asked to stop, its jobs are not live any more, or others come first."""


class ShardLeases:
    """What a run may take of some jobs, and what it holds; `stop` asks whether it should take no more.

    It gives way to jobs of greater priority among `gives_way_to`, or to any where that is empty; None gives way to none.
    """

    def __init__(
        self,
        database: Database,
        job_ids: tuple[int, ...],
        *,
        seconds: float = LEASE_SECONDS,
        stop: Callable[[], bool] = lambda: False,
        gives_way_to: tuple[int, ...] | None = None,
    ) -> None:
        self.owner = str(Owner.new())
        self._database = database
        self._job_ids = job_ids
        self._seconds = seconds
        self._stop = stop
        self._gives_way_to = gives_way_to
        self._ended = threading.Event()
        self._asked: tuple[datetime, float] | None = None
        """What the database's clock said, and this machine's."""

    @contextmanager
    def held(self, *, retry: bool) -> Iterator[None]:
        """While this run works: it stands at its jobs, its leases are renewed, and at the end what it holds is given back.

        What dead processes hold is freed first; with `retry`, shards that failed are tried once more.
        """
        live_here.add(self.owner)
        heartbeat = None
        try:
            self._database.again(lambda: self._begin(retry))
            heartbeat = Heartbeat(self._seconds / _BEATS_A_LEASE, lambda: self._renew(heartbeat))
            yield
        except Exception as error:
            if isinstance(error, OutOfMemory) or not isinstance(error, SeenatError):
                self._blame(error)  # Else it would end every worker in turn.
            raise
        finally:
            if heartbeat is not None:
                heartbeat.stop()
            live_here.discard(self.owner)  # Should the next fail, other runs of this process know that it is gone.
            self._database.again(self._end)

    def _begin(self, retry: bool) -> None:
        with self._database.write() as connection:
            self._free_dead(connection)
            if retry:
                reopen_failed(connection, self._job_ids)
            self._add(connection)

    def _end(self) -> None:
        with self._database.write() as connection:
            release_shards(connection, self._job_ids, [self.owner])
            remove_workers(connection, self._job_ids, [self.owner])
            self._free_dead(connection)

    def open_steps(self) -> list[int]:
        """The steps of the checkpoints that have shards to take, ascending."""
        with self._database.read() as connection:
            return open_steps(connection, self._job_ids)

    def has_open(self, checkpoint_id: int) -> bool:
        """Whether a checkpoint has shards to take."""
        return self._database.again(lambda: self._has_open_behind(checkpoint_id, -1, None))

    def acquire(self, checkpoint_id: int) -> Iterator[list[ShardLease]]:
        """Lease a checkpoint's open shards block after block, each when the one before is done with; one shard a job.

        What failed before comes last, unless the whole checkpoint may be at fault (`failed_come_first`). The database says which
        block comes next, so that hundreds of runs do not try the same one after another; each is taken once, the lower ones
        first. Raises `Stopped`, between two blocks.
        """
        failed_first = self._database.again(lambda: self._failed_come_first(checkpoint_id))
        yield from self._acquire(checkpoint_id, failed=failed_first)
        yield from self._acquire(checkpoint_id, failed=not failed_first)

    def _acquire(self, checkpoint_id: int, *, failed: bool) -> Iterator[list[ShardLease]]:
        last, open_behind = -1, True
        while open_behind:
            if leases := self._database.again(partial(self._lease, checkpoint_id, last, failed)):
                last = leases[0].block
                yield leases
            else:
                open_behind = self._database.again(partial(self._has_open_behind, checkpoint_id, last, failed))

    def check(self) -> None:
        """Raise `Stopped` where no further shard is to be taken."""
        if self._stop() or self._ended.is_set():
            raise Stopped

    def fail(self, checkpoint_id: int, error: SeenatError, *, only_held: bool = False) -> int:
        """Mark this run's shards of a checkpoint as failed, and unless `only_held` its open ones; returns how many."""
        return self._database.again(lambda: self._fail(checkpoint_id, error, only_held))

    def _fail(self, checkpoint_id: int, error: SeenatError, only_held: bool) -> int:
        with self._database.write() as connection:
            return fail_shards(
                connection,
                self._job_ids,
                checkpoint_id,
                f"{in_a_sentence(error, 4000)}.",
                owner=self.owner,
                only_held=only_held,
                counts=not isinstance(error, Unreachable),
            )

    def _failed_come_first(self, checkpoint_id: int) -> bool:
        with self._database.read() as connection:
            return failed_come_first(connection, self._job_ids, checkpoint_id)

    def _has_open_behind(self, checkpoint_id: int, last: int, failed: bool | None) -> bool:
        with self._database.read() as connection:
            return has_open_blocks(connection, self._job_ids, checkpoint_id, last, failed=failed)

    def _lease(self, checkpoint_id: int, last: int, failed: bool) -> list[ShardLease]:
        """Lease the first open block behind another; nothing where there is none, or somebody took it just now."""
        self.check()
        with self._database.write_part(None, durable=False) as connection:
            place, until = (checkpoint_id, last), self._until(connection)
            leases = lease_next(connection, self._job_ids, place, self.owner, until, failed=failed)
            if not leases and not has_open_jobs(connection, self._job_ids):
                raise Stopped
        return leases

    def _free_dead(self, connection: Connection) -> None:
        """Free what runs hold that are gone, and let nobody stand at these jobs who is gone or has not been heard of."""
        free_dead(connection, self._job_ids)
        there, now = workers_of(connection, self._job_ids), _now(connection)
        gone = [row.owner for row in there if is_dead(row, now)]
        remove_workers(connection, self._job_ids, gone)

    def _blame(self, error: Exception) -> None:
        with self._database.write() as connection:
            give_up(connection, self._job_ids, self.owner, error)

    def _add(self, connection: Connection) -> None:
        now = f"{_now(connection)[:19]}Z"
        remove_workers(connection, self._job_ids, [self.owner])  # It stands there where this is run again.
        add_worker(connection, self._job_ids, self.owner, now, self._until(connection))

    def _renew(self, heartbeat: Heartbeat | None) -> None:
        with self._database.write_part(None, durable=False) as connection:
            if heartbeat is None or heartbeat.stopped.is_set():
                return
            until = self._until(connection)
            renew_shards(connection, self._job_ids, self.owner, until)
            if not renew_worker(connection, self.owner, until):  # It slept, and was taken for dead.
                self._add(connection)
            self._free_dead(connection)
            if not has_open_jobs(connection, self._job_ids) or self._comes_after(connection):
                self._ended.set()

    def _comes_after(self, connection: Connection) -> bool:
        """Whether others are to be measured first."""
        return self._gives_way_to is not None and has_greater(connection, self._job_ids, self._gives_way_to)

    def _until(self, connection: Connection) -> str:
        """When a lease from now on runs out, by the database's clock, which is asked every few seconds."""
        here = time.monotonic()
        if self._asked is None or here - self._asked[1] > _SECONDS_BETWEEN_CLOCKS:
            self._asked = database_time(connection), here
        moment, asked = self._asked
        return stamp(moment + timedelta(seconds=self._seconds + here - asked))


def others_hold(database: Database, checkpoint_id: int) -> bool:
    """Whether another process holds a shard of a checkpoint, in any job."""
    with database.read() as connection:
        names = leases_at(connection, checkpoint_id, _now(connection))
    holders = [Owner.parse(name) for name in names]
    return any(not holder.is_of_this_process and not holder.is_gone for holder in holders)


def _now(connection: Connection) -> str:
    return stamp(database_time(connection))
