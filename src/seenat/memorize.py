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
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

from seenat.registry.answer import Answer, to_json
from seenat.registry.errors import InvalidValue
from seenat.registry.units import SequenceRange, parse_count

if TYPE_CHECKING:
    from seenat.memorization.adaptive.adaptive_job import AdaptiveJob
    from seenat.memorization.jobs.prefetch import CacheQuota
    from seenat.memorization.jobs.runners.choose import ClusterRequest
    from seenat.memorization.jobs.runners.local import Advance
    from seenat.memorization.jobs.status import CheckpointProgress, Job, ShardRecord
    from seenat.memorization.protocol.protocol import Protocol
    from seenat.memorization.protocol.selection import Selection
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


class SubmitOptions(TypedDict, total=False):
    """The options of `Catalog.submit`: those of `Catalog.memorize`, which describes each, that say what is measured."""

    steps: str | Iterable[int | str]
    sequences: SequenceRange | str | None
    sample: int | None
    seed: int
    unseen: bool
    measure: str
    prompt: int | Iterable[int]
    continuation: int | Iterable[int]
    offset: int
    eos: str | None
    dtype: str
    allow_suspect: bool
    name: str | None
    note: str | None


class MemorizeOptions(SubmitOptions, total=False):
    """The options of `Catalog.memorize`, for programs that pass them on."""

    adaptive: bool
    coarse: int | str | Iterable[int | str] | None
    audit: int | None
    device: str | None
    keep_checkpoints: int | None
    submit: bool
    runner: str | None
    workers: int | None
    script: str | Path | None
    force: bool


@dataclass(frozen=True, kw_only=True)
class MemorizeRequest:
    """What to measure of a model: the options of `Catalog.memorize`, with their defaults."""

    steps: str | Iterable[int | str] = "all"
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
    submit: bool = False
    runner: str | None = None
    workers: int | None = None
    script: str | Path | None = None
    force: bool = False

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

    def protocols(self, model: Model) -> tuple[Protocol, ...]:
        """One for every prompt length with every continuation length."""
        from seenat.memorization.protocol.protocol import Protocol

        return tuple(
            Protocol.default_for(
                model.order.eos_id,
                self.measure,
                self.eos,
                prompt=prompt,
                continuation=continuation,
                offset=self.offset,
                dtype=self.dtype,
            )
            for prompt, continuation in product(_lengths(self.prompt), _lengths(self.continuation))
        )

    def selection(self, model: Model, steps: tuple[int, ...]) -> Selection:
        """Which sequences are measured at these steps."""
        from seenat.memorization.protocol.selection import Selection

        whole = model.order.sequences
        chosen = SequenceRange.parse(self.sequences, whole.stop) if isinstance(self.sequences, str) else self.sequences
        return Selection(steps=steps, sequences=chosen or whole, sample=self.sample, seed=self.seed, unseen=self.unseen)


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
    from seenat.memorization.jobs.changes import check_label
    from seenat.memorization.jobs.runners.choose import check_runner, hand_to_slurm

    check_label(request.name, request.note)
    check_runner(request.runner, request.workers, request.script)
    if request.is_only_planned and request.adaptive:
        raise InvalidValue(
            "An adaptive job cannot be submitted, since its second part depends on what the first finds; run it instead."
        )
    if not request.adaptive and (request.coarse, request.audit) != (None, None):
        raise InvalidValue("coarse and audit need an adaptive job; ask for one with adaptive=True.")
    if request.device is not None and request.runner != "slurm":  # What a cluster has is not known here.
        check_device(request.device)
    selection = request.selection(model, _steps(model, request, observer))
    protocols = request.protocols(model)
    if request.adaptive:
        return _run_adaptively(catalog, model, request, protocols, selection, observer)
    from seenat.memorization.jobs.plan import plan_jobs

    jobs = _labelled(
        catalog, request, plan_jobs(catalog, model, protocols, selection, allow_suspect=request.allow_suspect)
    )
    if request.is_only_planned:
        jobs = tuple(_with_lost_opened(catalog, job, observer) for job in jobs)
        if request.runner == "slurm":
            hand_to_slurm(jobs, request.for_cluster, observer.scripted)
        return MemorizeAnswer(jobs=jobs)
    return MemorizeAnswer(jobs=_run(catalog, jobs, request, request.keep_checkpoints, observer))


