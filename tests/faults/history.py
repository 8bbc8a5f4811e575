"""What the catalog says of what happened to a job: how often each shard was begun, under which fence, and why again."""

from __future__ import annotations

from sqlalchemy import select

from faults.worlds import Place
from seenat.memorization.jobs.leasing.owners import Owner
from seenat.registry.database.clock import database_time, stamp
from seenat.registry.database.tables.jobs import job_workers, shards

__all__ = ["ShardKey", "held_by", "standing", "untold"]

ShardKey = tuple[int, int]


def held_by(place: Place, pid: int) -> dict[ShardKey, str]:
    """The shards, each a checkpoint's id and a block, that a process holds, and the name under which it does."""
    columns = (shards.c.checkpoint_id, shards.c.block, shards.c.owner)
    with place.catalog.database.read() as connection:
        rows = connection.execute(select(*columns).where(shards.c.state == "running")).all()
    return {
        (row.checkpoint_id, row.block): row.owner for row in rows if row.owner and Owner.parse(row.owner).pid == pid
    }


def standing(place: Place) -> list[Owner]:
    """Who works at the job, as the catalog has it."""
    with place.catalog.database.read() as connection:
        return [Owner.parse(name) for name in connection.execute(select(job_workers.c.owner)).scalars()]


def untold(place: Place, interrupted: set[ShardKey]) -> list[str]:
    """What a finished job's rows should say and do not; `interrupted` are shards whose workers were killed."""
    with place.catalog.database.read() as connection:
        rows = connection.execute(select(shards)).all()
        # One that ended without a word may stand there as long as its lease: to other machines it may be at work.
        is_over = job_workers.c.lease_until <= stamp(database_time(connection))
        standing = connection.execute(select(job_workers.c.owner).where(is_over)).scalars().all()
    wrong = [f"{owner} still stands at the job" for owner in standing]
    for row in rows:
        key = (row.checkpoint_id, row.block)
        if row.state != "done" or row.owner is not None or row.lease_until is not None:
            wrong.append(f"{key} is {row.state}, of {row.owner}")
        if not 1 <= row.fence <= row.attempts:
            wrong.append(f"{key} was leased {row.fence} times and begun {row.attempts} times")
        if key in interrupted and (row.attempts < 2 or not row.error):
            wrong.append(f"{key} lost a worker, and says {row.attempts} attempts, {row.error!r}")
    return wrong
