"""Running jobs: one process takes their shards one by one, checkpoint after checkpoint, until none is left.

A shard is claimed (`claims`), measured, written and committed (`settling`); killed anywhere in between it is claimed again by
whoever runs the job next. Its values are a function of protocol, checkpoint content, order content and sequences, so two
processes that measure the same one commit the same.

Several jobs over the same cells, whose protocols differ in prompt and continuation alone, run together: each checkpoint is
loaded once, and all are answered from the same passes. One job is the ordinary case of that.

What cannot be measured (a file that is gone, a checkpoint that does not load, an id that it does not know) fails its shards
with the reason and the job goes on; running it again tries them again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from seenat.memorization.engine.kernels.stages import Stages
from seenat.memorization.jobs.host_memory import free_memory, give_back
from seenat.memorization.jobs.leases import ShardLeases
from seenat.memorization.jobs.plan import Job, find_job
from seenat.memorization.jobs.prefetch import CacheQuota, PrefetchedCheckpoint, Prefetcher
from seenat.memorization.jobs.repair import reopen_lost
from seenat.memorization.jobs.shard import ShardBuffer, ShardWriter
from seenat.memorization.jobs.window_cache import WindowReader, rows_of
from seenat.memorization.results.commit import ShardKey
from seenat.memorization.results.compaction import compact_finished
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
)
from seenat.registry.hub.download import DownloadObserver
from seenat.registry.integrity.content import Content, content_of, ensure_content, ensure_tokens, location_of

if TYPE_CHECKING:
    from seenat.memorization.engine.scorer import JointScorer

__all__ = ["Advance", "cache_quota", "run_job", "run_jobs"]

_SEQUENCES_AT_ONCE = 1024
"""Between two reports of progress, unless the device wants more; the engine splits further as it likes."""


_MEMORY_A_BYTE = 10
"""Free memory for each byte of stored weights that allows to load them ahead: stored as float16 they are 2 bytes in float32
and 2 more as the engine packs them, beside the file itself while it is read; and half of what is free stays so."""

_FAULTS_OF_THE_MACHINE = (DatabaseUnavailable, MissingExtra, NoRoom, OutOfMemory)
"""They end the run: no other shard would fare better."""


@dataclass(frozen=True, kw_only=True)
class Advance:
    """How far a run is: told after every shard, and about every second within one."""

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


def run_job(
    catalog: Catalog,
    job: Job,
    *,
    device: str | None = None,
    keep_checkpoints: int | CacheQuota | None = None,
    progress: Callable[[Advance], None] = lambda _: None,
) -> Job:
    """Measure what is left of a job and return it as it stands then; see `run_jobs`."""
    return run_jobs(catalog, [job], device=device, keep_checkpoints=keep_checkpoints, progress=progress)[0]


def run_jobs(
    catalog: Catalog,
    jobs: Sequence[Job],
    *,
    device: str | None = None,
    keep_checkpoints: int | CacheQuota | None = None,
    progress: Callable[[Advance], None] = lambda _: None,
) -> tuple[Job, ...]:
    """Measure what is left of jobs over the same cells and return them as they stand then.

    A finished job of which values are lost is measured again as far as they are (`mending`).

    `keep_checkpoints` is how many of the checkpoints that this run adds to the hub's cache stay there once they are measured,
    beside the one that is measured and the one that is fetched meanwhile; None keeps all. Runs one after another that are
    given the same shelf (`cache_quota`) keep so many together.

    Raises `InvalidValue` for jobs that cannot run together. Raises `JobFailed` when shards could not be measured; what could be
    is committed. Raises `PlanChanged` when the order has another content than when a job was planned, `HubUnavailable` when it
    gave no checkpoint at all, `NoRoom` when the next one does not fit on the disk, and as `Order.source` does.
    """
    found = [_with_lost_opened(catalog, find_job(catalog, job.id)) for job in jobs]
    _check_together(found)
    if left := [job for job in found if job.finished_at is None]:
        _Worker(catalog, left, device, keep_checkpoints, progress).run()
    finished = tuple(find_job(catalog, job.id) for job in jobs)
    for job in finished:
        if job.progress.failed:
            raise JobFailed(
                f"{job.progress.failed} of {job.progress.shards} shards of job {job.id} could not be measured; "
                f"`seenat job {job.id}` tells why, and running it again tries them again."
            )
    for job in finished:
        compact_finished(catalog, job)
    return finished


def cache_quota(catalog: Catalog, limit: int | None) -> CacheQuota:
    """What keeps `limit` of the checkpoints that runs add to the hub's cache, or all, whichever run added them."""
    return CacheQuota(limit, ShardLeases(catalog.database, ()).others_hold)


