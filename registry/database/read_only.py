"""SQLite catalogs that this process may read and not write: a file or a folder without the right, a disk mounted read-only.

A catalog is in WAL mode, in which readers write too: they keep a shared index beside the file. Where they may not, the file is
opened as *immutable*, without locks or index, as long as nobody has the catalog open for writing: then everything that is
committed is in the file itself. While somebody has, the index is there and is read as it is. What was read while somebody
changed the file is not answered (`engine`).
"""

from __future__ import annotations

import os
import sqlite3
import stat
from pathlib import Path
from urllib.parse import quote

__all__ = ["connect_read_only", "has_log", "is_writable_catalog", "state_of_immutable"]

_BUSY_SECONDS = 60
_BY_EFFECTIVE_IDS = os.access in os.supports_effective_ids


def is_writable_catalog(database: str | None) -> bool:
    """Whether a file is not there yet or may be written, it and its folder; a catalog in memory may be."""
    if not database or database == ":memory:" or database.startswith("file:") or not _is_there(database):
        return True
    # Every transaction asks this: paths as text take a fifth of the time of `Path`.
    return _may_write(database) and _may_write(os.path.dirname(database) or os.curdir)  # noqa: PTH120


def connect_read_only(database: str) -> sqlite3.Connection:
    """A connection that writes nothing, neither to the file nor beside it; raises `sqlite3.Error` where it cannot read."""
    options = "mode=ro" if has_log(database) else "mode=ro&immutable=1"
    # As SQLAlchemy's own: a pool may hand a connection to another thread.
    connection = sqlite3.connect(
        f"file:{quote(database)}?{options}", uri=True, timeout=_BUSY_SECONDS, check_same_thread=False
    )
    connection.isolation_level = None  # As for others, transactions are begun by `engine`.
    return connection


def has_log(database: str) -> bool:
    """Whether commits lie beside the file that are not in it yet."""
    try:
        return Path(f"{database}-wal").stat().st_size > 0
    except FileNotFoundError:
        return False


def state_of_immutable(database: str | None) -> tuple[int, int] | None:
    """What changes when somebody writes to a file that is read as immutable; None for any other."""
    if database is None or is_writable_catalog(database) or has_log(database):
        return None
    status = Path(database).stat()
    return status.st_mtime_ns, status.st_size


def _may_write(path: str) -> bool:
    return os.access(path, os.W_OK, effective_ids=_BY_EFFECTIVE_IDS)


def _is_there(database: str) -> bool:
    try:
        return stat.S_ISREG(os.stat(database).st_mode)  # noqa: PTH116
    except FileNotFoundError:
        return False
    except OSError:  # In a folder that may not be looked into; opening it will tell.
        return False
