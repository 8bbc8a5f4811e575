"""A worker as an actor of Ray: what `seenat worker` does, within a process that Ray places and begins again."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping

from seenat.memorization.jobs.runners.worker import Worker
from seenat.memorization.jobs.runners.worker_observer import WorkerObserver
from seenat.memorization.jobs.status import Job
from seenat.registry import settings
from seenat.registry.errors import SeenatError
from seenat.registry.open import open_catalog

__all__ = ["RayWorker"]


class RayWorker:
    """Takes shards of some jobs until none is left; `environment` is set first, in the actor's process."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        os.environ.update(environment)
        settings.use_one_blas_thread()
        self._stop = threading.Event()
        # Ray calls again where it had lost sight of an actor that is alive.
        self._working = threading.Lock()

    def run(self, url: str, job_ids: tuple[int, ...], device: str | None, keep_checkpoints: int | None) -> str | None:
        """Work until nothing is left, or `stop` is called; returns in a sentence what ended it otherwise."""
        heard = _Refusals()
        try:
            with self._working, open_catalog(url) as catalog:
                worker = Worker(catalog, job_ids, device=device, keep_checkpoints=keep_checkpoints, stop=self._stop)
                worker.observer = heard
                worker.run()
        except SeenatError as error:
            return str(error)
        return heard.last

    def stop(self) -> None:
        """Let it end after the shard that is measured."""
        self._stop.set()


class _Refusals(WorkerObserver):
    last: str | None = None

    def refused(self, job: Job, error: SeenatError) -> None:
        self.last = str(error)
