"""The part of the public catalog about stored jobs and what they measured: planning, watching, working, pausing, cancelling."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Unpack

from seenat.lookups import Lookups, number_of
from seenat.registry.answer import Answers

if TYPE_CHECKING:
    from seenat.memorization.deletion.answers import Deletion
    from seenat.memorization.estimate.answers import Estimate
    from seenat.memorization.jobs.runners.worker import Worked
    from seenat.memorization.jobs.runners.worker_observer import WorkerObserver
    from seenat.memorization.jobs.status import Job
    from seenat.memorization.queries.measured import MeasuredProtocol
    from seenat.memorization.upkeep.recheck import Recheck
    from seenat.memorize import JobAnswer, MemorizeAnswer, SubmitOptions
    from seenat.preflight import EstimateOptions
    from seenat.registry.catalog.models import Model

__all__ = ["Jobs"]


class Jobs(Lookups):
    """Jobs that `memorize` or `submit` has planned."""

    def submit(self, model: str | Model, **options: Unpack[SubmitOptions]) -> MemorizeAnswer:
        """Only plan what `memorize` measures with these options, for workers to measure; the same again is the same job.

        The options are those of `memorize`, without those about how it measures and without adaptive jobs. Raises as it does.
        """
        from seenat.memorize import MemorizeObserver, MemorizeRequest, run_request

        request = MemorizeRequest(**options, submit=True)
        return run_request(self._registry, self._model(model), request, MemorizeObserver())

    def estimate(self, *models: str | Model, **options: Unpack[EstimateOptions]) -> Answers[Estimate]:
        """What measuring each of some models costs: cells, bytes, time here and on GPUs; nothing is stored or fetched.

        The options that `memorize` has too are described there. Beside them:

        gpus=("H200", "A100")  GPUs by name: H200, H100, A100, L40S
        workers=1              how many of one kind there are; several numbers, as a list, give several answers
        share_of_peak=0.4      of what their data sheets say
        hub_bytes=1e9          a second that come from hubs, for all workers together
        price_per_hour=None    of one GPU; in whatever it is given, so is the answer
        calibrate=False        run the engine for a second where no earlier job of the catalog tells how fast it is here
        check=False            also tell what a job needs and this machine lacks: packages, room on its disks

        Raises as `memorize` does for what cannot be measured.
        """
        from seenat.preflight import estimates

        return estimates(self._registry, self._models(models), options)

    def watch(self, id_: int | Job | JobAnswer, *, seconds: float = 1.0) -> Iterator[Job]:
        """A job as it stands, and again whenever that has changed, until it is done, cancelled or failed.

        It is looked at every so many seconds. Raises `UnknownJob`.
        """
        from seenat.memorization.jobs.status import find_job

        return self._changes(find_job(self._registry, _number(id_)), seconds)

    def results(self, model: str | Model | None = None) -> Answers[MeasuredProtocol]:
        """What was measured of a model, or of all: by which protocols, at which steps, of how many sequences, on what, when."""
        from seenat.memorization.queries.measured import measured_protocols

        return measured_protocols(self._registry, self._registry.models() if model is None else (self._model(model),))

    def jobs(self, *, limit: int | None = None, after: int | None = None) -> Answers[Job]:
        """All jobs, the newest first; or a page of at most `limit`, those before the job `after`."""
        from seenat.memorization.jobs.status import list_jobs

        return Answers(list_jobs(self._registry, limit, after))

    def job(self, id_: int | Job | JobAnswer) -> JobAnswer:
        """One job: what it measures, how far it is at each checkpoint, what failed; raises `UnknownJob`."""
        from seenat.memorization.adaptive.adaptive_job import find_adaptive
        from seenat.memorization.jobs.status import checkpoint_progress, failures, find_job
        from seenat.memorize import JobAnswer

        job = find_job(self._registry, _number(id_))
        adaptive = find_adaptive(self._registry, job)
        checkpoints = checkpoint_progress(self._registry, job)
        return JobAnswer(job=job, adaptive=adaptive, checkpoints=checkpoints, failures=failures(self._registry, job))

    def work(
        self,
        *jobs: int | Job | JobAnswer,
        wait: bool = False,
        device: str | None = None,
        keep_checkpoints: int | None = None,
        stop: threading.Event | None = None,
        observer: WorkerObserver | None = None,
    ) -> Worked:
        """Take shards of any job, or of these, beside others that do, until none is left; with `wait`, until `stop` is set.

        Setting `stop`, from another thread or a signal's handler, ends it after the shard that is measured. Shards that failed
        are left to `memorize`. Raises `UnknownJob`, and what ends all work here: `NoRoom`, `OutOfMemory`, `MissingExtra`.
        """
        from seenat.memorization.engine.transformers.loading import check_device
        from seenat.memorization.jobs.runners.worker import Worker
        from seenat.memorization.jobs.runners.worker_observer import WorkerObserver

        if device is not None:
            check_device(device)
        worker = Worker(
            self._registry,
            tuple(map(_number, jobs)),
            wait=wait,
            device=device,
            keep_checkpoints=keep_checkpoints,
            stop=stop or threading.Event(),
            observer=observer or WorkerObserver(),
        )
        return worker.run()

    def cancel(self, id_: int | Job | JobAnswer) -> Job:
        """Cancel a job and return it; whoever works at it commits what is measured and takes no further shard.

        A finished job stays finished. `memorize` with the same options continues a cancelled one. Raises `UnknownJob`.
        """
        from seenat.memorization.jobs.changes import cancel_job

        return cancel_job(self._registry, _number(id_))

    def pause(self, id_: int | Job | JobAnswer) -> Job:
        """Pause a job and return it; whoever works at it commits what is measured and takes no further shard until `resume`.

        A finished or cancelled job stays so. Raises `UnknownJob`.
        """
        from seenat.memorization.jobs.changes import pause_job

        return pause_job(self._registry, _number(id_))

    def resume(self, id_: int | Job | JobAnswer) -> Job:
        """Let workers take shards of a paused job again, and return it; raises `UnknownJob`."""
        from seenat.memorization.jobs.changes import resume_job

        return resume_job(self._registry, _number(id_))

    def prioritize(self, id_: int | Job | JobAnswer, priority: int) -> Job:
        """Let workers take a job before those of a smaller priority, and return it; those at work go over after their shard.

        Raises `UnknownJob`, and `InvalidValue` beyond -1,000 to 1,000.
        """
        from seenat.memorization.jobs.changes import prioritize_job

        return prioritize_job(self._registry, _number(id_), priority)

    def retry(self, id_: int | Job | JobAnswer) -> Job:
        """Let the failed shards of a job be tried again, those in quarantine too, and return it; raises `UnknownJob`."""
        from seenat.memorization.jobs.changes import retry_job

        return retry_job(self._registry, _number(id_))

    def recheck(
        self,
        model: str | Model,
        *,
        sample: int = 256,
        seed: int = 0,
        device: str | None = None,
        protocol: str | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> Recheck:
        """Measure a sample of what other kinds of devices measured again on this one, and say which values differ.

        `progress` gets (cells asked for, cells compared). Nothing is changed. Raises `NotMeasured`, and `InvalidValue` for a
        device that is not there.
        """
        from seenat.memorization.engine.transformers.loading import check_device
        from seenat.memorization.upkeep.recheck import recheck

        if device is not None:
            check_device(device)
        return recheck(
            self._registry,
            self._model(model),
            sample=sample,
            seed=seed,
            device=device,
            protocol=protocol,
            progress=progress or (lambda *_: None),
        )

    def _changes(self, job: Job, seconds: float) -> Iterator[Job]:
        from seenat.memorization.jobs.status import find_job

        yield job
        while not job.has_ended:
            time.sleep(seconds)
            before, job = job, find_job(self._registry, job.id)
            if job != before:
                yield job

    def delete_results(self, model: str | Model, *, protocol: str | None = None, yes: bool = False) -> Deletion:
        """Delete what was measured of a model, by one protocol or by all, with the jobs; without `yes`, only say what that is.

        Rows go first, in one transaction, then files. Raises `NotMeasured` where there is nothing, and `StillNeeded` while
        somebody works at one of the jobs.
        """
        from seenat.memorization.deletion.results import delete_results

        return delete_results(self._registry, self._model(model), protocol, yes=yes)

    def delete_job(self, id_: int | Job | JobAnswer, *, yes: bool = False) -> Deletion:
        """Delete a job and what no other job has measured too; without `yes`, only say what that is.

        An adaptive job goes as a whole. Raises `UnknownJob`, and `StillNeeded` while somebody works at it.
        """
        from seenat.memorization.deletion.job import delete_job

        return delete_job(self._registry, _number(id_), yes=yes)


def _number(job: int | Job | JobAnswer) -> int:
    """The number of a job, which is given as it is, or as an answer about it."""
    held = getattr(getattr(job, "job", job), "id", None)
    return held if isinstance(held, int) else number_of(job, "job")
