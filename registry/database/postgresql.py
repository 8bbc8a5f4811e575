"""PostgreSQL as the catalog's database: its connections, how its transactions begin, and which of its faults pass.

Writers take turns by an advisory lock of the whole catalog. Who writes one *part* shares that lock with others that do, and
takes turns only with those of the same part, so that the disk syncs the commits of several at once: of one writer at a time a
disk that takes 4 ms to sync makes 240 commits a second.
"""

from __future__ import annotations

import time
from typing import Any, NamedTuple

from sqlalchemy import Connection, Engine, event
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError, InvalidatePoolError, OperationalError

__all__ = [
    "Part",
    "begin_reading",
    "begin_writing",
    "begin_writing_part",
    "engine_settings",
    "is_passing",
    "ping_when_idle",
    "try_begin",
]

_EVERYTHING = "hashtext('seenat')"
# A process that is stopped while it writes keeps all that write waiting: the server ends its transaction after a minute.
_NOT_ASLEEP = "set_config('idle_in_transaction_session_timeout', '60s', true)"
_USED = "seenat_used"
# Seconds. To ask each time is a sixth of what a lease costs.
_SURELY_THERE = 1.0

# A server that is gone without a word, with its network, is noticed within about a minute instead of hours.
_SETTINGS = {
    "connect_timeout": 10,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 60_000,
}
_SERIALIZATION, _DEADLOCK, _TOO_MANY_CONNECTIONS, _CONNECTION = "40001", "40P01", "53300", "08"
_SLEPT = "25P03"
"""Nothing was said for too long within a transaction."""
_STOPPING = ("57P01", "57P02", "57P03")
"""It is being shut down, another of its processes has crashed, or it has not started yet."""


class Part(NamedTuple):
    """What a transaction writes, where it does not write to all of the catalog."""

    name: str | None
    """Of the part, of which one transaction at a time writes; None where locks on rows are enough."""
    durable: bool
    """Whether it is on the disk once it returned; one that is not is lost with others before it when the server dies."""


def engine_settings(url: URL, threads: int) -> dict[str, Any]:
    """How SQLAlchemy connects: a connection a thread is kept open, and no thread waits for another's."""
    told = {name: value for name, value in _SETTINGS.items() if name not in url.query}
    return {"pool_size": threads, "max_overflow": -1, "connect_args": told}


def ping_when_idle(engine: Engine) -> None:
    """Replace connections that are gone before they are used, as `pool_pre_ping` does, but for those used a moment ago."""

    @event.listens_for(engine, "checkin")
    def note(_connection: Any, record: Any) -> None:
        record.info[_USED] = time.monotonic()

    @event.listens_for(engine, "checkout")
    def look(connection: Any, record: Any, _proxy: Any) -> None:
        used = record.info.get(_USED)  # None of one that was made just now.
        if used is None or time.monotonic() - used < _SURELY_THERE:
            return
        try:
            engine.dialect.do_ping(connection)
        except Exception as error:
            raise InvalidatePoolError from error  # The pool makes another, and drops all that are as old.


def begin_reading(connection: Connection) -> None:
    """Let the transaction see one state, and write nothing."""
    connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")


def begin_writing(connection: Connection) -> None:
    """Wait until nobody else writes."""
    # A commit derives onset rows from what other commits have left. What others wrote while it waited for the lock is
    # seen by a writer, since it has no snapshot yet; a reader keeps its first.
    connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_EVERYTHING}), {_NOT_ASLEEP}")


def begin_writing_part(connection: Connection, part: Part) -> None:
    """Wait until nobody writes to this part or to everything."""
    statement = f"SELECT pg_advisory_xact_lock_shared({_EVERYTHING}), {_NOT_ASLEEP}"
    if part.name is not None:
        statement += f", pg_advisory_xact_lock({_EVERYTHING}, hashtext(%(part)s))"
    if not part.durable:
        statement += ", set_config('synchronous_commit', 'off', true)"
    connection.exec_driver_sql(statement, {} if part.name is None else {"part": part.name})


def try_begin(connection: Connection) -> bool:
    """Begin to write if nobody else does; whether that is so."""
    return bool(connection.exec_driver_sql(f"SELECT pg_try_advisory_xact_lock({_EVERYTHING}), {_NOT_ASLEEP}").scalar())


def is_passing(error: DBAPIError) -> bool:
    """Whether the same transaction, run again as a whole, may well succeed: its connection was lost, or others were in its way."""
    code = getattr(error.orig, "sqlstate", None)
    if not isinstance(error, OperationalError):
        return code == _SLEPT
    # Without a code nothing was answered: the connection could not be made, or was lost.
    return (
        code is None
        or code in (_SERIALIZATION, _DEADLOCK, _TOO_MANY_CONNECTIONS, *_STOPPING)
        or code.startswith(_CONNECTION)
    )
