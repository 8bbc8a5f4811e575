"""Running jobs here: one process takes their shards one by one, checkpoint after checkpoint, until none is left.

A shard is leased (`leasing`), measured, written and committed (`shard_writer`); killed anywhere in between it is leased again
by whoever runs the job next. Its values are a function of protocol, checkpoint content, order content and sequences, so it does
not matter which process commits them. Runs that share a job visit its checkpoints in the same order and share their blocks.

Several jobs over the same cells, whose protocols differ in prompt and continuation alone, run together: each checkpoint is
loaded once, and all are answered from the same passes. One job is the ordinary case of that.

What cannot be measured (a file that is gone, a checkpoint that does not load, an id that it does not know) fails its shards
with the reason and the job continues; running it again tries them again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt

from seenat.memorization.engine.kernels.stages import Stages
from seenat.memorization.engine.transformers.loading import buildable
from seenat.memorization.jobs.host_memory import give_back
from seenat.memorization.jobs.leasing.leases import LEASE_SECONDS, ShardLeases, Stopped, others_hold
from seenat.memorization.jobs.prefetch import CacheQuota, PrefetchedCheckpoint, Prefetcher
from seenat.memorization.jobs.repair import reopen_lost
from seenat.memorization.jobs.runners.compact_finished import compact_finished
from seenat.memorization.jobs.runners.local_loader import LoadedCheckpoint, LocalLoader
from seenat.memorization.jobs.runners.one_device import keep_to_its_device
from seenat.memorization.jobs.shard_table import ShardLease
from seenat.memorization.jobs.shard_writer import LeaseLost, ShardBuffer, ShardWriter
from seenat.memorization.jobs.status import Job, find_job
from seenat.memorization.jobs.window_cache import WindowReader, window_reader
from seenat.memorization.protocol.measures import Values
from seenat.registry.catalog.catalog import Catalog
from seenat.registry.catalog.models import Checkpoint, Model
from seenat.registry.errors import (
    CorruptFile,
    DatabaseUnavailable,
    HubUnavailable,
    InvalidValue,
    JobFailed,
    MissingExtra,
    NoRoom,
    OutOfMemory,
    SeenatError,
    StoreUnavailable,
)
from seenat.registry.integrity.content import ensure_content, ensure_tokens

__all__ = [
    "FAULTS_OF_THE_MACHINE",
    "Advance",
    "LocalRun",
    "RunOptions",
    "cache_quota",
    "checked",
    "run_job",
    "run_jobs",
]

_TRIES = 5
_SEQUENCES_AT_ONCE = 1024
"""Between two reports of progress, unless the device wants more; the engine splits further as it likes."""

FAULTS_OF_THE_MACHINE = (DatabaseUnavailable, MissingExtra, NoRoom, OutOfMemory, StoreUnavailable)
"""They end the run: no other shard would fare better."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Advance:
    """How far a run is: reported after every shard, and about every second within one."""

    step: int
    """Of the checkpoint that is being measured."""
    done: int
    """Cells of the plans that are measured, by this run or before it."""
    total: int
    reused: int
    """Cells among `done` that this run did not have to compute."""
    computed: int
    """Cells among `done` that this run computed."""
    fetched: int | None = None
    """Bytes of the checkpoint that have come from the hub so far, while the run waits for it."""


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """How to run."""

    device: str | None
    quota: CacheQuota
    progress: Callable[[Advance], None]
    stages: Stages
    retry: bool = True
    """Whether shards that failed are tried once more."""
    stop: Callable[[], bool] = lambda: False
    """Whether no further shard is to be taken."""
    lease_seconds: float = LEASE_SECONDS
    gives_way_to: tuple[int, ...] | None = None
    """Jobs that are measured first where their priority is greater, any where it is empty; None for none."""
    database_seconds: float = 600.0
    """How long a database that does not answer any more, such as a server that is restarted, is waited for."""


