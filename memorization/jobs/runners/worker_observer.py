"""What a worker tells of its work; importing it costs nothing, since commands subclass it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from seenat.memorization.jobs.runners.local import Advance
    from seenat.memorization.jobs.status import Job
    from seenat.registry.errors import SeenatError

__all__ = ["WorkerObserver"]


class WorkerObserver:
    """Hears what a worker does; override what you want to hear."""

    def began(self, job: Job) -> None:
        """A job, before shards of it are taken."""

    def progress(self, now: Advance) -> None:
        """How far it is with the job."""

    def refused(self, job: Job, error: SeenatError) -> None:
        """A job that cannot be worked at here, which is left alone from now on."""

    def waiting(self) -> None:
        """Nothing is open now; what others hold, or another job, may come."""
