"""What a process sees of jobs that others measure: how they stand, told as its own progress."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from seenat.memorization.jobs.runners.local import Advance
from seenat.memorization.jobs.status import Job, find_job
from seenat.registry.catalog.catalog import Catalog

__all__ = ["Watch"]


@dataclass
class Watch:
    """Looks at some jobs over the same cells; `progress` gets what was measured since the first look."""

    catalog: Catalog
    ids: tuple[int, ...]
    progress: Callable[[Advance], None]
    _before: int | None = None

    def look(self) -> tuple[Job, ...]:
        """The jobs as they stand."""
        found = tuple(find_job(self.catalog, id_) for id_ in self.ids)
        done = sum(job.progress.measured + job.progress.reused for job in found)
        if self._before is None:
            self._before = done
        step, before = max(found[0].selection.steps), self._before
        self.progress(Advance(step=step, done=done, total=self._total, reused=before, computed=done - before))
        return found

    @cached_property
    def _total(self) -> int:
        jobs = [find_job(self.catalog, id_) for id_ in self.ids]
        schedule = self.catalog.model(jobs[0].model).schedule
        return sum(job.selection.all_cells(schedule) for job in jobs)
