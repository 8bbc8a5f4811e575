"""Jobs: stored plans of shards, and how far they are.

A *plan* is a measurement and a selection, cut into shards of one checkpoint over one block. It is stored before anything
runs, under a digest of what it asks for: asking for the same again finds the same job and resumes it. A plan never changes;
another selection, or a checkpoint or order with other content, is another job, which computes only what no job has yet.

A job may be a *part* of something larger; what that is, is kept with its plan and is for others to read (`adaptive`).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, func, insert, select, update

from seenat.memorization.jobs.plan_checks import check_plan
from seenat.memorization.protocol.protocol import Protocol
from seenat.memorization.protocol.selection import Selection
from seenat.memorization.results.measurements import Measurement, ensure_measurement, lists_folder, measurement_by_id
from seenat.registry.catalog.catalog import Catalog
from seenat.registry.catalog.models import Checkpoint, Model
from seenat.registry.catalog.queries import AnyRow, now
from seenat.registry.database.bulk_insert import bulk_insert
from seenat.registry.database.engine import Database
from seenat.registry.database.tables import checkpoints, jobs, measurements, models, shards
from seenat.registry.errors import UnknownJob
from seenat.registry.storage.digests import sha256_of_bytes

__all__ = [
    "Job",
    "Progress",
    "ShardRecord",
    "failures",
    "find_job",
    "list_jobs",
    "mark_finished",
    "plan_digest",
    "plan_job",
    "plan_jobs",
]

_SHARD_COLUMNS = ("job_id", "checkpoint_id", "block", "start", "stop", "state", "attempts")


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How many shards are in which state, and what the finished ones cost."""

    pending: int
    running: int
    done: int
    failed: int
    measured: int
    """Values computed by this job."""
    reused: int
    """Values that were there already."""
    seconds: float
    """Time spent in finished shards."""

    @property
    def shards(self) -> int:
        """All shards of the plan."""
        return self.pending + self.running + self.done + self.failed

    def to_json(self) -> dict[str, Any]:
        """Every count, and the rate where something was measured."""
        rate = self.measured / self.seconds if self.seconds else None
        return {
            "shards": self.shards,
            "pending": self.pending,
            "running": self.running,
            "done": self.done,
            "failed": self.failed,
            "measured": self.measured,
            "reused": self.reused,
            "seconds": round(self.seconds, 3),
            "values_per_second": None if rate is None else round(rate, 1),
        }


@dataclass(frozen=True, kw_only=True)
class Job:
    """A stored plan."""

    id: int
    model: str
    measurement: Measurement
    selection: Selection
    created_at: str
    finished_at: str | None
    progress: Progress
    part: Mapping[str, Any] | None = None
    """What the job is a part of; None where it stands alone."""

    @property
    def state(self) -> str:
        """`done`, `failed` when only failed shards are left, `running` when some process holds one, else `pending`."""
        if self.finished_at is not None:
            return "done"
        if self.progress.running:
            return "running"
        return "failed" if self.progress.failed and not self.progress.pending else "pending"

    def to_json(self) -> dict[str, Any]:
        """The job under the keys of every JSON answer."""
        return {
            "job": self.id,
            "model": self.model,
            "state": self.state,
            "protocol": {"id": self.measurement.protocol.id, **self.measurement.protocol.to_json()},
            "selection": self.selection.to_json(),
            "part": None if self.part is None else dict(self.part),
            "created_at": self.created_at,
            "finished_at": self.finished_at,
            "progress": self.progress.to_json(),
        }


@dataclass(frozen=True, kw_only=True)
class ShardRecord:
    """A shard that failed."""

    step: int
    block: int
    attempts: int
    error: str

    def to_json(self) -> dict[str, Any]:
        """Every field by name."""
        return {"step": self.step, "block": self.block, "attempts": self.attempts, "error": self.error}


def plan_job(
    catalog: Catalog,
    model: Model,
    protocol: Protocol,
    selection: Selection,
    *,
    allow_suspect: bool = False,
    part: Mapping[str, Any] | None = None,
) -> Job:
    """The job of a model, a protocol and a selection: the one planned before, or a new one; `part` is a part of the plan.

    Raises as `check_plan` does; but a list of sequences, which is not chosen by hand, may be one of nothing.
    """
    return plan_jobs(catalog, model, [protocol], selection, allow_suspect=allow_suspect, part=part)[0]


def plan_jobs(
    catalog: Catalog,
    model: Model,
    protocols: Sequence[Protocol],
    selection: Selection,
    *,
    allow_suspect: bool = False,
    part: Mapping[str, Any] | None = None,
) -> tuple[Job, ...]:
    """A job for each of some protocols, as `plan_job` plans one; all of them or, where one cannot be planned, none."""
    chosen = [check_plan(model, protocol, selection, allow_suspect=allow_suspect) for protocol in protocols]
    with catalog.database.write() as connection:
        planned = [
            _plan(connection, model, ensure_measurement(connection, model, protocol), selection, some, part)
            for protocol, some in zip(protocols, chosen, strict=True)
        ]
        rows = [connection.execute(_JOBS.where(jobs.c.id == id_)).one() for id_ in planned]
        return tuple(_job(catalog.database, connection, row) for row in rows)


