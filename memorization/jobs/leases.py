"""Leases: which process works on which shard of some jobs.

A claim is a row that says who holds a shard and until when. That of a dead process of this machine is void at once, one
of another machine when its lease has run out. ShardLeases only save work; whoever measures a shard commits the same values.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from sqlalchemy import ColumnElement, Connection, and_, case, func, or_, select, update

from seenat.memorization.results.commit import ShardKey
from seenat.registry.database.engine import Database
from seenat.registry.database.tables import checkpoints, shards
from seenat.registry.errors import SeenatError

__all__ = ["ShardLeases"]

_LEASE = timedelta(minutes=30)
"""Longer than any block should take; only a machine that is not this one has to wait for it."""


class ShardLeases:
    """What this process may take of jobs, and what it holds."""

    def __init__(self, database: Database, job_ids: tuple[int, ...]) -> None:
        self._database = database
        self._is_of_jobs = shards.c.job_id.in_(job_ids)
        self._owner = f"{socket.gethostname()}:{os.getpid()}"

    def open_steps(self) -> list[int]:
        """The steps of the checkpoints that have shards to take, ascending."""
        query = (
            select(checkpoints.c.step)
            .where(checkpoints.c.id.in_(select(shards.c.checkpoint_id).where(self._is_open())))
            .order_by(checkpoints.c.step)
        )
        with self._database.read() as connection:
            return list(connection.execute(query).scalars())

    def take(self, checkpoint_id: int) -> Iterator[list[ShardKey]]:
        """Claim a checkpoint's shards block after block, each when the one before is done with: those of every job that is open."""
        is_of_checkpoint = shards.c.checkpoint_id == checkpoint_id
        query = select(shards.c.block).distinct().where(self._is_open(), is_of_checkpoint).order_by(shards.c.block)
        with self._database.read() as connection:
            open_blocks = connection.execute(query).scalars().all()
        for block in open_blocks:
            with self._database.write() as connection:
                claimed = (
                    connection.execute(
                        update(shards)
                        .where(self._is_open(), is_of_checkpoint, shards.c.block == block)
                        .values(
                            state="running",
                            owner=self._owner,
                            lease_until=_stamp(datetime.now(UTC) + _LEASE),
                            attempts=shards.c.attempts + 1,
                        )
                        .returning(shards.c.job_id)
                    )
                    .scalars()
                    .all()
                )
            if claimed:
                yield [ShardKey(job_id=id_, checkpoint_id=checkpoint_id, block=block) for id_ in claimed]

    def fail(self, checkpoint_id: int, error: SeenatError, *, only_claimed: bool = False) -> None:
        """Fail the shard of a checkpoint that is claimed here, and unless told otherwise those that nobody has claimed."""
        claimed = and_(shards.c.state == "running", shards.c.owner == self._owner)
        failed = claimed if only_claimed else or_(claimed, self._is_open())
        with self._database.write() as connection:
            connection.execute(
                update(shards)
                .where(self._is_of_jobs, shards.c.checkpoint_id == checkpoint_id, failed)
                .values(
                    state="failed",
                    owner=None,
                    lease_until=None,
                    error=str(error),
                    attempts=shards.c.attempts + case((claimed, 0), else_=1),
                )
            )

    def release_dead(self, connection: Connection) -> None:
        """Free what processes hold that are gone, and what this one held and gave up."""
        owners = connection.execute(
            select(shards.c.owner).distinct().where(self._is_of_jobs, shards.c.state == "running")
        ).scalars()
        dead = [owner for owner in owners if owner is not None and _is_dead(owner)]
        connection.execute(
            update(shards)
            .where(self._is_of_jobs, shards.c.state == "running", shards.c.owner.in_(dead))
            .values(state="pending", owner=None, lease_until=None)
        )

    def others_hold(self, checkpoint_id: int) -> bool:
        """Whether another process holds a shard of a checkpoint, of whichever job."""
        held = select(func.count()).where(
            shards.c.checkpoint_id == checkpoint_id, shards.c.state == "running", shards.c.owner != self._owner
        )
        with self._database.read() as connection:
            return bool(connection.execute(held).scalar_one())

    def _is_open(self) -> ColumnElement[bool]:
        expired = and_(shards.c.state == "running", shards.c.lease_until < _stamp(datetime.now(UTC)))
        return and_(self._is_of_jobs, or_(shards.c.state.in_(("pending", "failed")), expired))


def _stamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _is_dead(owner: str) -> bool:
    """Whether a claim's process ran on this machine and is gone."""
    host, _, pid = owner.rpartition(":")
    if host != socket.gethostname():
        return False
    if int(pid) == os.getpid():
        return True
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False
