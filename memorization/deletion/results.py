"""Deleting all results of a model, or those by one protocol, with the jobs that measured them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlalchemy import Connection

from seenat.memorization.deletion.answers import Deletion
from seenat.memorization.deletion.files import (
    delete_folders,
    delete_lists,
    delete_objects,
    delete_parts_in_stores,
    folders_of,
    lists_of,
    weigh,
)
from seenat.memorization.jobs.job_table import delete_jobs, jobs_of_measurement
from seenat.memorization.jobs.leasing.worker_table import forget_workers
from seenat.memorization.jobs.shard_table import delete_shards
from seenat.memorization.jobs.status import read_job
from seenat.memorization.results.block_table import block_sums, committed_objects, delete_blocks_of
from seenat.memorization.results.measurements import (
    Measurement,
    all_measurements_of,
    delete_measurement,
    results_folder,
)
from seenat.memorization.results.onset_rows import delete_onsets
from seenat.registry.catalog.catalog import Catalog
from seenat.registry.catalog.models import Model
from seenat.registry.database.engine import Database
from seenat.registry.database.rows import AnyRow
from seenat.registry.errors import InvalidValue, NotMeasured, StillNeeded

__all__ = ["check_at_rest", "delete_files_of", "delete_job_rows", "delete_results", "delete_rows_of", "sum_up"]


def delete_results(catalog: Catalog, model: Model, protocol: str | None = None, *, yes: bool = False) -> Deletion:
    """Delete what was measured of a model, also over earlier contents, and the jobs that measured it; or, without `yes`, say what.

    `protocol` is the beginning of one protocol's id. Raises `NotMeasured` where nothing was, `InvalidValue` where several
    protocols fit, and `StillNeeded` while somebody works at one of the jobs.
    """
    database = catalog.database
    with database.write() if yes else database.read() as connection:
        chosen = _chosen(connection, model, protocol)
        jobs = [row for measurement in chosen for row in jobs_of_measurement(connection, measurement.id)]
        check_at_rest(database, connection, jobs)
        deletion = sum_up(database, connection, f"the results of {model.name}", chosen, jobs, done=yes)
        objects = delete_rows_of(connection, chosen, jobs) if yes else []
    if yes:
        delete_files_of(database, chosen, jobs, objects)
    return deletion


def _chosen(connection: Connection, model: Model, protocol: str | None) -> list[Measurement]:
    known = all_measurements_of(connection, model)
    chosen = [each for each in known if protocol is None or each.protocol.id.startswith(protocol)]
    named = {each.protocol.id: each.protocol for each in known}
    words = ", ".join(f"{id_} ({each.words})" for id_, each in named.items())
    if not chosen:
        by = f" by protocol {protocol}" if protocol else ""
        there = f"; there is {words}" if words else ", so there is nothing to delete"
        raise NotMeasured(f"Nothing of {model.name} has been measured{by}{there}.", list(named))
    if protocol is not None and len({each.protocol.id for each in chosen}) > 1:
        raise InvalidValue(f"Several protocols of {model.name} begin with {protocol}; choose one of {words}.")
    return chosen


def check_at_rest(database: Database, connection: Connection, jobs: Iterable[AnyRow]) -> None:
    """Raise `StillNeeded` while somebody works at one of these jobs."""
    for row in jobs:
        if read_job(database, connection, row.id).state == "running":
            raise StillNeeded(
                f"Job {row.id} runs right now, so nothing was deleted; wait until it ends, or stop it by `seenat cancel {row.id}`."
            )


def sum_up(
    database: Database,
    connection: Connection,
    of: str,
    chosen: Sequence[Measurement],
    jobs: Sequence[AnyRow],
    *,
    done: bool,
) -> Deletion:
    """What there is of whole measurements."""
    sums = [row for measurement in chosen for row in block_sums(connection, measurement)]
    root = results_folder(database)
    in_folders = [measurement for measurement in chosen if measurement.store is None]
    files, bytes_ = weigh(path for measurement in in_folders for path in folders_of(root, measurement.folder))
    stored = [row for each in chosen if each.store is not None for row in block_sums(connection, each)]
    files, bytes_ = files + sum(int(row.blocks) for row in stored), bytes_ + sum(int(row.bytes) for row in stored)
    return Deletion(
        of=of,
        done=done,
        protocols=tuple(
            dict.fromkeys(
                f"{each.folder.partition('/')[0]}, {each.protocol.id}: {each.protocol.words}" for each in chosen
            )
        ),
        values=sum(int(row.measured) for row in sums),
        blocks=sum(int(row.blocks) for row in sums),
        kept_blocks=0,
        files=files,
        bytes=bytes_,
        jobs=tuple(row.id for row in jobs),
    )


def delete_rows_of(
    connection: Connection, chosen: Sequence[Measurement], jobs: Sequence[AnyRow]
) -> list[tuple[Measurement, str]]:
    """Delete all rows of measurements, and of their jobs; returns the objects that these rows named."""
    in_stores = [measurement for measurement in chosen if measurement.store is not None]
    objects = [(measurement, name) for measurement in in_stores for name in committed_objects(connection, measurement)]
    delete_job_rows(connection, tuple(row.id for row in jobs))
    for measurement in chosen:
        delete_onsets(connection, measurement)
        delete_blocks_of(connection, measurement)
        delete_measurement(connection, measurement)
    return objects


def delete_job_rows(connection: Connection, ids: tuple[int, ...]) -> None:
    """Delete jobs with their shards and workers."""
    delete_shards(connection, ids)
    forget_workers(connection, ids)
    delete_jobs(connection, ids)


def delete_files_of(
    database: Database,
    chosen: Sequence[Measurement],
    jobs: Iterable[AnyRow],
    objects: Iterable[tuple[Measurement, str]] = (),
) -> None:
    """Delete the files and objects of measurements whose rows are gone, and the lists that only their jobs named."""
    delete_folders(database, [measurement.folder for measurement in chosen if measurement.store is None])
    delete_objects(objects)
    delete_parts_in_stores(database, chosen)
    delete_lists(database, lists_of(row.specification for row in jobs))
