"""Leases: which run works on which shards of some jobs.

A lease is a row that says who holds a shard and until when, by the database's clock. It lasts a minute and is renewed four times
in it by a thread, however long a shard takes. It is void when it has run out, and at once where its process is known to be gone.

Leases save work; the *fence* keeps order. Each lease of a shard has a number, one larger than the one before, and a commit
is made only under the shard's newest one (`shard_writer`). So a process that slept through the end of its lease commits nothing
over what another has done since.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

from sqlalchemy import Connection

from seenat.memorization.jobs.leasing.heartbeat import Heartbeat
from seenat.memorization.jobs.leasing.owners import Owner, live_here
from seenat.memorization.jobs.leasing.worker_table import add_worker, remove_workers, renew_worker, workers_of
from seenat.memorization.jobs.shard_table import (
    ShardLease,
    fail_shards,
    has_open_jobs,
    lease_next,
    leases_at,
    open_blocks,
    open_steps,
    owners,
    release_shards,
    renew_shards,
    reopen_failed,
)
from seenat.registry.database.clock import database_time, stamp
from seenat.registry.database.engine import Database
from seenat.registry.errors import SeenatError
from seenat.registry.printable import in_a_sentence

__all__ = ["LEASE_SECONDS", "ShardLeases", "Stopped", "others_hold"]

LEASE_SECONDS = 60.0
_BEATS_A_LEASE = 4


class Stopped(Exception):
    """A run is to take no further shard: it was asked to stop, or its jobs were cancelled."""


class ShardLeases:
    """What a run may take of some jobs, and what it holds; `stop` asks whether it should take no more."""

    def __init__(
        self,
        database: Database,
        job_ids: tuple[int, ...],
        *,
        seconds: float = LEASE_SECONDS,
        stop: Callable[[], bool] = lambda: False,
    ) -> None:
        self.owner = str(Owner.new())
        self._database = database
        self._job_ids = job_ids
        self._seconds = seconds
        self._stop = stop
        self._cancelled = threading.Event()

    @contextmanager
    def held(self, *, retry: bool) -> Iterator[None]:
        """While this run works: it stands at its jobs, its leases are renewed, and at the end what it holds is given back.

        What dead processes hold is freed first; with `retry`, shards that failed are tried once more.
        """
        live_here.add(self.owner)
        heartbeat = None
        try:
            with self._database.write() as connection:
                self._free_dead(connection)
                if retry:
                    reopen_failed(connection, self._job_ids)
                self._add(connection)
            heartbeat = Heartbeat(self._seconds / _BEATS_A_LEASE, lambda: self._renew(heartbeat))
            yield
        finally:
            if heartbeat is not None:
                heartbeat.stop()
            live_here.discard(self.owner)  # Should the next fail, other runs of this process know that it is gone.
            with self._database.write() as connection:
                release_shards(connection, self._job_ids, [self.owner])
                remove_workers(connection, self._job_ids, [self.owner])

    def open_steps(self) -> list[int]:
        """The steps of the checkpoints that have shards to take, ascending."""
        with self._database.read() as connection:
            return open_steps(connection, self._job_ids, _now(connection))

    def has_open(self, checkpoint_id: int) -> bool:
        """Whether a checkpoint has shards to take."""
        with self._database.read() as connection:
            return bool(open_blocks(connection, self._job_ids, checkpoint_id, _now(connection)))

    def acquire(self, checkpoint_id: int) -> Iterator[list[ShardLease]]:
        """Lease a checkpoint's open shards block after block, each when the one before is done with; one shard a job.

        The database says which block comes next, so that hundreds of runs do not try the same one after another; each block is
        taken once, the lower ones first. Raises `Stopped`, between two blocks.
        """
        last = -1
        while (leases := self._lease(checkpoint_id, last)) or self._has_open_after(checkpoint_id, last):
            if leases:
                last = leases[0].block
                yield leases

    def check(self) -> None:
        """Raise `Stopped` where no further shard is to be taken."""
        if self._stop() or self._cancelled.is_set():
            raise Stopped

    def fail(self, checkpoint_id: int, error: SeenatError, *, only_held: bool = False) -> int:
        """Mark this run's shards of a checkpoint as failed, and unless `only_held` its open ones; returns how many."""
        with self._database.write() as connection:
            return fail_shards(
                connection,
                self._job_ids,
                checkpoint_id,
                f"{in_a_sentence(error, 4000)}.",
                owner=self.owner,
                open_at=None if only_held else _now(connection),
            )

    def _has_open_after(self, checkpoint_id: int, last: int) -> bool:
        with self._database.read() as connection:
            return any(
                block > last for block in open_blocks(connection, self._job_ids, checkpoint_id, _now(connection))
            )

    def _lease(self, checkpoint_id: int, last: int) -> list[ShardLease]:
        """Lease the first open block behind another; nothing where there is none, or somebody took it just now."""
        self.check()
        with self._database.write() as connection:
            moment = database_time(connection)
            now, until = stamp(moment), stamp(moment + timedelta(seconds=self._seconds))
            leases = lease_next(connection, self._job_ids, checkpoint_id, last, self.owner, now, until)
            if not leases and not has_open_jobs(connection, self._job_ids):
                raise Stopped
        return leases

    def _free_dead(self, connection: Connection) -> None:
        """Free what runs hold that are gone, and let nobody stand at these jobs who is gone or has not been heard of."""
        dead = [owner for owner in owners(connection, self._job_ids) if Owner.parse(owner).is_gone]
        release_shards(connection, self._job_ids, dead)
        there, now = workers_of(connection, self._job_ids), _now(connection)
        gone = [row.owner for row in there if row.lease_until < now or Owner.parse(row.owner).is_gone]
        remove_workers(connection, self._job_ids, gone)

    def _add(self, connection: Connection) -> None:
        now = f"{_now(connection)[:19]}Z"
        add_worker(connection, self._job_ids, self.owner, now, self._until(connection))

    def _renew(self, heartbeat: Heartbeat | None) -> None:
        with self._database.write() as connection:
            if heartbeat is None or heartbeat.stopped.is_set():
                return
            until = self._until(connection)
            renew_shards(connection, self._job_ids, self.owner, until)
            if not renew_worker(connection, self.owner, until):  # It slept, and was taken for dead.
                self._add(connection)
            if not has_open_jobs(connection, self._job_ids):
                self._cancelled.set()

    def _until(self, connection: Connection) -> str:
        return stamp(database_time(connection) + timedelta(seconds=self._seconds))


def others_hold(database: Database, checkpoint_id: int) -> bool:
    """Whether another process holds a shard of a checkpoint, in any job."""
    with database.read() as connection:
        names = leases_at(connection, checkpoint_id, _now(connection))
    holders = [Owner.parse(name) for name in names]
    return any(not holder.is_of_this_process and not holder.is_gone for holder in holders)


def _now(connection: Connection) -> str:
    return stamp(database_time(connection))
