"""The table `jobs`: every statement that reads or writes it. What a row means, `status` says."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy import Connection, and_, bindparam, delete, insert, select, update

from seenat.registry.database.rows import AnyRow, now, pieces
from seenat.registry.database.tables.catalog import models
from seenat.registry.database.tables.jobs import jobs, measurements, shards

__all__ = [
    "LIVE",
    "add_to_specification",
    "cells_of_jobs",
    "continue_job",
    "delete_jobs",
    "finished_over_block",
    "insert_job",
    "job_by_digest",
    "job_row",
    "job_rows",
    "jobs_of_measurement",
    "keep_to_one_device",
    "last_job_ids",
    "set_cancelled",
    "set_device",
    "set_finished",
    "set_label",
    "set_paused",
    "set_priority",
    "set_resumed",
    "set_unfinished",
    "specifications",
]

LIVE = (jobs.c.cancelled_at.is_(None), jobs.c.paused_at.is_(None))
"""Of a job that runs may take shards of."""

_JOBS_OF_MEASUREMENT = select(jobs).where(jobs.c.measurement_id == bindparam("measurement")).order_by(jobs.c.id)
_ROWS = (
    select(jobs, models.c.name.label("model"))
    .join(measurements, measurements.c.id == jobs.c.measurement_id)
    .join(models, models.c.id == measurements.c.model_id)
)


def insert_job(connection: Connection, measurement_id: int, plan_digest: str, specification: Mapping[str, Any]) -> int:
    """Store a plan; returns the job's id."""
    row = {"measurement_id": measurement_id, "plan_digest": plan_digest, "specification": dict(specification)}
    return connection.execute(insert(jobs).values(**row, created_at=now()).returning(jobs.c.id)).scalar_one()


def set_finished(connection: Connection, job_id: int) -> None:
    """Record when a job was finished, unless that is recorded; one that was cancelled before its last shards is not any more."""
    is_unfinished = and_(jobs.c.id == job_id, jobs.c.finished_at.is_(None))
    connection.execute(update(jobs).where(is_unfinished).values(finished_at=now(), cancelled_at=None))


def set_unfinished(connection: Connection, job_id: int) -> None:
    """Withdraw that a job was finished."""
    connection.execute(update(jobs).where(jobs.c.id == job_id).values(finished_at=None))


def set_cancelled(connection: Connection, job_id: int) -> None:
    """Record when a job was cancelled, unless it is finished, or that is recorded."""
    is_live = and_(jobs.c.finished_at.is_(None), jobs.c.cancelled_at.is_(None))
    connection.execute(update(jobs).where(jobs.c.id == job_id, is_live).values(cancelled_at=now()))


def continue_job(connection: Connection, job_id: int) -> None:
    """Withdraw that a job was cancelled, or is paused."""
    connection.execute(update(jobs).where(jobs.c.id == job_id).values(cancelled_at=None, paused_at=None))


def set_paused(connection: Connection, job_id: int) -> None:
    """Record since when a job is paused, unless it is finished, cancelled, or that is recorded."""
    is_live = and_(jobs.c.finished_at.is_(None), *LIVE)
    connection.execute(update(jobs).where(jobs.c.id == job_id, is_live).values(paused_at=now()))


def set_resumed(connection: Connection, job_id: int) -> None:
    """Withdraw that a job is paused."""
    connection.execute(update(jobs).where(jobs.c.id == job_id).values(paused_at=None))


def set_priority(connection: Connection, job_id: int, priority: int) -> None:
    """Give a job another priority."""
    connection.execute(update(jobs).where(jobs.c.id == job_id).values(priority=priority))


def keep_to_one_device(connection: Connection, job_id: int) -> None:
    """Let a job be measured on one kind of device alone, whichever begins."""
    connection.execute(update(jobs).where(jobs.c.id == job_id).values(same_device=True))


def set_device(connection: Connection, job_id: int, device: str) -> None:
    """Record the kind of device that a job keeps to."""
    connection.execute(update(jobs).where(jobs.c.id == job_id).values(device=device))


def set_label(connection: Connection, job_id: int, *, name: str | None, note: str | None) -> None:
    """Give a job a name and a note; None leaves what it has."""
    given = {key: value for key, value in {"name": name, "note": note}.items() if value is not None}
    if given:
        connection.execute(update(jobs).where(jobs.c.id == job_id).values(**given))


def add_to_specification(connection: Connection, job_id: int, entries: Mapping[str, Any]) -> None:
    """Store more beside a job's plan; the plan and its digest stay."""
    stored = connection.execute(select(jobs.c.specification).where(jobs.c.id == job_id)).scalar_one()
    connection.execute(update(jobs).where(jobs.c.id == job_id).values(specification={**stored, **entries}))


def delete_jobs(connection: Connection, job_ids: Collection[int]) -> None:
    """Delete jobs that have no shards any more."""
    connection.execute(delete(jobs).where(jobs.c.id.in_(job_ids)))


def specifications(connection: Connection) -> list[Mapping[str, Any]]:
    """What every stored job was asked for."""
    return list(connection.execute(select(jobs.c.specification)).scalars())


def cells_of_jobs(connection: Connection, ids: Collection[int]) -> dict[int, tuple[Any, ...]]:
    """By job, what is equal for jobs over the same cells: the model, the content of its order, and what was asked for."""
    columns = (measurements.c.model_id, measurements.c.order_digest, jobs.c.specification)
    query = select(jobs.c.id, *columns).join(measurements, measurements.c.id == jobs.c.measurement_id)
    found: dict[int, tuple[Any, ...]] = {}
    for some in pieces(ids):
        found |= {row.id: tuple(row)[1:] for row in connection.execute(query.where(jobs.c.id.in_(some)))}
    return found


def job_row(connection: Connection, job_id: int) -> AnyRow | None:
    """A job, with the name of its `model`."""
    return connection.execute(_ROWS.where(jobs.c.id == job_id)).one_or_none()


def job_rows(connection: Connection, limit: int | None = None, before: int | None = None) -> list[AnyRow]:
    """All jobs, the newest first, each with the name of its `model`; or `limit` of those before one."""
    query = _ROWS.order_by(jobs.c.id.desc()).limit(limit)
    return list(connection.execute(query if before is None else query.where(jobs.c.id < before)))


def jobs_of_measurement(connection: Connection, measurement_id: int) -> list[AnyRow]:
    """The jobs of a measurement, oldest first."""
    return list(connection.execute(_JOBS_OF_MEASUREMENT, {"measurement": measurement_id}))


def last_job_ids(connection: Connection, limit: int) -> list[int]:
    """The ids of the last jobs, the newest first."""
    return list(connection.execute(select(jobs.c.id).order_by(jobs.c.id.desc()).limit(limit)).scalars())


def job_by_digest(connection: Connection, plan_digest: str) -> int | None:
    """The id of the job of a plan; None where it was not planned before."""
    return connection.execute(select(jobs.c.id).where(jobs.c.plan_digest == plan_digest)).scalar()


def finished_over_block(connection: Connection, measurement_id: int, checkpoint_id: int, block: int) -> list[AnyRow]:
    """`id` and `specification` of the jobs of a measurement whose shard of a checkpoint and block is done."""
    is_done = and_(shards.c.checkpoint_id == checkpoint_id, shards.c.block == block, shards.c.state == "done")
    query = (
        select(jobs.c.id, jobs.c.specification)
        .join(shards, shards.c.job_id == jobs.c.id)
        .where(jobs.c.measurement_id == measurement_id, is_done)
    )
    return list(connection.execute(query))