def find_job(catalog: Catalog, id_: int) -> Job:
    """The job of this id; raises `UnknownJob` with the last ones."""
    with catalog.database.read() as connection:
        row = connection.execute(_JOBS.where(jobs.c.id == id_)).one_or_none()
        if row is None:
            last = connection.execute(select(jobs.c.id).order_by(jobs.c.id.desc()).limit(3)).scalars().all()
            known = f"the last are {', '.join(map(str, last))}" if last else "there are none yet; see `seenat memorize`"
            raise UnknownJob(f"There is no job {id_}; {known}.", last)
        return _job(catalog.database, connection, row)


def list_jobs(catalog: Catalog) -> tuple[Job, ...]:
    """All jobs, the newest first."""
    with catalog.database.read() as connection:
        rows = connection.execute(_JOBS.order_by(jobs.c.id.desc())).all()
        return tuple(_job(catalog.database, connection, row) for row in rows)


def failures(catalog: Catalog, job: Job, limit: int = 20) -> tuple[ShardRecord, ...]:
    """The first shards of a job that failed, and why."""
    query = (
        select(checkpoints.c.step, shards.c.block, shards.c.attempts, shards.c.error)
        .join(checkpoints, checkpoints.c.id == shards.c.checkpoint_id)
        .where(shards.c.job_id == job.id, shards.c.state == "failed")
        .order_by(checkpoints.c.step, shards.c.block)
        .limit(limit)
    )
    with catalog.database.read() as connection:
        return tuple(
            ShardRecord(step=row.step, block=row.block, attempts=row.attempts, error=row.error or "")
            for row in connection.execute(query)
        )


def mark_finished(connection: Connection, job_id: int) -> None:
    """Record that every shard of a job is done, if so."""
    left = connection.execute(
        select(func.count()).where(shards.c.job_id == job_id, shards.c.state != "done")
    ).scalar_one()
    if not left:
        connection.execute(
            update(jobs).where(jobs.c.id == job_id, jobs.c.finished_at.is_(None)).values(finished_at=now())
        )


_JOBS = (
    select(jobs, models.c.name.label("model"))
    .join(measurements, measurements.c.id == jobs.c.measurement_id)
    .join(models, models.c.id == measurements.c.model_id)
)


def plan_digest(
    measurement: Measurement,
    selection: Selection,
    model: Model,
    chosen: list[Checkpoint],
    part: Mapping[str, Any] | None,
) -> str:
    """What a plan is known by: what is measured, of which sequences at which contents, and what it is a part of."""
    # A hub's checkpoint gets its digest while the job runs, and the job must stay the same.
    contents = [
        checkpoint.digest if model.repository is None else checkpoint.commit_id or checkpoint.revision
        for checkpoint in chosen
    ]
    plan = {"measurement": measurement.id, "selection": selection.to_json(), "contents": contents}
    plan |= {} if part is None else {"part": part}
    return sha256_of_bytes(json.dumps(plan, sort_keys=True).encode())


def _plan(
    connection: Connection,
    model: Model,
    measurement: Measurement,
    selection: Selection,
    chosen: list[Checkpoint],
    part: Mapping[str, Any] | None,
) -> int:
    """The id of a plan's job, which is stored unless it was before."""
    digest = plan_digest(measurement, selection, model, chosen, part)
    found = connection.execute(select(jobs.c.id).where(jobs.c.plan_digest == digest)).scalar()
    if found is None:
        found = _store(connection, measurement, selection, digest, part)
        bulk_insert(connection, shards, _SHARD_COLUMNS, _shards(found, measurement, selection, model, chosen))
    return found


def _store(
    connection: Connection,
    measurement: Measurement,
    selection: Selection,
    digest: str,
    part: Mapping[str, Any] | None,
) -> int:
    made = connection.execute(
        insert(jobs)
        .values(
            measurement_id=measurement.id,
            plan_digest=digest,
            specification=selection.to_json() | ({} if part is None else {"part": dict(part)}),
            created_at=now(),
        )
        .returning(jobs.c.id)
    )
    return made.scalar_one()


def _shards(
    job_id: int, measurement: Measurement, selection: Selection, model: Model, chosen: list[Checkpoint]
) -> Iterator[tuple[int | str, ...]]:
    """Values of `_SHARD_COLUMNS`."""
    for checkpoint in chosen:
        for block in selection.blocks(model.schedule, checkpoint.step, measurement.block_sequences):
            span = measurement.block(block)
            yield job_id, checkpoint.id, block, span.start, span.stop, "pending", 0


def _job(database: Database, connection: Connection, row: AnyRow) -> Job:
    return Job(
        id=row.id,
        model=row.model,
        measurement=measurement_by_id(connection, row.measurement_id),
        selection=Selection.from_json(row.specification, lists_folder(database)),
        created_at=row.created_at,
        finished_at=row.finished_at,
        progress=_progress(connection, row.id),
        part=row.specification.get("part"),
    )


def _progress(connection: Connection, job_id: int) -> Progress:
    counts = {
        row.state: row
        for row in connection.execute(
            select(
                shards.c.state,
                func.count().label("shards"),
                func.sum(shards.c.measured).label("measured"),
                func.sum(shards.c.reused).label("reused"),
                func.sum(shards.c.seconds).label("seconds"),
            )
            .where(shards.c.job_id == job_id)
            .group_by(shards.c.state)
        )
    }
    done = counts.get("done")
    return Progress(
        pending=counts["pending"].shards if "pending" in counts else 0,
        running=counts["running"].shards if "running" in counts else 0,
        failed=counts["failed"].shards if "failed" in counts else 0,
        done=done.shards if done else 0,
        measured=int(done.measured or 0) if done else 0,
        reused=int(done.reused or 0) if done else 0,
        seconds=float(done.seconds or 0.0) if done else 0.0,
    )
