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
from seenat.memorization.jobs.runners.watching import Watch
from seenat.memorization.jobs.shard_table import reopen_failed
from seenat.memorization.jobs.status import Job
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
    """Measure what is left of jobs, and return them as they stand then; raises as `run_jobs` does."""
    ids = [job.id for job in jobs]
    with catalog.database.write() as connection:
        reopen_failed(connection, tuple(ids))
    watch = Watch(catalog, tuple(ids), progress)
    faults: list[str] = []

    def told(event: str, *, code: int = 0, talk: str = "", **_facts: object) -> None:
        if event == "worker ended" and code > 0:
            faults.append(talk)

    environment = settings.environment_for(settings.url_for_others(catalog.database.url))
    commands = list(_commands(ids, options, environment))
    with WorkerProcesses(commands, begins_again=lambda code: code < 0, told=told) as processes:
        while processes.running:
            watch.look()
            time.sleep(_SECONDS_BETWEEN_LOOKS)
    finished = watch.look()
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
