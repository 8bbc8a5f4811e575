"""Running a job: one process takes its shards one by one, checkpoint after checkpoint, until none is left.

A shard is claimed (`claims`), measured, written and committed; killed anywhere in between it is claimed again by whoever runs
the job next. Its values are a function of protocol, checkpoint content, order content and sequences, so two processes that
measure the same one commit the same.

A commit takes over what others have committed of the block meanwhile, under the catalog's write lock, so jobs that share
blocks lose nothing to each other.

What cannot be measured (a file that is gone, a checkpoint that does not load, an id that it does not know) fails its shards
with the reason and the job goes on; running it again tries them again.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from sqlalchemy import Connection

from seenat.memorization.checkpoints import Content, content_of, ensure_content, ensure_tokens, location_of
from seenat.memorization.claims import Claims
from seenat.memorization.columns import Rows, rows_of
from seenat.memorization.commits import (
    ShardKey,
    commit_block,
    committed_values,
    described_row,
    finish_shard,
    open_array,
    recover,
    refresh_onsets,
)
from seenat.memorization.compaction import compact_finished
from seenat.memorization.feeding import Fed, Feed, Shelf
from seenat.memorization.jobs import Job, find_job, finished_sequences, mark_finished
from seenat.memorization.memory import free_memory, give_back
from seenat.memorization.store import Values
from seenat.registry.catalog import Catalog
from seenat.registry.entities import Checkpoint, Model
from seenat.registry.errors import (
    CorruptFile,
    DatabaseUnavailable,
    HubUnavailable,
    JobFailed,
    MissingExtra,
    NoRoom,
    OutOfMemory,
    PlanChanged,
    SeenatError,
)
from seenat.registry.hub import Watch

if TYPE_CHECKING:
    from seenat.memorization.scoring import Scorer

__all__ = ["Advance", "run_job"]

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
    """Cells of the plan that are measured, by this run or before it."""
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
    keep_checkpoints: int | None = None,
    progress: Callable[[Advance], None] = lambda _: None,
) -> Job:
    """Measure what is left of a job and return it as it stands then.

    `keep_checkpoints` is how many of the checkpoints that this run adds to the hub's cache stay there once they are measured,
    beside the one that is measured and the one that is fetched meanwhile; None keeps all.

    Raises `JobFailed` when shards could not be measured; what could be is committed. Raises `PlanChanged` when the order has
    another content than when the job was planned, `HubUnavailable` when it gave no checkpoint at all, `NoRoom` when the next
    one does not fit on the disk, and as `Order.source` does.
    """
    _Run(catalog, job, device, keep_checkpoints, progress).run()
    finished = find_job(catalog, job.id)
    if finished.progress.failed:
        raise JobFailed(
            f"{finished.progress.failed} of {finished.progress.shards} shards of job {job.id} could not be measured; "
            f"`seenat job {job.id}` tells why, and running it again tries them again."
        )
    compact_finished(catalog, finished)
    return finished


@dataclass
class _Bench:
    """A checkpoint on which shards are measured; it is loaded for the first of them that needs it."""

    checkpoint: Checkpoint
    row: int
    load: Callable[[], Scorer]
    scorer: Scorer | None = None

    def ready(self) -> Scorer:
        self.scorer = self.scorer or self.load()
        return self.scorer


class _Run:
    def __init__(
        self,
        catalog: Catalog,
        job: Job,
        device: str | None,
        keep_checkpoints: int | None,
        progress: Callable[[Advance], None],
    ) -> None:
        self.catalog = catalog
        self.database = catalog.database
        self.job = find_job(catalog, job.id)
        self.measurement = job.measurement
        self.kept = job.measurement.protocol.kept
        self.device = device
        self.keep_checkpoints = keep_checkpoints
        self.progress = progress
        self.model: Model = catalog.model(self.job.model)
        self.schedule = self.model.schedule
        self.claims = Claims(catalog.database, job.id)
        self.total = self.job.selection.all_cells(self.schedule)
        self.reused = self.job.progress.measured + self.job.progress.reused
        self.computed = 0
        self.array = open_array(self.database, self.measurement)

    def run(self) -> None:
        """Take shards until none can be claimed."""
        if self.model.order.digest != self.measurement.order_digest:
            raise PlanChanged(
                f"Job {self.job.id} was planned on another content of the order {self.model.order.name}; plan it anew with "
                f"`seenat memorize {self.model.name}`."
            )
        with self.database.write() as connection:
            self.claims.void_dead(connection)
            recover(connection, self.array, self.measurement)
        refresh_onsets(self.database, self.measurement, self.model)
        try:
            self._run_checkpoints()
        except BaseException:  # An interruption or a fault of the machine: what this run had claimed is free at once.
            with self.database.write() as connection:
                self.claims.void_dead(connection)
            raise
        with self.database.write() as connection:
            mark_finished(connection, self.job.id)

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
        rows = rows_of(self.model.order, source, self.measurement.protocol.window, readings=len(chosen))
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

    def _run_checkpoint(self, fed: Fed, rows: Rows) -> None:
        checkpoint, content = fed.checkpoint, fed.content()
        digest = ensure_content(self.catalog, checkpoint, content.folder, content.files)
        with self.database.write() as connection:
            row = described_row(connection, self.array, self.measurement, self.model, checkpoint, digest)
        bench = _Bench(checkpoint, row, fed.scorer)
        for key in self.claims.take(checkpoint.id):
            try:
                self._run_shard(bench, key, rows)
            except _FAULTS_OF_THE_MACHINE:
                raise
            except SeenatError as error:
                if bench.scorer is None:  # It does not load, so no other shard of it can be measured.
                    raise
                self.claims.fail(checkpoint.id, error, only_claimed=True)

    def _run_shard(self, bench: _Bench, key: ShardKey, rows: Rows) -> None:
        began = time.perf_counter()
        span = self.measurement.block(key.block)
        values = self.kept.empty(len(span))
        measured = 0
        while len(todo := self._settle(bench, key, values, measured, began)):
            values[todo - span.start] = self._measure(bench, rows, todo)
            measured += len(todo)
        self._tell(bench.checkpoint)

    def _settle(
        self, bench: _Bench, key: ShardKey, values: Values, measured: int, began: float
    ) -> npt.NDArray[np.int64]:
        """Take what is committed over into `values`, and commit them if they are all that is due; else return what is left."""
        span = self.measurement.block(key.block)
        asked = due = self.job.selection.within(self.schedule, bench.checkpoint.step, span)
        with self.database.write() as connection:
            committed = committed_values(connection, self.array, self.measurement, bench.row, key.block)
            if committed.lost:
                lost = finished_sequences(
                    self.database, connection, self.measurement, self.model, bench.checkpoint, key.block
                )
                due = np.unique(np.concatenate([asked, lost]))
            there = self.kept.measured(committed.values)
            values[there] = committed.values[there]
            here = self.kept.measured(values)
            left: npt.NDArray[np.int64] = due[~here[due - span.start]]
            if len(left):
                return left
            if (here & ~there).any():
                self._commit(connection, bench.row, key.block, values)
            reused = max(0, len(asked) - measured)
            finish_shard(connection, key, measured=measured, reused=reused, seconds=time.perf_counter() - began)
        self.array.accept(bench.row, key.block)
        self.reused += reused
        return left

    def _measure(self, bench: _Bench, rows: Rows, todo: npt.NDArray[np.int64]) -> Values:
        scorer = bench.ready()
        rows.prepare(todo)
        found = self.kept.empty(len(todo))
        size = max(_SEQUENCES_AT_ONCE, scorer.at_once)
        for start in range(0, len(todo), size):
            some = todo[start : start + size]
            found[start : start + len(some)] = scorer.measure(rows.take(some))
            self.computed += len(some)
            self._tell(bench.checkpoint)
        return found

    # -- feeding

    def _feed(self, chosen: list[Checkpoint]) -> Feed:
        return Feed(
            chosen,
            fetch=self._fetch,
            load=self._scorer,
            may_load_ahead=self._may_load_ahead,
            shelf=Shelf(self.keep_checkpoints, self.claims.others_hold),
            waiting=self._tell,
        )

    def _fetch(self, checkpoint: Checkpoint, watch: Watch) -> Content:
        return content_of(self.catalog, checkpoint, location_of(self.model, checkpoint).fetch(watch))

    def _may_load_ahead(self, content: Content) -> bool:
        """Whether a scorer fits beside the one that measures; while one of another type is built, torch's default is that."""
        from seenat.memorization.scoring import default_device

        free, stored = free_memory(), sum(file.bytes for file in content.files)
        on_cpu = (self.device or default_device()).startswith("cpu")
        plain = self.measurement.protocol.weights == "float32"
        return on_cpu and plain and free is not None and _MEMORY_A_BYTE * stored <= free

    def _scorer(self, folder: Path) -> Scorer:
        from seenat.memorization.loading import CheckpointLocation, load_checkpoint

        model = load_checkpoint(CheckpointLocation.local(folder), dtype=self.measurement.protocol.weights)
        from seenat.memorization.scoring import Scorer  # It imports torch; where there is none, loading says so.

        return Scorer(model, self.measurement.protocol, self.device)

    def _commit(self, connection: Connection, row: int, block: int, values: Values) -> None:
        commit_block(
            connection,
            self.array,
            self.measurement,
            row=row,
            block=block,
            values=values,
            file=self.array.write(row, block, values),
            sequences_per_batch=self.schedule.sequences_per_batch,
        )

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