def _with_lost_opened(catalog: Catalog, job: Job) -> Job:
    return find_job(catalog, job.id) if job.finished_at is not None and reopen_lost(catalog, job) else job


def _check_together(jobs: Sequence[Job]) -> None:
    if not jobs:
        raise InvalidValue("There is no job to run; give at least one.")
    first = jobs[0]
    for job in jobs[1:]:
        if (job.model, job.selection) != (first.model, first.selection):
            raise InvalidValue(f"Jobs {first.id} and {job.id} are not over the same cells; run them one by one.")


@dataclass
class _LoadedCheckpoint:
    """A checkpoint on which shards are measured; it is loaded for the first of them that needs it."""

    checkpoint: Checkpoint
    rows: dict[int, int]
    """The row of each job's array."""
    load: Callable[[], JointScorer]
    scorer: JointScorer | None = None

    def ready(self) -> JointScorer:
        self.scorer = self.scorer or self.load()
        return self.scorer


class _Worker:
    def __init__(
        self,
        catalog: Catalog,
        jobs: Sequence[Job],
        device: str | None,
        keep_checkpoints: int | CacheQuota | None,
        progress: Callable[[Advance], None],
    ) -> None:
        self.catalog = catalog
        self.database = catalog.database
        self.device = device
        self.shelf = (
            keep_checkpoints if isinstance(keep_checkpoints, CacheQuota) else cache_quota(catalog, keep_checkpoints)
        )
        self.progress = progress
        self.model: Model = catalog.model(jobs[0].model)
        self.settlers = {job.id: ShardWriter(catalog.database, self.model, job) for job in jobs}
        self.protocols = tuple(job.measurement.protocol for job in jobs)
        self.longest = max(self.protocols, key=lambda protocol: protocol.length)
        self.stages = Stages()
        self.claims = ShardLeases(catalog.database, tuple(self.settlers))
        self.total = sum(job.selection.all_cells(self.model.schedule) for job in jobs)
        self.reused = sum(job.progress.measured + job.progress.reused for job in jobs)
        self.computed = 0

    def run(self) -> None:
        """Take shards until none can be claimed."""
        for settler in self.settlers.values():
            settler.check()
        with self.database.write() as connection:
            self.claims.release_dead(connection)
        for settler in self.settlers.values():
            settler.prepare()
        try:
            self._run_checkpoints()
        except BaseException:  # An interruption or a fault of the machine: what this run had claimed is free at once.
            with self.database.write() as connection:
                self.claims.release_dead(connection)
            raise
        for settler in self.settlers.values():
            settler.finish()

    def _run_checkpoints(self) -> None:
        chosen = [self.model.checkpoint(step) for step in self.claims.open_steps()]
        if not chosen:
            return
        try:
            source = ensure_tokens(self.catalog, self.model.order)
        except CorruptFile as error:
            for checkpoint in chosen:
                self.claims.fail(checkpoint.id, error)
            return
        rows = rows_of(self.model.order, source, self.longest.window, readings=len(chosen))
        faults = []
        with self._feed(chosen) as feed:
            for fed in feed:
                try:
                    self._run_checkpoint(fed, rows)
                except _FAULTS_OF_THE_MACHINE:
                    raise
                except SeenatError as error:
                    self.claims.fail(fed.checkpoint.id, error)
                    faults.append(error)
                give_back()
        if len(faults) == len(chosen) and all(isinstance(fault, HubUnavailable) for fault in faults):
            raise faults[0]

    # -- one checkpoint

    def _run_checkpoint(self, fed: PrefetchedCheckpoint, rows: WindowReader) -> None:
        checkpoint, content = fed.checkpoint, fed.content()
        digest = ensure_content(self.catalog, checkpoint, content.folder, content.files)
        with self.database.write() as connection:
            places = {id_: settler.row(connection, checkpoint, digest) for id_, settler in self.settlers.items()}
        bench = _LoadedCheckpoint(checkpoint, places, fed.scorer)
        for keys in self.claims.take(checkpoint.id):
            try:
                self._run_shards(bench, keys, rows)
            except _FAULTS_OF_THE_MACHINE:
                raise
            except SeenatError as error:
                if bench.scorer is None:  # It does not load, so no other shard of it can be measured.
                    raise
                self.claims.fail(checkpoint.id, error, only_claimed=True)

    def _run_shards(self, bench: _LoadedCheckpoint, keys: Sequence[ShardKey], rows: WindowReader) -> None:
        """Measure the shards of one block, one of each job that has it."""
        open_ = [self.settlers[key.job_id].sheet(key, bench.checkpoint, bench.rows[key.job_id]) for key in keys]
        while open_ := [sheet for sheet in open_ if not self._is_settled(sheet)]:
            self._measure(bench, rows, open_)
        self._tell(bench.checkpoint)

    def _is_settled(self, sheet: ShardBuffer) -> bool:
        reused = self.settlers[sheet.key.job_id].settle(sheet)
        self.reused += reused or 0
        return reused is not None

    def _measure(self, bench: _LoadedCheckpoint, rows: WindowReader, sheets: Sequence[ShardBuffer]) -> None:
        """Measure what is left of some sheets, all of one block."""
        todo = np.unique(np.concatenate([sheet.left for sheet in sheets]))
        scorer = bench.ready()
        rows.prepare(todo)
        found = self.longest.kept.empty(len(self.protocols), len(todo))
        size = max(_SEQUENCES_AT_ONCE, scorer.at_once)
        for start in range(0, len(todo), size):
            some = todo[start : start + size]
            found[:, start : start + len(some)] = scorer.measure(rows.take(some))
            self.computed += len(some) * len(sheets)
            self._tell(bench.checkpoint)
        by_job = dict(zip(self.settlers, found, strict=True))
        for sheet in sheets:
            self.settlers[sheet.key.job_id].fill(sheet, todo, by_job[sheet.key.job_id])

    # -- feeding

    def _feed(self, chosen: list[Checkpoint]) -> Prefetcher:
        return Prefetcher(
            chosen,
            fetch=self._fetch,
            load=self._scorer,
            may_load_ahead=self._may_load_ahead,
            shelf=self.shelf,
            waiting=self._tell,
        )

    def _fetch(self, checkpoint: Checkpoint, watch: DownloadObserver) -> Content:
        return content_of(self.catalog, checkpoint, location_of(self.model, checkpoint).fetch(watch))

    def _may_load_ahead(self, content: Content) -> bool:
        """Whether a scorer fits beside the one that measures; while one of another type is built, torch's default is that."""
        from seenat.memorization.engine.scorer import default_device

        free, stored = free_memory(), sum(file.bytes for file in content.files)
        on_cpu = (self.device or default_device()).startswith("cpu")
        plain = self.longest.weights == "float32"
        return on_cpu and plain and free is not None and _MEMORY_A_BYTE * stored <= free

    def _scorer(self, folder: Path) -> JointScorer:
        from seenat.memorization.engine.transformers.loading import load_checkpoint
        from seenat.registry.hub.location import CheckpointLocation

        model = load_checkpoint(CheckpointLocation.local(folder), dtype=self.longest.weights)
        from seenat.memorization.engine.scorer import (
            JointScorer,  # It imports torch; where there is none, loading says so.
        )

        return JointScorer(model, self.protocols, self.device, self.stages)

    def _tell(self, checkpoint: Checkpoint, fetched: int | None = None) -> None:
        self.progress(
            Advance(
                step=checkpoint.step,
                done=min(self.reused + self.computed, self.total),
                total=self.total,
                reused=self.reused,
                computed=self.computed,
                fetched=fetched,
            )
        )
