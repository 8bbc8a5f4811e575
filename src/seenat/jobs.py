"""The part of the public catalog about stored jobs: how they stand, working at them, cancelling them."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from seenat.lookups import Lookups
from seenat.registry.answer import Answers

if TYPE_CHECKING:
    from seenat.memorization.jobs.runners.worker import Worked
    from seenat.memorization.jobs.runners.worker_observer import WorkerObserver
    from seenat.memorization.jobs.status import Job
    from seenat.memorize import JobAnswer

__all__ = ["Jobs"]


class Jobs(Lookups):
    """Jobs that `memorize` has planned."""

    def jobs(self) -> Answers[Job]:
        """All jobs, the newest first."""
        from seenat.memorization.jobs.status import list_jobs

        return Answers(list_jobs(self._registry))

    def job(self, id_: int) -> JobAnswer:
        """One job: what it measures, how far it is at each checkpoint, what failed; raises `UnknownJob`."""
        from seenat.memorization.adaptive.adaptive_job import find_adaptive
        from seenat.memorization.jobs.status import checkpoint_progress, failures, find_job
        from seenat.memorize import JobAnswer

        job = find_job(self._registry, id_)
        adaptive = find_adaptive(self._registry, job)
        checkpoints = checkpoint_progress(self._registry, job)
        return JobAnswer(job=job, adaptive=adaptive, checkpoints=checkpoints, failures=failures(self._registry, job))

    def work(
        self,
        job: int | None = None,
        *,
        wait: bool = False,
        device: str | None = None,
        keep_checkpoints: int | None = None,
        stop: threading.Event | None = None,
        observer: WorkerObserver | None = None,
    ) -> Worked:
        """Take shards of any job, or of this one, beside others that do, until none is left; with `wait`, until `stop` is set.

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
            job,
            wait=wait,
            device=device,
            keep_checkpoints=keep_checkpoints,
            stop=stop or threading.Event(),
            observer=observer or WorkerObserver(),
        )
        return worker.run()

    def cancel(self, id_: int) -> Job:
        """Cancel a job and return it; whoever works at it commits what is measured and takes no further shard.

        A finished job stays finished. `memorize` with the same options continues a cancelled one. Raises `UnknownJob`.
        """
        from seenat.memorization.jobs.changes import cancel_job

        return cancel_job(self._registry, id_)
