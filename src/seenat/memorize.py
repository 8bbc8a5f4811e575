"""Measuring what a model's checkpoints have memorized: a request in the words of `seenat memorize`, planned and run.

MemorizeOptions     the options of `Catalog.memorize`
SubmitOptions       those of `Catalog.submit`
MemorizeRequest     the options with their defaults
MemorizeObserver    hears of plans and progress while it runs
MemorizeAnswer      the jobs that were run
JobAnswer           one job, the adaptive job that it is a part of, and what failed
run_request         plans the jobs, or finds those planned before, and measures what is left of them
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seenat.preflight import (
    Chosen,
    MeasureOptions,
    WayOptions,
    adaptive_request,
    check_ready,
    chosen_selection,
    chosen_steps,
    estimate_chosen,
    protocols_of,
    slow_adaptive,
    slow_type,
)
from seenat.registry.answer import Answer, to_json
from seenat.registry.errors import InvalidValue
from seenat.registry.units import SequenceRange

if TYPE_CHECKING:
    from seenat.memorization.adaptive.adaptive_job import AdaptiveJob
    from seenat.memorization.estimate.answers import Estimate
    from seenat.memorization.jobs.prefetch import CacheQuota
    from seenat.memorization.jobs.runners.choose import ClusterRequest
    from seenat.memorization.jobs.runners.local import Advance
    from seenat.memorization.jobs.status import CheckpointProgress, Job, ShardRecord
    from seenat.registry.catalog.catalog import Catalog as RegistryCatalog
    from seenat.registry.catalog.models import Checkpoint, Model

__all__ = [
    "JobAnswer",
    "MemorizeAnswer",
    "MemorizeObserver",
    "MemorizeOptions",
    "MemorizeRequest",
    "SubmitOptions",
    "run_request",
]


class MemorizeObserver:
    """Hears what `memorize` plans and how far it is; override what you want to hear.

    `progress` is called again and again with an `Advance` while values are measured.
    """

    def __init__(self, progress: Callable[[Advance], None] | None = None) -> None:
        self.progress = progress or (lambda _: None)

    def left_out(self, checkpoints: tuple[Checkpoint, ...]) -> None:
        """Checkpoints that are not measured, because their files cannot be trusted."""

    def does_not_pay(self, reason: str) -> None:
        """Why something that was asked for is not done, and what is done instead."""

    def estimated(self, estimate: Estimate) -> None:
        """What a job would cost that does not exist yet; raising here keeps it from being made."""

    def adaptive_planned(self, planned: AdaptiveJob) -> None:
        """An adaptive job, before any of it is run."""

    def reopened(self, job: Job, shards: int) -> None:
        """A job of which finished shards are measured again, because their results are gone or damaged."""

    def planned(self, job: Job) -> None:
        """A job, before it is run; it may be finished already."""

    def scripted(self, script: Path, number: str | None) -> None:
        """A script that a cluster runs, and the number under which it was submitted; None where it was only written."""

    @contextmanager
    def running(self, jobs: tuple[Job, ...]) -> Iterator[Callable[[Advance], None]]:
        """Stands around the run of jobs that are measured together, and gives what hears of its progress."""
        yield self.progress


class SubmitOptions(MeasureOptions, total=False):
    """The options of `Catalog.submit`: those of `Catalog.memorize`, which describes each, that say what is measured."""

    name: str | None
    note: str | None
    priority: int | None
    same_device: bool


class MemorizeOptions(SubmitOptions, WayOptions, total=False):
    """The options of `Catalog.memorize`, for programs that pass them on."""

    faster: bool
    submit: bool
    runner: str | None
    workers: int | None
    script: str | Path | None
    force: bool
    address: str | None


@dataclass(frozen=True, kw_only=True)
class MemorizeRequest:
    """What to measure of a model: the options of `Catalog.memorize`, with their defaults."""

    steps: str | int | Iterable[int | str] = "all"
    sequences: SequenceRange | str | None = None
    sample: int | None = None
    seed: int = 0
    unseen: bool = False
    measure: str = "prefix"
    prompt: int | Iterable[int] = 32
    continuation: int | Iterable[int] = 32
    offset: int = 0
    eos: str | None = None
    dtype: str = "float32"
    adaptive: bool = False
    coarse: int | str | Iterable[int | str] | None = None
    audit: int | None = None
    allow_suspect: bool = False
    device: str | None = None
    keep_checkpoints: int | None = None
    name: str | None = None
    note: str | None = None
    faster: bool = False
    priority: int | None = None
    same_device: bool = False
    submit: bool = False
    runner: str | None = None
    workers: int | None = None
    script: str | Path | None = None
    force: bool = False
    address: str | None = None

    @property
    def is_only_planned(self) -> bool:
        """Whether nothing is measured by this process or its own."""
        return self.submit or self.runner == "slurm"

    @property
    def for_cluster(self) -> ClusterRequest:
        """What is asked of Slurm."""
        from seenat.memorization.jobs.runners.choose import ClusterRequest

        return ClusterRequest(
            workers=self.workers,
            device=self.device,
            keep_checkpoints=self.keep_checkpoints,
            script=self.script,
            force=self.force,
        )

    def chosen(self, model: Model) -> Chosen:
        """What is to be measured of a model."""
        steps, left_out = chosen_steps(model, self.steps, allow_suspect=self.allow_suspect)
        return Chosen(
            selection=chosen_selection(model, steps, self.sequences, self.sample, self.seed, self.unseen),
            protocols=protocols_of(
                model, self.measure, self.eos, self.prompt, self.continuation, self.offset, self.dtype
            ),
            left_out=left_out,
            adaptive=adaptive_request(model, self.coarse, self.audit) if self.adaptive else None,
            keep_checkpoints=self.keep_checkpoints,
            device=self.device,
            allow_suspect=self.allow_suspect,
        )


@dataclass(frozen=True, kw_only=True)
class MemorizeAnswer:
    """The jobs of one `memorize`, as they stand after it."""

    jobs: tuple[Job, ...]
    """One for each protocol; those of an adaptive job are its parts."""
    adaptive: AdaptiveJob | None = None
    """The adaptive job, where one was asked for."""

    @property
    def job(self) -> Job:
        """The first of the jobs; the only one where one protocol was asked for."""
        return self.jobs[0]

    def to_json(self) -> Any:
        """The adaptive job, or the only job, or a list of the jobs."""
        if self.adaptive is not None:
            return to_json(self.adaptive)
        return to_json(self.jobs[0] if len(self.jobs) == 1 else self.jobs)


@dataclass(frozen=True, kw_only=True)
class JobAnswer(Answer):
    """A job, the adaptive job that it is a part of, how far it is at each checkpoint, and why some of its shards failed."""

    job: Job
    adaptive: AdaptiveJob | None
    checkpoints: tuple[CheckpointProgress, ...]
    failures: tuple[ShardRecord, ...]

    def to_json(self) -> dict[str, Any]:
        """The job's own keys, and three beside them."""
        beside = {"adaptive": self.adaptive, "checkpoints": self.checkpoints, "failures": self.failures}
        return {**to_json(self.job), **to_json(beside)}


