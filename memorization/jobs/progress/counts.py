"""How far jobs are, as SQL counts it: shards by state, by who holds them, by checkpoint, and those done of late."""

from __future__ import annotations

from sqlalchemy import Connection, func, select

from seenat.registry.database.rows import AnyRow
from seenat.registry.database.tables.catalog import checkpoints
from seenat.registry.database.tables.jobs import shards

__all__ = ["checkpoint_counts", "done_since", "failed_shards", "last_done", "leased_counts", "shard_counts"]


def shard_counts(connection: Connection, job_id: int) -> dict[str, AnyRow]:
    """By state: how many `shards` of a job are in it, and the sums of `measured`, `reused` and `seconds`.

    And how many are `quarantined`.
    """
    query = (
        select(
            shards.c.state,
            func.count().label("shards"),
            func.sum(shards.c.measured).label("measured"),
            func.sum(shards.c.reused).label("reused"),
            func.sum(shards.c.seconds).label("seconds"),
            func.count(shards.c.quarantined_at).label("quarantined"),
        )
        .where(shards.c.job_id == job_id)
        .group_by(shards.c.state)
    )
    return {row.state: row for row in connection.execute(query)}


def leased_counts(connection: Connection, job_id: int) -> list[AnyRow]:
    """`owner`, `lease_until`, and how many `shards` of a job are so leased, also where the lease has run out."""
    columns = (shards.c.owner, shards.c.lease_until)
    query = select(*columns, func.count().label("shards")).where(shards.c.job_id == job_id, shards.c.state == "running")
    return list(connection.execute(query.group_by(*columns)))


def checkpoint_counts(connection: Connection, job_id: int) -> list[AnyRow]:
    """By checkpoint: `step`, `state`, `owner`, `lease_until`, and how many `shards` of a job are so; ascending by step."""
    columns = (checkpoints.c.step, shards.c.state, shards.c.owner, shards.c.lease_until)
    query = (
        select(*columns, func.count().label("shards"))
        .join(checkpoints, checkpoints.c.id == shards.c.checkpoint_id)
        .where(shards.c.job_id == job_id)
    )
    return list(connection.execute(query.group_by(*columns).order_by(checkpoints.c.step)))


def failed_shards(connection: Connection, job_id: int, limit: int) -> list[AnyRow]:
    """The first failed shards of a job: `step`, `block`, `attempts`, `failures`, `quarantined_at`, `error`."""
    columns = (shards.c.attempts, shards.c.failures, shards.c.quarantined_at, shards.c.error)
    query = (
        select(checkpoints.c.step, shards.c.block, *columns)
        .join(checkpoints, checkpoints.c.id == shards.c.checkpoint_id)
        .where(shards.c.job_id == job_id, shards.c.state == "failed")
        .order_by(checkpoints.c.step, shards.c.block)
        .limit(limit)
    )
    return list(connection.execute(query))


def last_done(connection: Connection, job_id: int) -> str | None:
    """When the last shard of a job was done; None where none was, or an earlier version did them all."""
    is_done = (shards.c.job_id == job_id, shards.c.state == "done")
    return connection.execute(select(func.max(shards.c.done_at)).where(*is_done)).scalar()


def done_since(connection: Connection, job_id: int, since: str) -> AnyRow:
    """How many `shards` of a job were done from a moment on, and how many `values` they have."""
    values = func.coalesce(func.sum(shards.c.measured + shards.c.reused), 0)
    query = select(func.count().label("shards"), values.label("values"))
    is_done = (shards.c.job_id == job_id, shards.c.state == "done", shards.c.done_at >= since)
    return connection.execute(query.where(*is_done)).one()
