"""Running jobs by actors of a Ray cluster, while this process watches.

An actor is placed where a GPU, or on processors its cores, and memory for a checkpoint are free; Ray's autoscaler sees those that
wait for a place. Without a number of workers there are as many as the cluster has room for, looked at again and again, so that
nodes which join get theirs; never more than there are shards left.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from seenat.memorization.jobs.runners.local import Advance, checked
from seenat.memorization.jobs.runners.ray_cluster.cluster import Need, joined, places
from seenat.memorization.jobs.runners.ray_cluster.crew import Crew
from seenat.memorization.jobs.runners.watching import Watch
from seenat.memorization.jobs.shard_table import reopen_failed
from seenat.memorization.jobs.status import Job
from seenat.registry import settings
from seenat.registry.catalog.catalog import Catalog
from seenat.registry.errors import InvalidValue, JobFailed

__all__ = ["RayOptions", "run_by_ray"]

_SECONDS_BETWEEN_LOOKS = 1.0
_SECONDS_TO_FINISH = 30.0
_MOST_WORKERS = 10_000
# Of a process with torch; and for each byte of weights as float32, as a run on a processor may load them ahead, or on a GPU
# while they are read.
_MEMORY = 1 << 30
_BYTES_A_PARAMETER, _TIMES = 4, 3

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class RayOptions:
    """What is asked of a cluster."""

    address: str | None
    """Of a cluster; None for that of RAY_ADDRESS, or one of this machine."""
    workers: int | None
    """None for as many as it has room for."""
    device: str | None
    """As `seenat worker` takes it; None for a GPU where the cluster has one."""
    keep_checkpoints: int | None

    def __post_init__(self) -> None:
        """Raise `InvalidValue` for a number that no cluster has."""
        if self.workers is not None and not 0 < self.workers <= _MOST_WORKERS:
            raise InvalidValue(
                f"{self.workers} workers are not between 1 and {_MOST_WORKERS:,}; choose another number."
            )


def run_by_ray(
    catalog: Catalog, jobs: Sequence[Job], options: RayOptions, progress: Callable[[Advance], None]
) -> tuple[Job, ...]:
    """Measure what is left of jobs, and return them as they stand then; raises as `run_jobs` does, and as `joined`."""
    ids = tuple(job.id for job in jobs)
    with catalog.database.write() as connection:
        reopen_failed(connection, ids)
    watch = Watch(catalog, ids, progress)
    cores = _cores()
    with joined(options.address, cores, is_shared=not catalog.database.is_sqlite) as ray:
        need = _need(ray, catalog, jobs, options, max(1, cores // (options.workers or cores)))
        crew = _crew(ray, catalog, ids, options, need)
        try:
            _watch(ray, crew, watch, options, need)
        finally:
            crew.leave(_SECONDS_TO_FINISH)
    finished = watch.look()
    if crew.faults and any(job.progress.pending and not _has_stopped(job) for job in finished):
        raise JobFailed(f"The actors have ended before the job was done: {crew.faults[-1]}")
    return checked(catalog, finished)


def _watch(ray: Any, crew: Crew, watch: Watch, options: RayOptions, need: Need) -> None:
    """Keep as many actors as are of use, until nothing is left for them."""
    said, done = False, 0
    while True:
        found = watch.look()
        left = max(0 if _has_stopped(job) else job.progress.pending + job.progress.running for job in found)
        room = places(ray, need)
        crew.grow(min(left, options.workers or max(1, room)))
        if not crew.size:
            return
        if not room and not said:
            said = True
            _log.warning(
                "No node of the cluster has room for a worker, which takes %s; it waits for one.", _words(need)
            )
        crew.look(_SECONDS_BETWEEN_LOOKS)
        if (now := sum(job.progress.done for job in found)) > done:
            done, crew.lost = now, 0


def _crew(ray: Any, catalog: Catalog, ids: tuple[int, ...], options: RayOptions, need: Need) -> Crew:
    from seenat.memorization.jobs.runners.ray_cluster.actor import RayWorker

    actor = ray.remote(
        num_cpus=need["CPU"],
        num_gpus=need["GPU"],
        memory=need["memory"],
        max_restarts=-1,
        max_task_retries=0,
        max_concurrency=2,  # So that it hears of `stop` while it works.
    )(RayWorker)
    device = options.device or ("cuda" if need["GPU"] else "cpu")
    # As arguments: what is asked of Ray as an environment is written to its logs, and a URL may hold a password.
    arguments = (settings.url_for_others(catalog.database.url), ids, device, options.keep_checkpoints)
    environment = settings.passed_on()
    return Crew(ray, partial(actor.remote, environment), lambda handle: handle.run.remote(*arguments))


def _need(ray: Any, catalog: Catalog, jobs: Sequence[Job], options: RayOptions, cores: int) -> Need:
    """What a worker takes of a node: a GPU, or cores of a processor, and memory for the largest of the checkpoints."""
    has_gpus = any(node["Alive"] and node["Resources"].get("GPU") for node in ray.nodes())
    on_gpu = has_gpus if options.device is None else not options.device.startswith("cpu")
    counts = [catalog.model(job.model).parameters for job in jobs]
    weights = _BYTES_A_PARAMETER * max((count.total for count in counts if count is not None), default=0)
    return {"GPU": float(on_gpu), "CPU": 1.0 if on_gpu else float(cores), "memory": float(_MEMORY + _TIMES * weights)}


def _has_stopped(job: Job) -> bool:
    """Whether nobody takes a shard of it any more, or for now."""
    return job.has_ended or job.paused_at is not None


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _words(need: Need) -> str:
    gpu = "a GPU, " if need["GPU"] else ""
    return f"{gpu}{need['CPU']:g} cores and {need['memory'] / (1 << 30):.1f} GiB"