def run_request(
    catalog: RegistryCatalog, model: Model, request: MemorizeRequest, observer: MemorizeObserver
) -> MemorizeAnswer:
    """Plan what a request asks for, or find the jobs that were planned for it before, and measure what is left of them."""
    from seenat.memorization.engine.transformers.loading import check_device
    from seenat.memorization.jobs.changes import check_label, check_priority
    from seenat.memorization.jobs.runners.choose import check_runner, hand_to_slurm

    check_label(request.name, request.note)
    check_priority(request.priority)
    check_runner(request.runner, request.workers, request.script, request.address)
    if request.is_only_planned and request.adaptive:
        raise InvalidValue(
            "An adaptive job cannot be submitted, since its second part depends on what the first finds; run it instead."
        )
    if not request.adaptive and (request.coarse, request.audit) != (None, None):
        raise InvalidValue("coarse and audit need an adaptive job; ask for one with adaptive=True.")
    if request.device is not None and request.runner not in ("slurm", "ray"):  # What a cluster has is not known here.
        check_device(request.device)
    chosen = request.chosen(model)
    if chosen.left_out:
        observer.left_out(chosen.left_out)
    request, chosen = _faster(model, request, chosen, observer)
    _look_ahead(catalog, model, request, chosen, observer)
    if chosen.adaptive is not None:
        return _run_adaptively(catalog, model, request, chosen, observer)
    from seenat.memorization.jobs.plan import plan_jobs

    planned = plan_jobs(catalog, model, chosen.protocols, chosen.selection, allow_suspect=request.allow_suspect)
    jobs = _labelled(catalog, request, planned)
    if request.is_only_planned:
        jobs = tuple(_with_lost_opened(catalog, job, observer) for job in jobs)
        if request.runner == "slurm":
            hand_to_slurm(jobs, request.for_cluster, observer.scripted)
        return MemorizeAnswer(jobs=jobs)
    return MemorizeAnswer(jobs=_run(catalog, jobs, request, request.keep_checkpoints, observer))


def _faster(
    model: Model, request: MemorizeRequest, chosen: Chosen, observer: MemorizeObserver
) -> tuple[MemorizeRequest, Chosen]:
    """The request with what does not pay left out, where a faster way is wanted; the observer hears why."""
    if not request.faster or request.is_only_planned:
        return request, chosen
    if reason := slow_type(chosen):
        observer.does_not_pay(f"{reason} It is measured in float32.")
        request = replace(request, dtype="float32")
    if reason := slow_adaptive(model, chosen):
        observer.does_not_pay(f"{reason} The exact job is taken.")
        request = replace(request, adaptive=False, coarse=None, audit=None)
    return request, request.chosen(model)


def _look_ahead(
    catalog: RegistryCatalog, model: Model, request: MemorizeRequest, chosen: Chosen, observer: MemorizeObserver
) -> None:
    """Before a job exists: the observer hears what it costs, and may raise; what is missing is raised."""
    if _is_planned(catalog, model, request, chosen):
        return
    estimated = estimate_chosen(catalog, model, chosen)
    observer.estimated(estimated)
    if not request.is_only_planned:
        check_ready(catalog, model, chosen, estimated)


