"""Deleting a job, and of its results what no other job has measured in.

Values of several jobs lie in one file, a block of a checkpoint. A block in which another job has finished a shard stays as it
is; all others of the job go, and onsets are derived anew from what is left. An adaptive job goes as a whole.
"""

from __future__ import annotations

from sqlalchemy import Connection

from seenat.memorization.adaptive.adaptive_job import find_adaptive
from seenat.memorization.deletion.answers import Deletion
from seenat.memorization.deletion.files import delete_block_files, delete_lists, lists_of
from seenat.memorization.deletion.results import (
    check_at_rest,
    delete_files_of,
    delete_job_rows,
    delete_rows_of,
    sum_up,
)
from seenat.memorization.jobs.job_table import jobs_of_measurement
from seenat.memorization.jobs.shard_table import committed_only_by
from seenat.memorization.jobs.status import Job, find_job
from seenat.memorization.results.block_table import BlockKey, delete_blocks
from seenat.memorization.results.commit import MeasurementStore
from seenat.memorization.results.measurements import delete_empty_rows
from seenat.registry.catalog.catalog import Catalog
from seenat.registry.database.rows import AnyRow
from seenat.registry.units import BatchRange

__all__ = ["delete_job"]


def delete_job(catalog: Catalog, id_: int, *, yes: bool = False) -> Deletion:
    """Delete a job and what it alone measured; or, without `yes`, say what that is.

    Raises `UnknownJob`, and `StillNeeded` while somebody works at it.
    """
    job, database = find_job(catalog, id_), catalog.database
    adaptive = find_adaptive(catalog, job)
    ids = (id_,) if adaptive is None else tuple(part.id for part in adaptive.parts)
    measurement = job.measurement
    with database.write() if yes else database.read() as connection:
        known = jobs_of_measurement(connection, measurement.id)
        gone = [row for row in known if row.id in ids]
        check_at_rest(database, connection, gone)
        if len(gone) == len(known):
            # Whatever else lies there belongs to nobody either.
            deletion = sum_up(database, connection, _words(job, ids), [measurement], gone, done=yes)
            if yes:
                objects = delete_rows_of(connection, [measurement], gone)
        else:
            found, kept = committed_only_by(connection, ids, measurement.id)
            deletion = _part(job, ids, found, kept, done=yes)
            store = MeasurementStore(database, catalog.model(job.model), measurement)
            if yes:
                _delete_rows(connection, store, ids, found)
    if not yes:
        return deletion
    if len(gone) == len(known):
        delete_files_of(database, [measurement], gone, objects)
    else:
        delete_block_files(store, found)
        delete_lists(database, lists_of(row.specification for row in gone))
    return deletion


def _words(job: Job, ids: tuple[int, ...]) -> str:
    numbers = " and ".join(map(str, ids))
    return f"job{'s' if len(ids) > 1 else ''} {numbers} of {job.model}, and what {'they' if len(ids) > 1 else 'it'} alone measured"


def _part(job: Job, ids: tuple[int, ...], found: list[AnyRow], kept: int, *, done: bool) -> Deletion:
    protocol = job.measurement.protocol
    return Deletion(
        of=_words(job, ids),
        done=done,
        protocols=(f"{job.model}, {protocol.id}: {protocol.words}",),
        values=sum(row.measured for row in found),
        blocks=len(found),
        kept_blocks=kept,
        files=len(found),
        bytes=sum(row.bytes for row in found),
        jobs=ids,
    )


def _delete_rows(connection: Connection, store: MeasurementStore, ids: tuple[int, ...], found: list[AnyRow]) -> None:
    measurement, size = store.measurement, store.model.schedule.sequences_per_batch

    def batches(block: int) -> BatchRange:
        span = measurement.block(block)
        return BatchRange(span.start // size, -(-span.stop // size))

    delete_blocks(connection, (BlockKey(measurement.id, row.array_row, row.block) for row in found), batches)
    for block in sorted({row.block for row in found}):
        store.replace_onsets(connection, block)
    delete_empty_rows(connection, measurement)
    delete_job_rows(connection, ids)
