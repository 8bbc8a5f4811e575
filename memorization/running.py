"""Running a job: one process takes its shards one by one, checkpoint after checkpoint, until none is left.

A shard is claimed (a row says who holds it and until when), measured, written and committed; killed anywhere in between it is
claimed again by whoever runs the job next. A claim of a dead process of this machine is void at once, one of another
machine when its lease has run out. Claims only save work: a shard's values are a function of protocol, checkpoint content,
order content and sequences, so two processes that measure the same one commit the same.

A commit takes over what others have committed of the block meanwhile, under the catalog's write lock, so jobs that share
blocks lose nothing to each other.

What cannot be measured (a file that is gone, a checkpoint that does not load, an id that it does not know) fails its shards
with the reason and the job goes on; running it again tries them again.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from sqlalchemy import ColumnElement, Connection, and_, case, or_, select, update

from seenat.memorization.checkpoints import ensure_content, ensure_tokens, location_of
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
from seenat.memorization.jobs import Job, find_job, finished_sequences, mark_finished
from seenat.memorization.store import Values
from seenat.registry.catalog import Catalog
from seenat.registry.entities import Checkpoint, Model
from seenat.registry.errors import (
    CorruptFile,
    DatabaseUnavailable,
    HubUnavailable,
    JobFailed,
    MissingExtra,
    PlanChanged,
    SeenatError,
)
from seenat.registry.tables import checkpoints, shards

if TYPE_CHECKING:
    from seenat.memorization.scoring import Scorer
    from seenat.registry.orders.source import TokenSource

__all__ = ["Advance", "run_job"]

_LEASE = timedelta(minutes=30)
"""Longer than any block should take; only a machine that is not this one has to wait for it."""

_SEQUENCES_AT_ONCE = 1024
"""Between two reports of progress; the engine splits further as it likes."""


_FAULTS_OF_THE_MACHINE = (DatabaseUnavailable, MissingExtra)
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


def run_job(
    catalog: Catalog,
    job: Job,
    *,
    device: str | None = None,
    progress: Callable[[Advance], None] = lambda _: None,
) -> Job:
    """Measure what is left of a job and return it as it stands then.

    Raises `JobFailed` when shards could not be measured; what could be is committed. Raises `PlanChanged` when the order has
    another content than when the job was planned, `HubUnavailable` when it gave no checkpoint at all, and as `Order.source`
    does.
    """
    _Run(catalog, job, device, progress).run()
    finished = find_job(catalog, job.id)
    if finished.progress.failed:
        raise JobFailed(
            f"{finished.progress.failed} of {finished.progress.shards} shards of job {job.id} could not be measured; "
            f"`seenat job {job.id}` tells why, and running it again tries them again."
        )
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
    def __init__(self, catalog: Catalog, job: Job, device: str | None, progress: Callable[[Advance], None]) -> None:
        self.catalog = catalog
        self.database = catalog.database
        self.job = find_job(catalog, job.id)
        self.measurement = job.measurement
        self.kept = job.measurement.protocol.kept
        self.device = device
        self.progress = progress
        self.model: Model = catalog.model(self.job.model)
        self.schedule = self.model.schedule
        self.owner = f"{socket.gethostname()}:{os.getpid()}"
        self.total = sum(self.job.selection.cells(self.schedule, step) for step in self.job.selection.steps)
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
            self._void_dead_claims(connection)
            recover(connection, self.array, self.measurement)
        refresh_onsets(self.database, self.measurement, self.model)
        try:
            self._run_checkpoints()
        except BaseException:  # An interruption or a fault of the machine: what this run had claimed is free at once.
            with self.database.write() as connection:
                self._void_dead_claims(connection)
            raise
        with self.database.write() as connection:
            mark_finished(connection, self.job.id)

    def _run_checkpoints(self) -> None:
        chosen = self._open_checkpoints()
        if not chosen:
            return
        try:
            source = ensure_tokens(self.catalog, self.model.order)
        except CorruptFile as error:
            for checkpoint in chosen:
                self._fail(checkpoint, error)
            return
        faults = []
        for checkpoint in chosen:
            try:
                self._run_checkpoint(checkpoint, source)
            except _FAULTS_OF_THE_MACHINE:
                raise
            except SeenatError as error:
                self._fail(checkpoint, error)
                faults.append(error)
        if len(faults) == len(chosen) and all(isinstance(fault, HubUnavailable) for fault in faults):
            raise faults[0]

    # -- one checkpoint

    def _run_checkpoint(self, checkpoint: Checkpoint, source: TokenSource) -> None:
        folder = location_of(self.model, checkpoint).fetch()
        digest = ensure_content(self.catalog, checkpoint, folder)
        with self.database.write() as connection:
            row = described_row(connection, self.array, self.measurement, self.model, checkpoint, digest)
        bench = _Bench(checkpoint, row, lambda: self._scorer(folder))
        for key in self._claims(checkpoint):
            try:
                self._run_shard(bench, key, source)
            except _FAULTS_OF_THE_MACHINE:
                raise
            except SeenatError as error:
                if bench.scorer is None:  # It does not load, so no other shard of it can be measured.
                    raise
                self._fail(checkpoint, error, only_claimed=True)

    def _run_shard(self, bench: _Bench, key: ShardKey, source: TokenSource) -> None:
        began = time.perf_counter()
        span = self.measurement.block(key.block)
        values = self.kept.empty(len(span))
        measured = 0
        while len(todo := self._settle(bench, key, values, measured, began)):
            values[todo - span.start] = self._measure(bench, source, todo)
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
                lost = finished_sequences(connection, self.measurement, self.model, bench.checkpoint, key.block)
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

    def _measure(self, bench: _Bench, source: TokenSource, todo: npt.NDArray[np.int64]) -> Values:
        scorer = bench.ready()
        found = self.kept.empty(len(todo))
        for start in range(0, len(todo), _SEQUENCES_AT_ONCE):
            some = todo[start : start + _SEQUENCES_AT_ONCE]
            found[start : start + len(some)] = scorer.measure(source.take(some, *self.measurement.protocol.window))
            self.computed += len(some)
            self._tell(bench.checkpoint)
        return found

    def _scorer(self, folder: Path) -> Scorer:
        from seenat.memorization.loading import CheckpointLocation, load_checkpoint

        model = load_checkpoint(CheckpointLocation.local(folder), dtype=self.measurement.protocol.dtype)
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

    # -- claims

    def _open_checkpoints(self) -> list[Checkpoint]:
        """The checkpoints that have shards to take, ascending by step."""
        with self.database.read() as connection:
            query = (
                select(checkpoints.c.step)
                .where(checkpoints.c.id.in_(select(shards.c.checkpoint_id).where(self._is_open())))
                .order_by(checkpoints.c.step)
            )
            steps = connection.execute(query).scalars().all()
        return [self.model.checkpoint(step) for step in steps]

    def _claims(self, checkpoint: Checkpoint) -> Iterator[ShardKey]:
        """Claim the checkpoint's shards one after the other, each when the one before is committed."""
        with self.database.read() as connection:
            query = (
                select(shards.c.block)
                .where(self._is_open(), shards.c.checkpoint_id == checkpoint.id)
                .order_by(shards.c.block)
            )
            open_blocks = connection.execute(query).scalars().all()
        for block in open_blocks:
            with self.database.write() as connection:
                claimed = connection.execute(
                    update(shards)
                    .where(self._is_open(), shards.c.checkpoint_id == checkpoint.id, shards.c.block == block)
                    .values(
                        state="running",
                        owner=self.owner,
                        lease_until=_stamp(datetime.now(UTC) + _LEASE),
                        attempts=shards.c.attempts + 1,
                    )
                ).rowcount
            if claimed:
                yield ShardKey(job_id=self.job.id, checkpoint_id=checkpoint.id, block=block)

    def _is_open(self) -> ColumnElement[bool]:
        expired = and_(shards.c.state == "running", shards.c.lease_until < _stamp(datetime.now(UTC)))
        return and_(shards.c.job_id == self.job.id, or_(shards.c.state.in_(("pending", "failed")), expired))

    def _void_dead_claims(self, connection: Connection) -> None:
        owners = connection.execute(
            select(shards.c.owner).distinct().where(shards.c.job_id == self.job.id, shards.c.state == "running")
        ).scalars()
        dead = [owner for owner in owners if owner is not None and _is_dead(owner)]
        connection.execute(
            update(shards)
            .where(shards.c.job_id == self.job.id, shards.c.state == "running", shards.c.owner.in_(dead))
            .values(state="pending", owner=None, lease_until=None)
        )

    def _fail(self, checkpoint: Checkpoint, error: SeenatError, *, only_claimed: bool = False) -> None:
        """Fail the shard of a checkpoint that is claimed here, and unless told otherwise those that nobody has claimed."""
        claimed = and_(shards.c.state == "running", shards.c.owner == self.owner)
        failed = claimed if only_claimed else or_(claimed, self._is_open())
        with self.database.write() as connection:
            connection.execute(
                update(shards)
                .where(shards.c.job_id == self.job.id, shards.c.checkpoint_id == checkpoint.id, failed)
                .values(
                    state="failed",
                    owner=None,
                    lease_until=None,
                    error=str(error),
                    attempts=shards.c.attempts + case((claimed, 0), else_=1),
                )
            )

    def _tell(self, checkpoint: Checkpoint) -> None:
        self.progress(
            Advance(
                step=checkpoint.step,
                done=min(self.reused + self.computed, self.total),
                total=self.total,
                reused=self.reused,
                computed=self.computed,
            )
        )


def _stamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _is_dead(owner: str) -> bool:
    """Whether a claim's process ran on this machine and is gone."""
    host, _, pid = owner.rpartition(":")
    if host != socket.gethostname():
        return False
    if int(pid) == os.getpid():
        return True
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False
