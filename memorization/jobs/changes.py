"""What people change of a stored job: they cancel or pause it, let it go before others, try again what failed of it, and name it.

Its plan never changes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from sqlalchemy import Connection

from seenat.memorization.jobs.job_table import set_cancelled, set_label, set_paused, set_priority, set_resumed
from seenat.memorization.jobs.shard_table import reopen_failed
from seenat.memorization.jobs.status import Job, find_job
from seenat.registry.catalog.catalog import Catalog
from seenat.registry.errors import InvalidValue

__all__ = [
    "cancel_job",
    "check_label",
    "check_priority",
    "label_jobs",
    "pause_job",
    "prioritize_job",
    "prioritize_jobs",
    "resume_job",
    "retry_job",
]

_LONGEST_NAME = 200
_LONGEST_NOTE = 4000
_GREATEST_PRIORITY = 1000


def cancel_job(catalog: Catalog, id_: int) -> Job:
    """Cancel a job and return it: who works at it commits the shards that are measured and takes no other.

    A job that is finished stays so. Planning the same again withdraws it. Raises `UnknownJob`.
    """
    return _changed(catalog, id_, lambda connection: set_cancelled(connection, id_))


def pause_job(catalog: Catalog, id_: int) -> Job:
    """Pause a job and return it: who works at it commits the shards that are measured and takes no other until it is resumed.

    A job that is finished or cancelled stays so. Planning the same again resumes it. Raises `UnknownJob`.
    """
    return _changed(catalog, id_, lambda connection: set_paused(connection, id_))


def resume_job(catalog: Catalog, id_: int) -> Job:
    """Let workers take shards of a paused job again, and return it; raises `UnknownJob`."""
    return _changed(catalog, id_, lambda connection: set_resumed(connection, id_))


def prioritize_job(catalog: Catalog, id_: int, priority: int) -> Job:
    """Give a job another priority, and return it; workers at jobs of a smaller one go over to it after their shard.

    Raises `UnknownJob`, and `InvalidValue` for a number beyond -1,000 to 1,000.
    """
    check_priority(priority)
    return _changed(catalog, id_, lambda connection: set_priority(connection, id_, priority))


def retry_job(catalog: Catalog, id_: int) -> Job:
    """Let the failed shards of a job be tried again, those in quarantine too, and return it; raises `UnknownJob`."""
    return _changed(catalog, id_, lambda connection: reopen_failed(connection, (id_,), also_quarantined=True))


def check_label(name: str | None, note: str | None) -> None:
    """Raise `InvalidValue` for a name or a note that a job cannot have."""
    for what, text, longest in (("name", name, _LONGEST_NAME), ("note", note, _LONGEST_NOTE)):
        if text is not None and (not text.strip() or len(text) > longest):
            raise InvalidValue(
                f"A {what} of {len(text):,} characters cannot be given to a job; write 1 to {longest:,}, not only spaces."
            )
    if name is not None and len(name.splitlines()) > 1:
        raise InvalidValue("A job's name is one line; write what else there is to say as its note.")


def check_priority(priority: int | None) -> None:
    """Raise `InvalidValue` for a priority that a job cannot have."""
    if priority is not None and abs(priority) > _GREATEST_PRIORITY:
        raise InvalidValue(
            f"{priority} is no priority of a job; choose a number from -{_GREATEST_PRIORITY:,} to {_GREATEST_PRIORITY:,}."
        )


def prioritize_jobs(catalog: Catalog, job_ids: Iterable[int], priority: int | None) -> None:
    """Give jobs a priority that `check_priority` allows; None leaves what they have."""
    if priority is None:
        return
    with catalog.database.write() as connection:
        for id_ in job_ids:
            set_priority(connection, id_, priority)


def label_jobs(catalog: Catalog, job_ids: Iterable[int], name: str | None, note: str | None) -> None:
    """Give jobs a name and a note that `check_label` allows; None leaves what they have."""
    if (name, note) == (None, None):
        return
    with catalog.database.write() as connection:
        for id_ in job_ids:
            set_label(connection, id_, name=name, note=note)


def _changed(catalog: Catalog, id_: int, change: Callable[[Connection], object]) -> Job:
    """A job after a change of what is stored of it."""
    find_job(catalog, id_)
    with catalog.database.write() as connection:
        change(connection)
    return find_job(catalog, id_)
