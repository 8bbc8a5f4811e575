"""Whether anything was committed to a SQLite catalog since one asked last, for some microseconds.

A connection of its own is held open that never writes: SQLite's `data_version` of a connection changes with every commit of any
other, of this process or of another. While it stays the same, whatever was read still holds, and no transaction is needed to
know that.
"""

from __future__ import annotations

import os
import sqlite3
import threading

from sqlalchemy import Engine, PoolProxiedConnection
from sqlalchemy.exc import DBAPIError

__all__ = ["Commits"]

_NUMBER = "PRAGMA data_version"


class Commits:
    """Watches the commits of one catalog. Threads share it; a process that was forked off does not."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._lock = threading.Lock()
        self._held: PoolProxiedConnection | None = None
        self._connection: sqlite3.Connection | None = None
        self._owner = os.getpid()

    def number(self) -> int | None:
        """A number that is another after each commit; None where that cannot be told, so that the catalog must be asked."""
        if os.getpid() != self._owner:
            return None
        with self._lock:
            try:
                connection = self._connection or self._open()
                return int(connection.execute(_NUMBER).fetchone()[0])
            except (sqlite3.Error, DBAPIError):  # Whoever then asks the catalog gets the error as a sentence.
                return None

    def _open(self) -> sqlite3.Connection:
        self._held = self._engine.raw_connection()
        self._held.detach()  # It stays out of the pool, whose connections write.
        connection = self._held.dbapi_connection
        assert isinstance(connection, sqlite3.Connection)
        self._connection = connection
        return connection

    def close(self) -> None:
        """Give back the connection."""
        with self._lock:
            if self._held is not None and os.getpid() == self._owner:
                self._held.close()
            self._held = self._connection = None