def run_job(
    catalog: Catalog,
    job: Job,
    *,
    device: str | None = None,
    keep_checkpoints: int | CacheQuota | None = None,
    progress: Callable[[Advance], None] = lambda _: None,
    stages: Stages | None = None,
) -> Job:
    """Measure what is left of a job and return it as it stands then; see `run_jobs`."""
    finished = run_jobs(
        catalog, [job], device=device, keep_checkpoints=keep_checkpoints, progress=progress, stages=stages
    )
    return finished[0]


def run_jobs(
    catalog: Catalog,
    jobs: Sequence[Job],
    *,
    device: str | None = None,
    keep_checkpoints: int | CacheQuota | None = None,
    progress: Callable[[Advance], None] = lambda _: None,
    look_for_lost: bool = True,
    stages: Stages | None = None,
) -> tuple[Job, ...]:
    """Measure what is left of jobs over the same cells and return them as they stand then.

    Lost values of a finished job are measured again (`repair`). A caller that has looked for them passes `look_for_lost` as
    False.

    `keep_checkpoints` is how many of the checkpoints that this run adds to the hub's cache stay there once they are measured,
    beside the one that is measured and the one that is fetched meanwhile; None keeps all. Runs one after another that are
    given the same quota (`cache_quota`) share it. `stages` are those to begin with, where an earlier run has learned them.

    Raises `InvalidValue` for jobs that cannot run together. Raises `JobFailed` when shards could not be measured, or a job was
    cancelled meanwhile; what could be is committed. Raises `PlanChanged` when the order has another content than when a job was planned, `HubUnavailable` when it
    gave no checkpoint at all, `NoRoom` when the next one does not fit on the disk, and as `Order.source` does.
    """
    stored = [find_job(catalog, job.id) for job in jobs]
    if look_for_lost:
        stored = [_with_lost_opened(catalog, job) for job in stored]
    _check_together(stored)
    quota = keep_checkpoints if isinstance(keep_checkpoints, CacheQuota) else cache_quota(catalog, keep_checkpoints)
    if unfinished := [job for job in stored if job.finished_at is None]:
        options = RunOptions(device=device, quota=quota, progress=progress, stages=stages or Stages())
        LocalRun(catalog, unfinished, options).run()
    return checked(catalog, tuple(find_job(catalog, job.id) for job in jobs))


def checked(catalog: Catalog, jobs: tuple[Job, ...]) -> tuple[Job, ...]:
    """Jobs after a run, compacted where that pays; raises `JobFailed` where shards failed or one was cancelled."""
    for job in jobs:
        _check_measured(job)
    for job in jobs:
        compact_finished(catalog, job)
    return jobs


def cache_quota(catalog: Catalog, limit: int | None) -> CacheQuota:
    """A quota that keeps `limit` of the checkpoints that runs add to the hub's cache, or all, whichever run added them."""
    return CacheQuota(limit, partial(others_hold, catalog.database))


def _with_lost_opened(catalog: Catalog, job: Job) -> Job:
    return find_job(catalog, job.id) if job.finished_at is not None and reopen_lost(catalog, job) else job


def _check_together(jobs: Sequence[Job]) -> None:
    if not jobs:
        raise InvalidValue("There is no job to run; give at least one.")
    first = jobs[0]
    for job in jobs[1:]:
        if (job.model, job.selection) != (first.model, first.selection):
            raise InvalidValue(f"Jobs {first.id} and {job.id} are not over the same cells; run them one by one.")


def _check_measured(job: Job) -> None:
    if job.state == "cancelled":
        raise JobFailed(
            f"Job {job.id} was cancelled with {job.progress.done} of {job.progress.shards} shards done, which are kept; "
            "running it again continues it."
        )
    if job.state == "paused":
        raise JobFailed(
            f"Job {job.id} was paused with {job.progress.done} of {job.progress.shards} shards done, which are kept; "
            "running it again continues it."
        )
    if job.progress.failed:
        again = f"`seenat retry {job.id}` opens" if job.progress.quarantined else "running it again tries"
        raise JobFailed(
            f"{job.progress.failed} of {job.progress.shards} shards of job {job.id} could not be measured; "
            f"`seenat job {job.id}` tells why, and {again} them again."
        )


