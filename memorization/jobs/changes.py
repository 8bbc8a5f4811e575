"""What people change of a stored job: they cancel it, and give it a name and a note. Its plan never changes."""

from __future__ import annotations

from collections.abc import Iterable

from seenat.memorization.jobs.job_table import set_cancelled, set_label
from seenat.memorization.jobs.status import Job, find_job
from seenat.registry.catalog.catalog import Catalog
from seenat.registry.errors import InvalidValue

__all__ = ["cancel_job", "check_label", "label_jobs"]

_LONGEST_NAME = 200
_LONGEST_NOTE = 4000


def cancel_job(catalog: Catalog, id_: int) -> Job:
    """Cancel a job and return it: who works at it commits the shards that are measured and takes no other.

    A job that is finished stays so. Planning the same again withdraws it. Raises `UnknownJob`.
    """
    find_job(catalog, id_)
    with catalog.database.write() as connection:
        set_cancelled(connection, id_)
    return find_job(catalog, id_)


def check_label(name: str | None, note: str | None) -> None:
    """Raise `InvalidValue` for a name or a note that a job cannot have."""
    for what, text, longest in (("name", name, _LONGEST_NAME), ("note", note, _LONGEST_NOTE)):
        if text is not None and (not text.strip() or len(text) > longest):
            raise InvalidValue(
                f"A {what} of {len(text):,} characters cannot be given to a job; write 1 to {longest:,}, not only spaces."
            )
    if name is not None and len(name.splitlines()) > 1:
        raise InvalidValue("A job's name is one line; write what else there is to say as its note.")


def label_jobs(catalog: Catalog, job_ids: Iterable[int], name: str | None, note: str | None) -> None:
    """Give jobs a name and a note that `check_label` allows; None leaves what they have."""
    if (name, note) == (None, None):
        return
    with catalog.database.write() as connection:
        for id_ in job_ids:
            set_label(connection, id_, name=name, note=note)
