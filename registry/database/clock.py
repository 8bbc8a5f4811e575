"""The database's own clock, by which leases run out: the clocks of the machines that use it may differ.

A SQLite file is used by processes of one machine, whose clock is the file's.
"""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import Connection

__all__ = ["database_time", "stamp"]


def database_time(connection: Connection) -> datetime:
    """The present moment, whenever the transaction began."""
    if connection.dialect.name == "sqlite":
        return datetime.now(UTC)
    moment: datetime = connection.exec_driver_sql("SELECT clock_timestamp()").scalar_one()
    return moment.astimezone(UTC)


def stamp(moment: datetime) -> str:
    """A moment to the millisecond, as text in UTC, which sorts as time does."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03}Z"
