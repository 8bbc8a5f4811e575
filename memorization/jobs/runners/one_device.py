"""Jobs that keep to one kind of device, so that all their values are comparable to the last bit.

A value is a function of protocol, checkpoint and sequence, and of the kind of device: another kind adds in another order, and
where two logits are within rounding of each other it may decide otherwise. Such a job belongs to the kind on which its
measurement was begun, else to that of the run which begins it; a run on another kind is refused before it takes a shard.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection

from seenat.memorization.jobs.job_table import job_row, keep_to_one_device, set_device
from seenat.memorization.jobs.shard_table import owners
from seenat.memorization.jobs.status import Job
from seenat.memorization.results.block_table import committed_devices
from seenat.registry.database.engine import Database
from seenat.registry.errors import InvalidValue

__all__ = ["ask_for_one_device", "keep_to_its_device"]


def ask_for_one_device(database: Database, jobs: Sequence[Job]) -> None:
    """Let jobs keep to one kind of device; raises `InvalidValue` where their values come from several already."""
    with database.write() as connection:
        for job in jobs:
            kinds = committed_devices(connection, job.measurement.id)
            if len(kinds) > 1:
                raise InvalidValue(
                    f"What was measured of {job.model} by {job.protocol.id} comes from {_words(kinds)}, so job {job.id} cannot "
                    f"keep to one kind of device; delete these results first, or measure without --same-device."
                )
            keep_to_one_device(connection, job.id)


def keep_to_its_device(database: Database, jobs: Sequence[Job], device: str | None) -> None:
    """Raise `InvalidValue` where one of these jobs keeps to another kind of device than this one; the first run claims its kind."""
    if not any(job.same_device for job in jobs):
        return
    from seenat.memorization.engine.scorer import kind_of_device

    kind = kind_of_device(device)
    with database.write() as connection:
        for job in jobs:
            if job.same_device:
                _keep(connection, job, kind)


def _keep(connection: Connection, job: Job, kind: str) -> None:
    row = job_row(connection, job.id)
    measured = committed_devices(connection, job.measurement.id)
    if not measured and not owners(connection, (job.id,)):
        set_device(connection, job.id, kind)  # Nothing rests on an earlier claim.
        return
    kinds = measured | ({row.device} if row is not None and row.device else set())
    if kinds != {kind}:
        raise InvalidValue(
            f"Job {job.id} keeps to one kind of device, and its values come from {_words(kinds)}; this is {kind}, so work at "
            "it on the other."
        )
    set_device(connection, job.id, kind)


def _words(kinds: set[str | None]) -> str:
    return " and ".join(sorted(kind or "a device that is not known" for kind in kinds))
