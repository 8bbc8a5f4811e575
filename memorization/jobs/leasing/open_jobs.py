"""Which jobs have something to do, and in which order they are taken: SQL that reads."""

from __future__ import annotations

from sqlalchemy import Connection, and_, exists, func, or_, select

from seenat.memorization.jobs.job_table import LIVE
from seenat.registry.database.rows import AnyRow
from seenat.registry.database.tables.jobs import jobs, shards

__all__ = ["has_greater", "has_open_jobs", "jobs_to_work_at", "jobs_worked_at"]


def jobs_to_work_at(connection: Connection, now: str) -> list[AnyRow]:
    """`id` and `priority` of the live jobs that have shards to take, or that nobody holds any more, or need only be finished.

    The first to be taken comes first: that of the greatest priority, and of those the oldest.
    """
    of_job = select(shards.c.job_id).where(shards.c.job_id == jobs.c.id)
    is_free = or_(shards.c.state == "pending", and_(shards.c.state == "running", shards.c.lease_until < now))
    has_work = exists(of_job.where(shards.c.state.in_(("pending", "running", "failed"))))
    query = select(jobs.c.id, jobs.c.priority).where(jobs.c.finished_at.is_(None), *LIVE)
    chosen = query.where(or_(exists(of_job.where(is_free)), ~has_work))
    return list(connection.execute(chosen.order_by(jobs.c.priority.desc(), jobs.c.id)))


def jobs_worked_at(connection: Connection) -> list[AnyRow]:
    """`id` and `priority` of the live jobs of which somebody holds shards."""
    is_held_one = exists(select(shards.c.job_id).where(shards.c.job_id == jobs.c.id, shards.c.state == "running"))
    query = select(jobs.c.id, jobs.c.priority).where(jobs.c.finished_at.is_(None), *LIVE, is_held_one)
    return list(connection.execute(query))


def has_open_jobs(connection: Connection, job_ids: tuple[int, ...]) -> bool:
    """Whether some of these jobs are live."""
    query = select(func.count()).select_from(jobs).where(jobs.c.id.in_(job_ids), *LIVE)
    return bool(connection.execute(query).scalar_one())


def has_greater(connection: Connection, job_ids: tuple[int, ...], among: tuple[int, ...]) -> bool:
    """Whether a live job has open shards and a greater priority than each of these; `among` some, or all where that is empty."""
    mine = select(func.max(jobs.c.priority)).where(jobs.c.id.in_(job_ids)).scalar_subquery()
    has_open = exists(select(shards.c.job_id).where(shards.c.job_id == jobs.c.id, shards.c.state == "pending"))
    query = select(jobs.c.id).where(jobs.c.priority > mine, jobs.c.finished_at.is_(None), *LIVE, has_open)
    found = query.where(jobs.c.id.in_(among)) if among else query
    return connection.execute(found.limit(1)).scalar() is not None
