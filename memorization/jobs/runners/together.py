"""Which jobs a run measures together: those over the same cells, whose protocols differ in prompt and continuation alone."""

from __future__ import annotations

from collections.abc import Sequence

from seenat.memorization.jobs.job_table import cells_of_jobs
from seenat.memorization.jobs.status import Job, find_job
from seenat.registry.catalog.catalog import Catalog

__all__ = ["jobs_together"]

_MOST = 16
"""Each adds a value a sequence to what is kept of a shard, and its heads to the passes."""


def jobs_together(catalog: Catalog, ids: Sequence[int]) -> tuple[Job, ...]:
    """The first of some jobs, and those of the others that are measured with it."""
    with catalog.database.read() as connection:
        cells = cells_of_jobs(connection, ids)
    alike = [id_ for id_ in ids if cells.get(id_) == cells.get(ids[0])]
    first, *others = (find_job(catalog, id_) for id_ in alike[:_MOST])
    return (first, *(job for job in others if job.protocol.is_measured_with(first.protocol)))