def _is_planned(catalog: RegistryCatalog, model: Model, request: MemorizeRequest, chosen: Chosen) -> bool:
    """Whether all that is asked for was planned before, so that nothing begins now."""
    from seenat.memorization.adaptive.adaptive_job import is_planned_adaptively
    from seenat.memorization.jobs.plan import are_planned

    if chosen.adaptive is None:
        return are_planned(catalog, model, chosen.protocols, chosen.selection, allow_suspect=chosen.allow_suspect)
    return all(
        is_planned_adaptively(
            catalog,
            model,
            protocol,
            chosen.selection,
            coarse=chosen.adaptive.coarse,
            audit=chosen.adaptive.audit,
            seed=request.seed,
            allow_suspect=request.allow_suspect,
        )
        for protocol in chosen.protocols
    )


def _run_adaptively(
    catalog: RegistryCatalog, model: Model, request: MemorizeRequest, chosen: Chosen, observer: MemorizeObserver
) -> MemorizeAnswer:
    from seenat.memorization.adaptive.adaptive_job import plan_adaptive, run_adaptive
    from seenat.memorization.jobs.runners.local import cache_quota

    if len(chosen.protocols) > 1:
        raise InvalidValue("An adaptive job has one prompt length and one continuation length; name one of each.")
    planned = plan_adaptive(
        catalog,
        model,
        chosen.protocols[0],
        chosen.selection,
        coarse=None if chosen.adaptive is None else chosen.adaptive.coarse,
        audit=request.audit,
        seed=request.seed,
        allow_suspect=request.allow_suspect,
    )
    _labelled(catalog, request, planned.parts)
    observer.adaptive_planned(planned)
    # Both parts share one quota: the refinement may need the checkpoints that the grid has fetched.
    quota = cache_quota(catalog, request.keep_checkpoints)
    finished = run_adaptive(
        catalog,
        planned,
        lambda part: _run(catalog, _labelled(catalog, request, (part,)), request, quota, observer)[0],
        allow_suspect=request.allow_suspect,
    )
    return MemorizeAnswer(jobs=finished.parts, adaptive=finished)


def _labelled(catalog: RegistryCatalog, request: MemorizeRequest, jobs: tuple[Job, ...]) -> tuple[Job, ...]:
    """Jobs with the name, the note and the priority that were asked for, on one kind of device where that was."""
    from seenat.memorization.jobs.changes import label_jobs, prioritize_jobs
    from seenat.memorization.jobs.runners.one_device import ask_for_one_device
    from seenat.memorization.jobs.status import find_job

    label_jobs(catalog, [job.id for job in jobs], request.name, request.note)
    prioritize_jobs(catalog, [job.id for job in jobs], request.priority)
    if request.same_device:
        ask_for_one_device(catalog.database, jobs)
    return tuple(find_job(catalog, job.id) for job in jobs)


def _run(
    catalog: RegistryCatalog,
    jobs: tuple[Job, ...],
    request: MemorizeRequest,
    keep_checkpoints: int | CacheQuota | None,
    observer: MemorizeObserver,
) -> tuple[Job, ...]:
    """Measure what is left of jobs over the same cells; what of them is lost is measured again."""
    from seenat.memorization.jobs.runners.local import run_jobs

    jobs = tuple(_with_lost_opened(catalog, job, observer) for job in jobs)
    for job in jobs:
        observer.planned(job)
    if all(job.finished_at is not None for job in jobs):
        return jobs
    with observer.running(jobs) as progress:
        if request.runner is not None:
            return _run_by_others(catalog, jobs, request, progress)
        return run_jobs(
            catalog,
            jobs,
            device=request.device,
            keep_checkpoints=keep_checkpoints,
            look_for_lost=False,  # That is done above.
            progress=progress,
        )


def _run_by_others(
    catalog: RegistryCatalog, jobs: tuple[Job, ...], request: MemorizeRequest, progress: Callable[[Advance], None]
) -> tuple[Job, ...]:
    from seenat.memorization.jobs.runners.local_processes import ProcessOptions, run_by_processes
    from seenat.memorization.jobs.runners.ray_cluster.run import RayOptions, run_by_ray

    device, keep = request.device, request.keep_checkpoints
    if request.runner == "local":
        by_processes = ProcessOptions(workers=request.workers, device=device, keep_checkpoints=keep)
        return run_by_processes(catalog, jobs, by_processes, progress)
    by_ray = RayOptions(address=request.address, workers=request.workers, device=device, keep_checkpoints=keep)
    return run_by_ray(catalog, jobs, by_ray, progress)


def _with_lost_opened(catalog: RegistryCatalog, job: Job, observer: MemorizeObserver) -> Job:
    from seenat.memorization.jobs.repair import reopen_lost
    from seenat.memorization.jobs.status import find_job

    lost = reopen_lost(catalog, job)
    if not lost:
        return job
    observer.reopened(job, lost)
    return find_job(catalog, job.id)
