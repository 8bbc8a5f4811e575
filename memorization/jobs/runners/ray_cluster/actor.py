"""A worker as an actor of Ray: what `seenat worker` does, within a process that Ray places and begins again."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping

from seenat.memorization.jobs.runners.worker import Worker
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
        try:
            with self._working, open_catalog(url) as catalog:
                Worker(catalog, job_ids, device=device, keep_checkpoints=keep_checkpoints, stop=self._stop).run()
        except SeenatError as error:
            return str(error)
        return None

    def stop(self) -> None:
        """Let it end after the shard that is measured."""
        self._stop.set()
