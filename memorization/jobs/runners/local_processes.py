"""Running jobs by several processes of this machine, one a device: each takes shards, and this one watches.

A process that a signal ends is begun again, and takes over what it held; one that finds no further shard, or fails, is not.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from seenat.memorization.engine.transformers.loading import devices_here
from seenat.memorization.jobs.runners.local import Advance, checked
from seenat.memorization.jobs.runners.processes import WorkerCommand, WorkerProcesses
from seenat.memorization.jobs.shard_table import reopen_failed
from seenat.memorization.jobs.status import Job, find_job
from seenat.registry import settings
from seenat.registry.catalog.catalog import Catalog
from seenat.registry.errors import InvalidValue, JobFailed

__all__ = ["ProcessOptions", "run_by_processes"]

_SECONDS_BETWEEN_LOOKS = 0.5
_MOST_WORKERS = 256


@dataclass(frozen=True, kw_only=True)
class ProcessOptions:
    """How many processes, and where each measures."""

    workers: int | None
    """None for one a GPU, or one where there is none."""
    device: str | None
    keep_checkpoints: int | None


def run_by_processes(
    catalog: Catalog, jobs: Sequence[Job], options: ProcessOptions, progress: Callable[[Advance], None]
) -> tuple[Job, ...]:
    """Measure what is left of jobs, and return them as they stand then; raises as `run_jobs` does.

    A worker has one job after the other, so several protocols over the same cells are each measured alone.
    """
    ids = [job.id for job in jobs]
    with catalog.database.write() as connection:
        reopen_failed(connection, tuple(ids))
    faults: list[str] = []

    def told(event: str, *, code: int = 0, talk: str = "", **_facts: object) -> None:
        if event == "worker ended" and code > 0:
            faults.append(talk)

    url = catalog.database.url.render_as_string(hide_password=False)
    commands = list(_commands(ids, options, settings.environment_for(url)))
    with WorkerProcesses(commands, begins_again=lambda code: code < 0, told=told) as processes:
        before = _done(catalog, ids)
        while processes.running:
            time.sleep(_SECONDS_BETWEEN_LOOKS)
            _report(catalog, ids, before, progress)
    finished = tuple(find_job(catalog, id_) for id_ in ids)
    if faults and any(job.progress.pending for job in finished):
        raise JobFailed(f"The workers have ended before the job was done: {faults[-1]}")
    return checked(catalog, finished)


def _commands(ids: Sequence[int], options: ProcessOptions, environment: dict[str, str]) -> Iterator[WorkerCommand]:
    devices = [options.device] if options.device is not None else devices_here()
    number = len(devices) if options.workers is None else options.workers
    if not 0 < number <= _MOST_WORKERS:
        raise InvalidValue(f"{number} workers are not between 1 and {_MOST_WORKERS}; choose another number.")
    keep = () if options.keep_checkpoints is None else ("--keep-checkpoints", str(options.keep_checkpoints))
    for place in range(number):
        device = devices[place % len(devices)]
        own = _with_threads(environment, number) if device == "cpu" else environment
        yield WorkerCommand(options=(*map(str, ids), "--device", device, *keep), environment=own)


def _with_threads(environment: dict[str, str], workers: int) -> dict[str, str]:
    """An environment in which workers share the cores, unless the user says how many threads each has."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return {"OMP_NUM_THREADS": str(max(1, cores // workers)), **environment}


def _done(catalog: Catalog, ids: Sequence[int]) -> int:
    """Cells that are measured."""
    counts = [find_job(catalog, id_).progress for id_ in ids]
    return sum(count.measured + count.reused for count in counts)


def _report(catalog: Catalog, ids: Sequence[int], before: int, progress: Callable[[Advance], None]) -> None:
    found = [find_job(catalog, id_) for id_ in ids]
    schedule = catalog.model(found[0].model).schedule
    done, total = _done(catalog, ids), sum(job.selection.all_cells(schedule) for job in found)
    steps = found[0].selection.steps
    progress(Advance(step=max(steps), done=done, total=total, reused=before, computed=done - before))
