"""What follows a finished job: its results once more, trajectory by trajectory, where that pays."""

from __future__ import annotations

from seenat.memorization.jobs.status import Job
from seenat.memorization.results.compaction import compact
from seenat.registry.catalog.catalog import Catalog

__all__ = ["compact_finished"]

# A job that measured a quarter of its blocks' values, or more, is followed by a compaction. That takes 10 ns a value of these
# blocks, where measuring one takes 1,500 ns at what a large GPU can do at best.
_ONE_IN = 4


def compact_finished(catalog: Catalog, job: Job) -> None:
    """Compact a job's measurement when the job is finished, unless it measured but little of the blocks it met."""
    progress = job.progress
    met = progress.shards * job.measurement.block_sequences
    if job.finished_at is not None and (progress.measured + progress.reused) * _ONE_IN >= met:
        compact(catalog, catalog.model(job.model), job.measurement.protocol.id)
