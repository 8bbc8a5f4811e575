"""Messages that come twice, late, or under an old fence; and processes whose clock is an hour off."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np
from sqlalchemy import func, select

from faults.kinds.fault import Fault, NotNow, Undo, nothing
from seenat.memorization.jobs.leasing.worker_table import add_worker, renew_worker
from seenat.memorization.jobs.shard_table import ShardLease, renew_shards
from seenat.memorization.jobs.shard_writer import LeaseLost, ShardWriter
from seenat.memorization.jobs.status import find_job
from seenat.registry.database.clock import database_time, stamp
from seenat.registry.database.tables.jobs import measurement_rows, shards

if TYPE_CHECKING:
    from faults.scene import Scene

__all__ = ["LateHeartbeat", "LateWorker", "OldFence", "Twice", "WrongClock"]

_JUNK = 3


class Twice(Fault):
    """A worker that sends each of its commits twice, as where the answer to the first was lost."""

    name = "commits sent twice"

    def strike(self, scene: Scene) -> Undo:
        """Begin it beside the others."""
        scene.begin_worker(twice=True)
        return nothing


class WrongClock(Fault):
    """A worker whose machine's clock is an hour off, before or behind: leases go by the database's."""

    name, worlds = "clock an hour off", frozenset({"postgres"})

    def strike(self, scene: Scene) -> Undo:
        """Begin it beside the others."""
        scene.begin_worker(shift=scene.random.choice((-3600, 3600)))
        return nothing


class LateWorker(Fault):
    """A worker that sleeps between measuring and committing, and commits when another may have."""

    name, lasts = "late commit", (0.5, 4.0)

    def strike(self, scene: Scene) -> Undo:
        """Begin one that stops itself there."""
        pid = scene.begin_worker(pauses=True)

        def go_on() -> None:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)

        return go_on


class OldFence(Fault):
    """A commit of other values arrives under a lease that is not the newest of its shard."""

    name = "commit under an old fence"

    def strike(self, scene: Scene) -> Undo:
        """Send it; it must be refused."""
        scene.check_reachable()
        catalog, job = scene.place.catalog, find_job(scene.place.catalog, scene.place.job_id)
        with catalog.database.read() as connection:
            columns = (shards.c.checkpoint_id, shards.c.block, shards.c.fence, measurement_rows.c.array_row)
            query = select(*columns).join(measurement_rows, measurement_rows.c.checkpoint_id == shards.c.checkpoint_id)
            row = connection.execute(query.where(shards.c.fence > 0).order_by(func.random()).limit(1)).one_or_none()
        if row is None:
            raise NotNow
        model = catalog.model(job.model)
        checkpoint = next(one for one in map(model.checkpoint, model.schedule.saved) if one.id == row.checkpoint_id)
        fence = row.fence - scene.random.randrange(2)  # Under the newest, somebody else's name gives it away.
        lease = ShardLease(
            job_id=job.id, checkpoint_id=row.checkpoint_id, block=row.block, owner="late:1:place-random", fence=fence
        )
        writer = ShardWriter(catalog.database, model, job)
        buffer = writer.new_buffer(lease, checkpoint, row.array_row)
        buffer.values[:] = _JUNK
        buffer.due = np.empty(0, np.int64)
        with suppress(LeaseLost):
            writer.try_commit(buffer)
            raise AssertionError("A commit under an old fence was let through.")
        return nothing


class LateHeartbeat(Fault):
    """A heartbeat of a worker that is gone arrives, and says that it is there."""

    name = "late heartbeat"

    def strike(self, scene: Scene) -> Undo:
        """Let it stand at the job once more, and hold what it has held, for as long as a lease lasts."""
        scene.check_reachable()
        if not scene.owners_gone:
            raise NotNow
        owner, job_ids = scene.random.choice(sorted(scene.owners_gone)), (scene.place.job_id,)
        with scene.place.catalog.database.write() as connection:
            now = database_time(connection)
            until = stamp(now + timedelta(seconds=scene.lease_seconds))
            renew_shards(connection, job_ids, owner, until)
            if not renew_worker(connection, owner, until):
                add_worker(connection, job_ids, owner, f"{stamp(now)[:19]}Z", until)
        return nothing