def _run_adaptively(
    catalog: RegistryCatalog,
    model: Model,
    request: MemorizeRequest,
    protocols: tuple[Protocol, ...],
    selection: Selection,
    observer: MemorizeObserver,
) -> MemorizeAnswer:
    from seenat.memorization.adaptive.adaptive_job import plan_adaptive, run_adaptive
    from seenat.memorization.jobs.runners.local import cache_quota

    if len(protocols) > 1:
        raise InvalidValue("An adaptive job has one prompt length and one continuation length; name one of each.")
    planned = plan_adaptive(
        catalog,
        model,
        protocols[0],
        selection,
        coarse=_coarse(model, request.coarse),
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
    """Jobs with the name and the note that were asked for."""
    from seenat.memorization.jobs.changes import label_jobs
    from seenat.memorization.jobs.status import find_job

    label_jobs(catalog, [job.id for job in jobs], request.name, request.note)
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
    from seenat.memorization.jobs.runners.local_processes import ProcessOptions, run_by_processes

    jobs = tuple(_with_lost_opened(catalog, job, observer) for job in jobs)
    for job in jobs:
        observer.planned(job)
    if all(job.finished_at is not None for job in jobs):
        return jobs
    with observer.running(jobs) as progress:
        if request.runner is not None:
            options = ProcessOptions(
                workers=request.workers, device=request.device, keep_checkpoints=request.keep_checkpoints
            )
            return run_by_processes(catalog, jobs, options, progress)
        return run_jobs(
            catalog,
            jobs,
            device=request.device,
            keep_checkpoints=keep_checkpoints,
            look_for_lost=False,  # That is done above.
            progress=progress,
        )


def _with_lost_opened(catalog: RegistryCatalog, job: Job, observer: MemorizeObserver) -> Job:
    from seenat.memorization.jobs.repair import reopen_lost
    from seenat.memorization.jobs.status import find_job

    lost = reopen_lost(catalog, job)
    if not lost:
        return job
    observer.reopened(job, lost)
    return find_job(catalog, job.id)


def _steps(model: Model, request: MemorizeRequest, observer: MemorizeObserver) -> tuple[int, ...]:
    """The steps that are named, ascending; `all` are those whose checkpoints can be trusted."""
    from seenat.memorization.jobs.plan_checks import runnable_steps

    if not isinstance(request.steps, str) or request.steps.strip().lower() != "all":
        return _named_steps(model, request.steps)
    steps, left_out = runnable_steps(model, allow_suspect=request.allow_suspect)
    if left_out:
        observer.left_out(left_out)
    return steps


def _named_steps(model: Model, steps: str | Iterable[int | str]) -> tuple[int, ...]:
    """Saved steps as they are typed, `1,2,64:128,last`, or one by one; ascending."""
    named = model.schedule.parse_saved(steps) if isinstance(steps, str) else steps
    return tuple(sorted({model.checkpoint(step).step for step in named}))


def _coarse(model: Model, coarse: int | str | Iterable[int | str] | None) -> int | tuple[int, ...] | None:
    """A number of checkpoints, or their steps: as text these have a comma or a colon between them."""
    if coarse is None or isinstance(coarse, int):
        return coarse
    if isinstance(coarse, str) and not {",", ":"} & set(coarse):
        return parse_count(coarse, "number of checkpoints")
    return _named_steps(model, coarse)


def _lengths(lengths: int | Iterable[int]) -> tuple[int, ...]:
    return (lengths,) if isinstance(lengths, int) else tuple(sorted(set(lengths)))