class LocalRun:
    """Takes shards of some jobs, all over the same cells, until none is left."""

    def __init__(self, catalog: Catalog, jobs: Sequence[Job], options: RunOptions) -> None:
        self.catalog = catalog
        self.jobs = tuple(jobs)
        self.database = catalog.database
        self.options = options
        self.model: Model = catalog.model(jobs[0].model)
        self.writers = {job.id: ShardWriter(catalog.database, self.model, job) for job in jobs}
        self.protocols = tuple(job.protocol for job in jobs)
        self.longest = max(self.protocols, key=lambda protocol: protocol.length)
        self.leases = ShardLeases(
            catalog.database,
            tuple(self.writers),
            seconds=options.lease_seconds,
            stop=options.stop,
            gives_way_to=options.gives_way_to,
        )
        self.total = sum(job.selection.all_cells(self.model.schedule) for job in jobs)
        self.reused = sum(job.progress.measured + job.progress.reused for job in jobs)
        self.computed = 0
        self.shards_done = 0
        """By this run."""
        self.shards_failed = 0

    def run(self) -> None:
        """Measure what can be leased."""
        for writer in self.writers.values():
            writer.check()
        keep_to_its_device(self.database, self.jobs, self.options.device)
        # What is not run again by itself makes the run begin anew: it then takes up what is left.
        with self.database.patient(self.options.database_seconds, self.options.stop):
            self.database.again(self._run)

    def _run(self) -> None:
        # Whatever ends it, an interruption or a fault of the machine: what this run had leased is free at once.
        with self.leases.held(retry=self.options.retry):
            for writer in self.writers.values():
                writer.prepare()
            try:
                self._run_checkpoints()
            except Stopped:
                _log.debug("This run takes no further shard.")
            for writer in self.writers.values():
                writer.finish()

    def _run_checkpoints(self) -> None:
        checkpoints = [self.model.checkpoint(step) for step in self.leases.open_steps()]
        if not checkpoints:
            return
        try:
            source = ensure_tokens(self.catalog, self.model.order)
        except CorruptFile as error:
            for checkpoint in checkpoints:
                self._fail(checkpoint, error)
            return
        stores = [writer.measurement.store for writer in self.writers.values()]
        windows = window_reader(self.model.order, source, self.longest.window, len(checkpoints), stores[0])
        faults, visited = [], 0
        with Prefetcher(checkpoints, self._loader(), self.options.quota, self._has_open) as prefetcher:
            for prefetched in prefetcher:
                visited += 1
                try:
                    self._run_checkpoint(prefetched, windows)
                except FAULTS_OF_THE_MACHINE:
                    raise
                except SeenatError as error:
                    self._fail(prefetched.checkpoint, error)
                    faults.append(error)
                give_back()
        if faults and len(faults) == visited and all(isinstance(fault, HubUnavailable) for fault in faults):
            raise faults[0]

    def _has_open(self, checkpoint: Checkpoint) -> bool:
        return self.leases.has_open(checkpoint.id)

    def _fail(self, checkpoint: Checkpoint, error: SeenatError, *, only_held: bool = False) -> None:
        self.shards_failed += self.leases.fail(checkpoint.id, error, only_held=only_held)

    def _loader(self) -> LocalLoader:
        return LocalLoader(
            self.catalog, self.model, self.protocols, self.options.device, self.options.stages, self._wait
        )

    # -- one checkpoint

    def _run_checkpoint(self, prefetched: PrefetchedCheckpoint, windows: WindowReader) -> None:
        checkpoint, content = prefetched.checkpoint, prefetched.content()
        digest = ensure_content(self.catalog, checkpoint, content.folder, content.files)
        with self.database.write() as connection:
            rows = {id_: writer.row_of(connection, checkpoint, digest) for id_, writer in self.writers.items()}
        loaded = LoadedCheckpoint(self._loader(), checkpoint, rows, content, prefetched.scorer)
        for leases in self.leases.acquire(checkpoint.id):
            try:
                self._run_shards(loaded, leases, windows)
            except FAULTS_OF_THE_MACHINE:
                raise
            except SeenatError as error:
                if loaded.scorer is None:  # It does not load, so no other shard of it can be measured.
                    raise
                self._fail(checkpoint, error, only_held=True)

    def _run_shards(self, loaded: LoadedCheckpoint, leases: Sequence[ShardLease], windows: WindowReader) -> None:
        """Measure the shards of one block, one of each job that has it."""
        buffers = [
            self._writer(lease).new_buffer(lease, loaded.checkpoint, loaded.rows[lease.job_id]) for lease in leases
        ]
        # What others commit or lose meanwhile changes what is due, so it is asked again after measuring.
        while buffers := [buffer for buffer in buffers if not self._is_done_with(buffer)]:
            self._measure(loaded, windows, buffers)
        self._report(loaded.checkpoint)

    def _is_done_with(self, buffer: ShardBuffer) -> bool:
        """Commit a buffer, unless something is due; one whose lease was lost is dropped."""
        try:
            reused = self._writer(buffer.lease).try_commit(buffer)
        except LeaseLost:
            self.computed -= buffer.measured
            _log.warning(
                "Block %d at step %d of job %d was taken over by another process, so what this one measured of it is dropped.",
                *(buffer.lease.block, buffer.checkpoint.step, buffer.lease.job_id),
            )
            return True
        self.reused += reused or 0
        self.shards_done += reused is not None
        return reused is not None

    def _measure(self, loaded: LoadedCheckpoint, windows: WindowReader, buffers: Sequence[ShardBuffer]) -> None:
        """Measure what is due in some buffers, all of one block."""
        sequences = np.unique(np.concatenate([buffer.due for buffer in buffers]))
        windows.prepare(sequences)
        values = self._values_of_proven(loaded, windows, sequences, len(buffers))
        by_job, device = dict(zip(self.writers, values, strict=True)), loaded.ready().device_name
        for buffer in buffers:
            self._writer(buffer.lease).fill(buffer, sequences, by_job[buffer.lease.job_id], device)

    def _values_of_proven(
        self, loaded: LoadedCheckpoint, windows: WindowReader, sequences: npt.NDArray[np.int64], buffers: int
    ) -> Values:
        """The values, computed anew where the checkpoint's files were changed meanwhile, once these prove right again."""
        for _ in range(_TRIES):
            values = self._values(loaded, windows, sequences, buffers)
            if loaded.content.is_unchanged:
                return values
            self.computed -= len(sequences) * buffers
            loaded.load_again()
        raise CorruptFile(
            f"{loaded.content.folder} is changed again and again while it is measured; let nobody write to it, and run this again."
        )

    def _values(
        self, loaded: LoadedCheckpoint, windows: WindowReader, sequences: npt.NDArray[np.int64], buffers: int
    ) -> Values:
        """Values of some sequences, by each protocol."""
        scorer, here = loaded.ready(), f"{self.model.name} at step {loaded.checkpoint.step}"
        values = self.longest.value_type.empty(len(self.protocols), len(sequences))
        size = max(_SEQUENCES_AT_ONCE, scorer.at_once)
        for start in range(0, len(sequences), size):
            piece = sequences[start : start + size]
            ids = windows.take(piece)
            with buildable(here):
                values[:, start : start + len(piece)] = scorer.measure(ids)
            self.computed += len(piece) * buffers
            self._report(loaded.checkpoint)
        return values

    def _writer(self, lease: ShardLease) -> ShardWriter:
        return self.writers[lease.job_id]

    def _wait(self, checkpoint: Checkpoint, arrived: int) -> None:
        """Report that a checkpoint is waited for; nothing is measured meanwhile, so the run may stop here."""
        self._report(checkpoint, arrived)
        self.leases.check()

    def _report(self, checkpoint: Checkpoint, fetched: int | None = None) -> None:
        self.options.progress(
            Advance(
                step=checkpoint.step,
                done=min(self.reused + self.computed, self.total),
                total=self.total,
                reused=self.reused,
                computed=self.computed,
                fetched=fetched,
            )
        )
