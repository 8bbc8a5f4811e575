"""Running a job: one process takes its shards one by one, checkpoint after checkpoint, until none is left.

A shard is claimed (a row says who holds it and until when), measured, written and committed; killed anywhere in between it is
claimed again by whoever runs the job next. A claim of a dead process of this machine is void at once, one of another
machine when its lease has run out. Claims only save work: a shard's values are a function of protocol, checkpoint content,
order content and sequences, so two processes that measure the same one commit the same.

What cannot be measured (a file that is gone, a checkpoint that does not load) fails its shards with the reason and the
job goes on; running it again tries them again.
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
from sqlalchemy import ColumnElement, and_, func, or_, select, update

from seenat.memorization.checkpoints import ensure_content, location_of
from seenat.memorization.commits import ShardKey, commit_block, committed_values, finish_shard
from seenat.memorization.jobs import Job, find_job, mark_finished
from seenat.memorization.measurements import array_rows, current_rows, ensure_row, results_folder
from seenat.memorization.protocol import NOT_MEASURED
from seenat.memorization.store import ResultArray
from seenat.registry.catalog import Catalog
from seenat.registry.entities import Checkpoint, Model
from seenat.registry.errors import JobFailed, SeenatError
from seenat.registry.tables import checkpoints, shards

if TYPE_CHECKING:
    from seenat.memorization.scoring import Scorer
    from seenat.registry.orders.source import TokenSource

__all__ = ["Advance", "run_job"]

_LEASE = timedelta(minutes=30)
"""Longer than any block should take; only a machine that is not this one has to wait for it."""

_SEQUENCES_AT_ONCE = 1024
"""Between two reports of progress; the engine splits further as it likes."""


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

    Raises `JobFailed` when shards could not be measured; what could be is committed.
    """
    _Run(catalog, job, device, progress).run()
    finished = find_job(catalog, job.id)
    if finished.progress.failed:
        raise JobFailed(
            f"{finished.progress.failed} of {finished.progress.shards} shards of job {job.id} could not be measured; "
            f"`seenat job {job.id}` tells why, and running it again tries them again."
        )
    return finished


