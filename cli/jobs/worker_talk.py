"""What `seenat worker` says on stderr while it works: the jobs that it takes shards of, how far it is, and that it stops."""

from __future__ import annotations

import threading
from contextlib import ExitStack
from types import TracebackType
from typing import TYPE_CHECKING, Self

from seenat.cli.framework.output import Output
from seenat.cli.framework.phrases import protocol_words
from seenat.cli.framework.progress import Show, progress, resumable
from seenat.cli.jobs.announcements import moment_of
from seenat.memorization.jobs.runners.worker_observer import WorkerObserver

if TYPE_CHECKING:
    from seenat import Advance, Job, SeenatError

__all__ = ["WorkerTalk"]


class WorkerTalk(WorkerObserver):
    """Says a sentence for each job, and shows progress; a context, which ends the showing."""

    def __init__(self, out: Output, stop: threading.Event) -> None:
        self._out = out
        self._stop = stop
        self._stack = ExitStack()
        self._show: Show | None = None
        self._task = ""
        self._says_waiting = True
        self._says_stopping = True

    def __enter__(self) -> Self:
        self._stack.enter_context(resumable())
        self._show = self._stack.enter_context(progress())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool | None:
        return self._stack.__exit__(kind, error, traceback)

    def began(self, job: Job) -> None:
        """Which job it takes shards of."""
        self._says_waiting = True
        self._task = f"job {job.id}"
        called = f" ({job.name})" if job.name else ""
        self._out.talk(f"Job {job.id}{called}: {job.model}, {protocol_words(job.measurement.protocol)}")

    def progress(self, now: Advance) -> None:
        """Progress bars, or lines in a log."""
        self._tell_stopping()
        if self._show is not None:
            self._show(moment_of(self._task, now))

    def refused(self, job: Job, error: SeenatError) -> None:
        """Why a job is left alone."""
        self._out.talk(f"Job {job.id} is left alone: {error}")

    def waiting(self) -> None:
        """Once in a row, that nothing is open."""
        if self._says_waiting:
            self._out.talk("Waiting: nothing is open now, and what others hold or a new job may come.")
        self._says_waiting = False

    def _tell_stopping(self) -> None:
        if self._stop.is_set() and self._says_stopping:
            self._says_stopping = False
            self._out.talk(
                "Asked to end: the shard that is measured is finished first; a second SIGTERM ends it at once."
            )
