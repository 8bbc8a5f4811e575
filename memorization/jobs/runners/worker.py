"""A worker: a process that takes shards of any job, or of some, from anywhere that reaches catalog and results.

It runs one job after the other, the oldest first, as `memorize` does, beside other workers and beside `memorize`. Shards that
failed it leaves alone: asking for the job again by `memorize` tries them once more. Where others hold the last shards of a job
it waits, and takes over what a process that dies has held.

Asked to stop, it finishes the block that is measured and gives back the rest.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from seenat.memorization.engine.kernels.stages import Stages
from seenat.memorization.jobs.leasing.leases import LEASE_SECONDS
from seenat.memorization.jobs.leasing.owners import Owner
from seenat.memorization.jobs.prefetch import CacheQuota
from seenat.memorization.jobs.runners.compact_finished import compact_finished
from seenat.memorization.jobs.runners.local import FAULTS_OF_THE_MACHINE, Advance, LocalRun, RunOptions, cache_quota
from seenat.memorization.jobs.runners.worker_observer import WorkerObserver
from seenat.memorization.jobs.shard_table import jobs_to_work_at, jobs_worked_at, owners
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
                self._work_at(open_ids[0], quota, done, refused)
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
        """The jobs that have something to do, and those of which others hold what is left; without the refused ones."""
        with self.catalog.database.read() as connection:
            to_work_at = jobs_to_work_at(connection, stamp(database_time(connection)))
            worked_at = {id_: owners(connection, (id_,)) for id_ in jobs_worked_at(connection)}
        # What a process of this machine held that is gone is free as soon as somebody begins.
        left_behind = [id_ for id_, names in worked_at.items() if any(Owner.parse(name).is_gone for name in names)]
        open_ids, held_ids = (
            [id_ for id_ in ids if id_ in (self.job_ids or (id_,)) and id_ not in refused]
            for ids in (sorted({*to_work_at, *left_behind}), worked_at)
        )
        return open_ids, held_ids

    def _work_at(self, id_: int, quota: CacheQuota, done: _Count, refused: set[int]) -> None:
        job = find_job(self.catalog, id_)
        self.observer.began(job)
        run = None
        try:
            run = LocalRun(self.catalog, [job], self._options(quota, self.observer.progress))
            run.run()
            compact_finished(self.catalog, find_job(self.catalog, id_))
        except FAULTS_OF_THE_MACHINE:
            raise
        except SeenatError as error:
            refused.add(id_)
            self.observer.refused(job, error)
        if run is not None:
            done.add(id_, run)

    def _options(self, quota: CacheQuota, progress: Callable[[Advance], None]) -> RunOptions:
        return RunOptions(
            device=self.device,
            quota=quota,
            progress=progress,
            stages=Stages(),
            retry=False,
            stop=self.stop.is_set,
            lease_seconds=self.lease_seconds,
        )


@dataclass
class _Count:
    """What a worker has done so far."""

    jobs: dict[int, None] = field(default_factory=dict)
    shards: int = 0
    values: int = 0
    failed: int = 0

    def add(self, job_id: int, run: LocalRun) -> None:
        if run.shards_done or run.shards_failed:
            self.jobs[job_id] = None
        self.shards += run.shards_done
        self.values += run.computed
        self.failed += run.shards_failed