class _Run:
    def __init__(self, catalog: Catalog, job: Job, device: str | None, progress: Callable[[Advance], None]) -> None:
        self.catalog = catalog
        self.database = catalog.database
        self.job = job
        self.measurement = job.measurement
        self.device = device
        self.progress = progress
        self.model: Model = catalog.model(job.model)
        self.schedule = self.model.schedule
        self.owner = f"{socket.gethostname()}:{os.getpid()}"
        self.total = sum(job.selection.cells(self.schedule, step) for step in job.selection.steps)
        self.reused = job.progress.measured + job.progress.reused
        self.computed = 0
        self.array = ResultArray(
            results_folder(self.database) / self.measurement.folder,
            rows=0,
            sequences=self.measurement.sequences,
            block_sequences=self.measurement.block_sequences,
        )

    def run(self) -> None:
        """Take shards until none can be claimed."""
        self._void_dead_claims()
        self.array.remove_partials()
        source = self.model.order.source() if self._has_open_shards() else None
        for checkpoint in self._open_checkpoints():
            assert source is not None
            try:
                self._run_checkpoint(checkpoint, source)
            except SeenatError as error:
                self._fail(checkpoint, error)
        with self.database.write() as connection:
            mark_finished(connection, self.job.id)

    # -- one checkpoint

    def _run_checkpoint(self, checkpoint: Checkpoint, source: TokenSource) -> None:
        folder = location_of(self.model, checkpoint).fetch()
        digest = ensure_content(self.catalog, checkpoint, folder)
        row = self._row(checkpoint, digest)
        scorer: Scorer | None = None
        for key in self._claims(checkpoint):
            began = time.perf_counter()
            with self.database.read() as connection:
                values = committed_values(connection, self.array, self.measurement, row, key.block)
            span = self.measurement.block(key.block)
            asked = self.job.selection.within(self.schedule, checkpoint.step, span)
            todo = asked[values[asked - span.start] == NOT_MEASURED]
            self.reused += len(asked) - len(todo)
            self._tell(checkpoint)
            if len(todo):
                scorer = scorer or self._scorer(folder)
                values[todo - span.start] = self._measure(checkpoint, scorer, source, todo)
            self._commit(key, row, values, measured=len(todo), reused=len(asked) - len(todo), began=began)

    def _measure(
        self, checkpoint: Checkpoint, scorer: Scorer, source: TokenSource, todo: npt.NDArray[np.int64]
    ) -> npt.NDArray[np.uint8]:
        found = np.empty(len(todo), np.uint8)
        for start in range(0, len(todo), _SEQUENCES_AT_ONCE):
            some = todo[start : start + _SEQUENCES_AT_ONCE]
            found[start : start + len(some)] = scorer.prefixes(source.take(some, *self.measurement.protocol.window))
            self.computed += len(some)
            self._tell(checkpoint)
        return found

    def _scorer(self, folder: Path) -> Scorer:
        from seenat.memorization.loading import CheckpointLocation, load_checkpoint
        from seenat.memorization.scoring import Scorer

        model = load_checkpoint(CheckpointLocation.local(folder), dtype=self.measurement.protocol.dtype)
        return Scorer(model, self.measurement.protocol, self.device)

    def _commit(
        self, key: ShardKey, row: int, values: npt.NDArray[np.uint8], *, measured: int, reused: int, began: float
    ) -> None:
        file = self.array.write(row, key.block, values) if measured else None
        with self.database.write() as connection:
            if file is not None:
                commit_block(
                    connection,
                    self.array,
                    self.measurement,
                    row=row,
                    block=key.block,
                    values=values,
                    file=file,
                    sequences_per_batch=self.schedule.sequences_per_batch,
                )
            finish_shard(connection, key, measured=measured, reused=reused, seconds=time.perf_counter() - began)

    def _row(self, checkpoint: Checkpoint, digest: str) -> int:
        """The checkpoint's row; the array's own description is brought up to date with it."""
        with self.database.write() as connection:
            row = ensure_row(connection, self.measurement, checkpoint.id, digest)
            self.array.rows = array_rows(connection, self.measurement)
            steps = dict(current_rows(connection, self.measurement))
        self.array.describe(
            {
                "model": self.model.name,
                "order": self.model.order.name,
                "order_digest": self.measurement.order_digest,
                "protocol": self.measurement.protocol.to_json(),
                "steps": [steps.get(number) for number in range(self.array.rows)],
            }
        )
        return row

    # -- claims

    def _has_open_shards(self) -> bool:
        with self.database.read() as connection:
            query = select(func.count()).where(shards.c.job_id == self.job.id, shards.c.state != "done")
            return bool(connection.execute(query).scalar_one())

    def _open_checkpoints(self) -> Iterator[Checkpoint]:
        """The checkpoints that have shards to take, ascending by step, each looked for when the one before is finished."""
        with self.database.read() as connection:
            query = (
                select(checkpoints.c.step)
                .where(checkpoints.c.id.in_(select(shards.c.checkpoint_id).where(self._is_open())))
                .order_by(checkpoints.c.step)
            )
            steps = connection.execute(query).scalars().all()
        yield from (self.model.checkpoint(step) for step in steps)

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

    def _void_dead_claims(self) -> None:
        with self.database.write() as connection:
            owners = connection.execute(
                select(shards.c.owner).distinct().where(shards.c.job_id == self.job.id, shards.c.state == "running")
            ).scalars()
            dead = [owner for owner in owners if owner is not None and _is_dead(owner)]
            connection.execute(
                update(shards)
                .where(shards.c.job_id == self.job.id, shards.c.state == "running", shards.c.owner.in_(dead))
                .values(state="pending", owner=None, lease_until=None)
            )

    def _fail(self, checkpoint: Checkpoint, error: SeenatError) -> None:
        with self.database.write() as connection:
            mine = or_(shards.c.state == "pending", shards.c.owner == self.owner)
            connection.execute(
                update(shards)
                .where(
                    shards.c.job_id == self.job.id,
                    shards.c.checkpoint_id == checkpoint.id,
                    shards.c.state != "done",
                    mine,
                )
                .values(state="failed", owner=None, lease_until=None, error=str(error))
            )

    def _tell(self, checkpoint: Checkpoint) -> None:
        self.progress(
            Advance(
                step=checkpoint.step,
                done=self.reused + self.computed,
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
