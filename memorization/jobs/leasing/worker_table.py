"""The table `job_workers`: the runs that work at jobs, every statement that reads or writes it.

A run stands there for each of its jobs, also while it fetches a checkpoint and holds no shard.
"""

from __future__ import annotations

from sqlalchemy import Connection, delete, insert, select, update

from seenat.registry.database.rows import AnyRow
from seenat.registry.database.tables.jobs import job_workers

__all__ = ["add_worker", "forget_workers", "remove_workers", "renew_worker", "workers_of"]


def add_worker(connection: Connection, job_ids: tuple[int, ...], owner: str, now: str, until: str) -> None:
    """Let a run stand at its jobs."""
    rows = [{"job_id": id_, "owner": owner, "began_at": now, "lease_until": until} for id_ in job_ids]
    if rows:
        connection.execute(insert(job_workers), rows)


def renew_worker(connection: Connection, owner: str, until: str) -> bool:
    """Let a run stay at its jobs until another moment; whether it still stood there."""
    is_its = job_workers.c.owner == owner
    return bool(connection.execute(update(job_workers).where(is_its).values(lease_until=until)).rowcount)


def remove_workers(connection: Connection, job_ids: tuple[int, ...], owners: list[str]) -> None:
    """Let runs stand at some jobs no more."""
    connection.execute(delete(job_workers).where(job_workers.c.job_id.in_(job_ids), job_workers.c.owner.in_(owners)))


def forget_workers(connection: Connection, job_ids: tuple[int, ...]) -> None:
    """Let no run stand at some jobs any more, whoever it was."""
    connection.execute(delete(job_workers).where(job_workers.c.job_id.in_(job_ids)))


def workers_of(connection: Connection, job_ids: tuple[int, ...]) -> list[AnyRow]:
    """`owner`, `began_at` and `lease_until` of the runs at some jobs, those that began first before the others."""
    query = select(job_workers.c.owner, job_workers.c.began_at, job_workers.c.lease_until)
    is_there = job_workers.c.job_id.in_(job_ids)
    return list(
        connection.execute(query.distinct().where(is_there).order_by(job_workers.c.began_at, job_workers.c.owner))
    )
