"""A worker: a process that takes shards of any job, or of some, from anywhere that reaches catalog and results.

It runs one job after the other, as `memorize` does, beside other workers and beside `memorize`: that of the greatest priority
first, and of those the oldest. Jobs over the same cells, whose protocols differ in lengths alone, it measures together. When a job
of greater priority comes it goes over to it after its shard. Shards that failed it leaves alone: asking for the job again by
`memorize` tries them once more. Where others hold the last shards of a job it waits, and takes over what a process that dies has held.

Asked to stop, it finishes the block that is measured and gives back the rest.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from seenat.memorization.engine.kernels.stages import Stages
from seenat.memorization.jobs.leasing.leases import LEASE_SECONDS
from seenat.memorization.jobs.leasing.open_jobs import jobs_to_work_at, jobs_worked_at
from seenat.memorization.jobs.leasing.owners import Owner
from seenat.memorization.jobs.prefetch import CacheQuota
from seenat.memorization.jobs.runners.compact_finished import compact_finished
from seenat.memorization.jobs.runners.local import FAULTS_OF_THE_MACHINE, Advance, LocalRun, RunOptions, cache_quota
from seenat.memorization.jobs.runners.together import jobs_together
from seenat.memorization.jobs.runners.worker_observer import WorkerObserver
from seenat.memorization.jobs.shard_table import owners
from seenat.memorization.jobs.status import find_job
from seenat.registry.answer import Answer
from seenat.registry.catalog.catalog import Catalog
from seenat.registry.database.clock import database_time, stamp
from seenat.registry.errors import SeenatError

__all__ = ["Worked", "Worker"]

_SECONDS_BETWEEN_LOOKS = 2.0


@dataclass(frozen=True, kw_only=True)
class Worked(Answer):
    """What a worker did."""

    jobs: tuple[int, ...]
    """Those of which it took shards, in this order."""
    shards: int
    """Those that it measured."""
    values: int
    """Those that it computed."""
    failed: int
    """Shards that it could not measure."""
    stopped: bool
    """Whether it was asked to stop."""


@dataclass
class Worker:
    """Takes shards of a catalog's jobs, or of some, until none is left or it is asked to stop."""

    catalog: Catalog
    job_ids: tuple[int, ...] = ()
    """Those of which it takes shards; none for any."""
    wait: bool = False
    """Whether it waits for new jobs when none is left."""
    device: str | None = None
    keep_checkpoints: int | None = None
    stop: threading.Event = field(default_factory=threading.Event)
    observer: WorkerObserver = field(default_factory=WorkerObserver)
    lease_seconds: float = LEASE_SECONDS
    seconds_between_looks: float = _SECONDS_BETWEEN_LOOKS
    _alone: set[int] = field(default_factory=set)
    """Jobs that are measured one by one, since together with others one of them failed."""

    def run(self) -> Worked:
        """Work; raises what no other shard would survive either, such as a full disk, and `UnknownJob`."""
        for id_ in self.job_ids:
            find_job(self.catalog, id_)
        done = _Count()
        quota = cache_quota(self.catalog, self.keep_checkpoints)
        refused: set[int] = set()
        while not self.stop.is_set():
            open_ids, held_ids = self._jobs(refused)
            if open_ids:
                self._work_at(open_ids, quota, done, refused)
            elif self.wait or held_ids:
                self.observer.waiting()
                self.stop.wait(self.seconds_between_looks)
            else:
                break
        return Worked(
            jobs=tuple(done.jobs),
            shards=done.shards,
            values=done.values,
            failed=done.failed,
            stopped=self.stop.is_set(),
        )

    def _jobs(self, refused: set[int]) -> tuple[list[int], list[int]]:
        """The jobs that have something to do, the first comes first, and those of which others hold what is left.

        Without the refused ones.
        """
        with self.catalog.database.read() as connection:
            free = jobs_to_work_at(connection, stamp(database_time(connection)))
            worked_at = jobs_worked_at(connection)
            # What a process of this machine held that is gone is free as soon as somebody begins.
            free += [
                row for row in worked_at if any(Owner.parse(name).is_gone for name in owners(connection, (row.id,)))
            ]
        priorities = {row.id: row.priority for row in free if self._may_take(row.id, refused)}
        open_ids = sorted(priorities, key=lambda id_: (-priorities[id_], id_))
        return open_ids, [row.id for row in worked_at if self._may_take(row.id, refused)]

    def _may_take(self, id_: int, refused: set[int]) -> bool:
        return id_ in (self.job_ids or (id_,)) and id_ not in refused

    def _work_at(self, ids: list[int], quota: CacheQuota, done: _Count, refused: set[int]) -> None:
        """Work at the first of some jobs, and at those of the others that are measured together with it."""
        jobs = jobs_together(self.catalog, [id_ for id_ in ids if id_ not in self._alone or id_ == ids[0]])
        for job in jobs:
            self.observer.began(job)
        run = None
        try:
            run = LocalRun(self.catalog, jobs, self._options(quota, self.observer.progress))
            run.run()
            for job in jobs:
                compact_finished(self.catalog, find_job(self.catalog, job.id))
        except FAULTS_OF_THE_MACHINE:
            raise
        except SeenatError as error:
            if len(jobs) > 1:  # One of them has it; alone, it tells.
                self._alone.update(job.id for job in jobs)
            else:
                refused.add(jobs[0].id)
                self.observer.refused(jobs[0], error)
        if run is not None:
            done.add([job.id for job in jobs], run)

    def _options(self, quota: CacheQuota, progress: Callable[[Advance], None]) -> RunOptions:
        return RunOptions(
            device=self.device,
            quota=quota,
            progress=progress,
            stages=Stages(),
            retry=False,
            stop=self.stop.is_set,
            lease_seconds=self.lease_seconds,
            gives_way_to=self.job_ids,
        )


@dataclass
class _Count:
    """What a worker has done so far."""

    jobs: dict[int, None] = field(default_factory=dict)
    shards: int = 0
    values: int = 0
    failed: int = 0

    def add(self, job_ids: list[int], run: LocalRun) -> None:
        if run.shards_done or run.shards_failed:
            self.jobs |= dict.fromkeys(job_ids)
        self.shards += run.shards_done
        self.values += run.computed
        self.failed += run.shards_failed
