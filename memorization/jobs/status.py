"""Jobs as they stand: their plans read back, how far they are, and who works at them.

What a process that is gone had leased counts as pending, and the process does not count as working: a job that was killed is not
`running`, whatever its rows still say.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from sqlalchemy import Connection

from seenat.memorization.jobs.job_table import job_row, job_rows, last_job_ids
from seenat.memorization.jobs.leasing.owners import Owner
from seenat.memorization.jobs.leasing.worker_table import workers_of
from seenat.memorization.jobs.progress.counts import checkpoint_counts, failed_shards, leased_counts, shard_counts
from seenat.memorization.jobs.progress.pace import Pace, pace_of
from seenat.memorization.protocol.protocol import Protocol
from seenat.memorization.protocol.selection import Selection
from seenat.memorization.results.measurements import Measurement, lists_folder, measurement_by_id
from seenat.registry.answer import Answer, Answers
from seenat.registry.catalog.catalog import Catalog
from seenat.registry.database.clock import database_time, stamp
from seenat.registry.database.engine import Database
from seenat.registry.database.rows import AnyRow
from seenat.registry.errors import UnknownJob

__all__ = [
    "CheckpointProgress",
    "Job",
    "JobWorker",
    "Progress",
    "ShardRecord",
    "checkpoint_progress",
    "failures",
    "find_job",
    "list_jobs",
    "read_job",
]


@dataclass(frozen=True, kw_only=True)
class Progress(Answer):
    """How many shards are in which state, and what the finished ones cost."""

    pending: int
    running: int
    """Those that a live process holds."""
    done: int
    failed: int
    measured: int
    """Values computed by this job."""
    reused: int
    """Values that were there already."""
    seconds: float
    """Time spent in finished shards."""
    quarantined: int = 0
    """Those of the failed that failed too often, and are left alone until they are asked for by name."""

    json_names = (
        "shards",
        "pending",
        "running",
        "done",
        "failed",
        "measured",
        "reused",
        "seconds=_rounded_seconds",
        "values_per_second",
        "quarantined",
    )

    @property
    def shards(self) -> int:
        """All shards of the plan."""
        return self.pending + self.running + self.done + self.failed

    @property
    def values_per_second(self) -> float | None:
        """Of the work of one worker, to a tenth; None where nothing was measured."""
        return round(self.measured / self.seconds, 1) if self.seconds else None

    @property
    def _rounded_seconds(self) -> float:
        return round(self.seconds, 3)


@dataclass(frozen=True, kw_only=True)
class JobWorker(Answer):
    """A run that works at a job, or did until its process was gone."""

    owner: str
    """The name under which it holds leases."""
    since: str
    lease_until: str
    """It is taken for dead unless it is heard of before that."""
    alive: bool

    json_names = ("owner", "host", "pid", "since", "lease_until", "alive")

    @property
    def host(self) -> str:
        """The machine on which it runs."""
        return Owner.parse(self.owner).host

    @property
    def pid(self) -> int:
        """Its process there."""
        return Owner.parse(self.owner).pid


@dataclass(frozen=True, kw_only=True)
class Job(Answer):
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
    cancelled_at: str | None = None
    name: str | None = None
    note: str | None = None
    workers: tuple[JobWorker, ...] = ()
    """Who works at it, and, unless it is finished, who did and is gone without having said so; who began first is first."""
    paused_at: str | None = None
    priority: int = 0
    """Workers take jobs of a greater one first."""
    same_device: bool = False
    """Whether all of it is measured on one kind of device."""
    device: str | None = None
    """That kind, once a run has begun."""
    pace: Pace | None = None
    """How fast all who work at it go on together; None where nobody does, or nothing was done yet."""

    json_names = (
        "job=id",
        "model",
        "state",
        "protocol",
        "selection",
        "part",
        "created_at",
        "finished_at",
        "progress",
        "name",
        "note",
        "cancelled_at",
        "workers=_workers_if_any",
        "paused_at",
        "priority=_priority_if_any",
        "same_device=_same_device_if_so",
        "device",
        "pace",
    )
    json_only_with: ClassVar = {
        "name": "name",
        "note": "note",
        "cancelled_at": "cancelled_at",
        "workers": "_workers_if_any",
        "paused_at": "paused_at",
        "priority": "_priority_if_any",
        "same_device": "_same_device_if_so",
        "device": "device",
        "pace": "pace",
    }

    @property
    def state(self) -> str:
        """The first of these that holds.

        `done`; `cancelled`; `paused`; `running`, a live process works at it; `failed`, only failed shards are left; `stalled`, who worked
        at it is gone without having said so; `pending`.
        """
        if self.finished_at is not None:
            return "done"
        if self.cancelled_at is not None:
            return "cancelled"
        if self.paused_at is not None:
            return "paused"
        if self.progress.running or any(worker.alive for worker in self.workers):
            return "running"
        if self.progress.failed and not self.progress.pending:
            return "failed"
        return "stalled" if self.workers else "pending"

    @property
    def has_ended(self) -> bool:
        """Whether nobody takes a shard of it any more, unless it is asked for again."""
        return self.state in ("done", "cancelled", "failed")

    @property
    def _same_device_if_so(self) -> bool | None:
        return self.same_device or None

    @property
    def _priority_if_any(self) -> int | None:
        return self.priority or None

    @property
    def _workers_if_any(self) -> tuple[JobWorker, ...] | None:
        return self.workers or None

    @property
    def protocol(self) -> Protocol:
        """What is measured."""
        return self.measurement.protocol


@dataclass(frozen=True, kw_only=True)
class CheckpointProgress(Answer):
    """How many shards of a checkpoint are in which state; `running` are those that a live process holds."""

    step: int
    pending: int
    running: int
    done: int
    failed: int


@dataclass(frozen=True, kw_only=True)
class ShardRecord(Answer):
    """A shard that failed."""

    step: int
    block: int
    attempts: int
    """How often it was begun."""
    error: str
    """Why it failed the last time."""
    times_failed: int = 0
    """Since it was asked for."""
    quarantined_at: str | None = None
    """When that was too often: it is tried again only where somebody asks for that."""


def find_job(catalog: Catalog, id_: int) -> Job:
    """The job of this id; raises `UnknownJob` with the last ones."""
    with catalog.database.read() as connection:
        row = job_row(connection, id_)
        if row is None:
            last = last_job_ids(connection, 3)
            known = f"the last are {', '.join(map(str, last))}" if last else "there are none yet; see `seenat memorize`"
            raise UnknownJob(f"There is no job {id_}; {known}.", last)
        return _job(catalog.database, connection, row)


def list_jobs(catalog: Catalog, limit: int | None = None, before: int | None = None) -> Answers[Job]:
    """All jobs, the newest first; at most `limit` of those whose number is less than `before`."""
    with catalog.database.read() as connection:
        return Answers(_job(catalog.database, connection, row) for row in job_rows(connection, limit, before))


def failures(catalog: Catalog, job: Job, limit: int = 20) -> Answers[ShardRecord]:
    """The first shards of a job that failed, and why."""
    with catalog.database.read() as connection:
        rows = failed_shards(connection, job.id, limit)
    return Answers(
        ShardRecord(
            step=row.step,
            block=row.block,
            attempts=row.attempts,
            error=row.error or "",
            times_failed=row.failures,
            quarantined_at=row.quarantined_at,
        )
        for row in rows
    )


def checkpoint_progress(catalog: Catalog, job: Job) -> Answers[CheckpointProgress]:
    """How far a job is at each of its checkpoints, ascending by step."""
    counts: dict[int, dict[str, int]] = {}
    with catalog.database.read() as connection:
        for row in checkpoint_counts(connection, job.id):
            state = "pending" if row.state == "running" and not _is_live(connection, row) else row.state
            states = counts.setdefault(row.step, {"pending": 0, "running": 0, "done": 0, "failed": 0})
            states[state] += row.shards
    return Answers(CheckpointProgress(step=step, **states) for step, states in counts.items())


def read_job(database: Database, connection: Connection, id_: int) -> Job:
    """The job of this id, which must exist, as a transaction sees it."""
    row = job_row(connection, id_)
    assert row is not None
    return _job(database, connection, row)


def _job(database: Database, connection: Connection, row: AnyRow) -> Job:
    progress = _progress(connection, row.id)
    workers = tuple(worker for worker in _workers(connection, row.id) if worker.alive or row.finished_at is None)
    began = [worker.since for worker in workers if worker.alive]
    return Job(
        id=row.id,
        model=row.model,
        measurement=measurement_by_id(connection, row.measurement_id),
        selection=Selection.from_json(row.specification, lists_folder(database)),
        created_at=row.created_at,
        finished_at=row.finished_at,
        progress=progress,
        part=row.specification.get("part"),
        cancelled_at=row.cancelled_at,
        name=row.name,
        note=row.note,
        workers=workers,
        paused_at=row.paused_at,
        priority=row.priority,
        same_device=row.same_device,
        device=row.device,
        pace=pace_of(connection, row.id, began, progress.pending + progress.running),
    )


def _workers(connection: Connection, job_id: int) -> tuple[JobWorker, ...]:
    return tuple(
        JobWorker(owner=row.owner, since=row.began_at, lease_until=row.lease_until, alive=_is_live(connection, row))
        for row in workers_of(connection, (job_id,))
    )


def _is_live(connection: Connection, lease: AnyRow) -> bool:
    """Whether a row's `lease_until` has not passed, and its `owner` is not known to be gone."""
    return bool(lease.lease_until >= stamp(database_time(connection))) and not Owner.parse(lease.owner).is_gone


def _progress(connection: Connection, job_id: int) -> Progress:
    counts = shard_counts(connection, job_id)
    pending, leased, failed = (
        counts[state].shards if state in counts else 0 for state in ("pending", "running", "failed")
    )
    done = counts.get("done")
    running = sum(row.shards for row in leased_counts(connection, job_id) if _is_live(connection, row)) if leased else 0
    return Progress(
        pending=pending + leased - running,
        running=running,
        failed=failed,
        done=done.shards if done else 0,
        measured=int(done.measured or 0) if done else 0,
        reused=int(done.reused or 0) if done else 0,
        seconds=float(done.seconds or 0.0) if done else 0.0,
        quarantined=counts["failed"].quarantined if failed else 0,
    )
