"""Leases: which process works on which shard of some jobs.

A lease is a row that says who holds a shard and until when. That of a dead process of this machine is void at once, one of
another machine when it has run out. Leases only save work; whoever measures a shard commits the same values.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection

from seenat.memorization.jobs.shard_table import (
    ShardKey,
    fail_shards,
    is_held_by_others,
    lease_block,
    open_blocks,
    open_steps,
    owners,
    release_shards,
)
from seenat.registry.database.engine import Database
from seenat.registry.errors import SeenatError
from seenat.registry.printable import in_a_sentence

__all__ = ["ShardLeases"]

# Longer than any block should take. Only another machine has to wait for it: here a dead process is noticed.
_LEASE = timedelta(minutes=30)


class ShardLeases:
    """What this process may take of jobs, and what it holds."""

    def __init__(self, database: Database, job_ids: tuple[int, ...]) -> None:
        self._database = database
        self._job_ids = job_ids
        self._owner = f"{socket.gethostname()}:{os.getpid()}"

    def open_steps(self) -> list[int]:
        """The steps of the checkpoints that have shards to take, ascending."""
        with self._database.read() as connection:
            return open_steps(connection, self._job_ids, _stamp())

    def acquire(self, checkpoint_id: int) -> Iterator[list[ShardKey]]:
        """Lease a checkpoint's open shards block after block, each when the one before is done with; one shard a job."""
        with self._database.read() as connection:
            blocks = open_blocks(connection, self._job_ids, checkpoint_id, _stamp())
        for block in blocks:
            with self._database.write() as connection:
                place = (checkpoint_id, block)
                keys = lease_block(connection, self._job_ids, place, self._owner, _stamp(), _stamp(_LEASE))
            if keys:
                yield keys

    def fail(self, checkpoint_id: int, error: SeenatError, *, only_held: bool = False) -> None:
        """Mark this process's shards of a checkpoint as failed, and unless `only_held` its open ones."""
        open_at = None if only_held else _stamp()
        with self._database.write() as connection:
            fail_shards(
                connection,
                self._job_ids,
                checkpoint_id,
                f"{in_a_sentence(error, 4000)}.",
                owner=self._owner,
                open_at=open_at,
            )

    def release_dead(self, connection: Connection) -> None:
        """Free what processes hold that are gone, and what this one held and gave up."""
        dead = [owner for owner in owners(connection, self._job_ids) if _is_dead(owner)]
        release_shards(connection, self._job_ids, dead)

    def others_hold(self, checkpoint_id: int) -> bool:
        """Whether another process holds a shard of a checkpoint, in any job."""
        with self._database.read() as connection:
            return is_held_by_others(connection, checkpoint_id, self._owner)


def _stamp(ahead: timedelta = timedelta()) -> str:
    """The time now, or a while ahead; as text in UTC, which sorts as time does."""
    return (datetime.now(UTC) + ahead).strftime("%Y-%m-%dT%H:%M:%SZ")


def _is_dead(owner: str) -> bool:
    """Whether a lease's process ran on this machine and is gone."""
    host, _, pid = owner.rpartition(":")
    if host != socket.gethostname():
        return False
    if int(pid) == os.getpid():  # It asks only when it holds nothing, so this is what it gave up.
        return True
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False
