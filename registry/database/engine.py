"""The one door to SQL: engines, transactions and the check that schema and program fit.

A catalog is a SQLite file or a PostgreSQL database. Transactions are explicit: `read` sees one consistent state, `write`
takes the writer's lock at its start, so that what it reads cannot change before it commits. A transaction that returned is
on the disk (SQLite: WAL with synchronous=FULL), since files of results are trusted once a row says so. A SQLite file that this
process may not write is read all the same (`read_only`).

A transaction that others were in the way of, or that lost its connection, has changed nothing, or everything if it was lost
while it was committed. Where it may be run again in either case, `again` does so; within `patient` it waits for a server that
is being restarted.
"""

from __future__ import annotations

import re
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event, inspect, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import ArgumentError, DataError, DBAPIError, OperationalError
from sqlalchemy.exc import DatabaseError as SqlDatabaseError
from sqlalchemy.pool import NullPool

from seenat.registry import settings
from seenat.registry.database import postgresql
from seenat.registry.database.commits import Commits
from seenat.registry.database.generation import raise_generation, watch_writes
from seenat.registry.database.patience import Patience
from seenat.registry.database.postgresql import Part
from seenat.registry.database.read_only import connect_read_only, has_log, is_writable_catalog, state_of_immutable
from seenat.registry.database.tables.home_path import keep_paths_below
from seenat.registry.database.url import is_file, parse_url
from seenat.registry.errors import DatabaseUnavailable, InvalidValue, MissingExtra, SeenatError, StaleSchema

__all__ = ["HEAD", "Database", "parse_url"]

# Importing alembic to ask would cost more than most look-ups.
HEAD = "0014"
"""The newest revision under migrations/versions."""

_REVISION = re.compile(r"[0-9]{4}")
_SQLITE_BUSY_SECONDS = 60
# How SQLite begins a transaction that reads, and one that takes the writer's lock. On PostgreSQL they select a read-only
# transaction or an advisory lock.
_READ, _WRITE = "BEGIN", "BEGIN IMMEDIATE"
_WRITE_IF_FREE = "BEGIN IMMEDIATE /* without waiting */"
_BEGUN = "seenat_begun"  # Under which a SQLite connection remembers how its last transaction began.
_POSTGRESQL_FULL = "53100"
# A command and a worker use two at once: their own and the one that renews leases.
_THREADS = 2

Result = TypeVar("Result")


class Database:
    """Transactions over one catalog.

    Raises `DatabaseUnavailable` when it cannot be opened; `check_schema` checks whether the schema fits.
    """

    def __init__(self, url: URL, threads: int = _THREADS) -> None:
        self.url = url
        self.engine = _engine(url, threads)
        self._patience = Patience()
        watchable = self.is_sqlite and is_file(url) and is_writable_catalog(url.database)
        self._commits = Commits(self.engine) if watchable else None

    def __str__(self) -> str:
        if self.is_sqlite:
            return self.url.database or ":memory:"
        return self.url.set(query={}).render_as_string(hide_password=True)  # libpq takes passwords there too.

    @property
    def is_sqlite(self) -> bool:
        """Whether this is a SQLite file."""
        return self.url.get_backend_name() == "sqlite"

    @cached_property
    def files(self) -> tuple[Path, Path]:
        """A SQLite catalog's file as it is named, and where a link leads; resolved once."""
        named = Path(self.url.database or ":memory:")
        return named, named.resolve()

    def version(self) -> int | None:
        """A number that is another after each commit, by whomever; None for a catalog that cannot tell without being read."""
        return None if self._commits is None else self._commits.number()

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction that sees one state of the catalog and writes nothing."""
        with self._transaction(_READ) as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that holds the writer's lock from its start; commits on leaving, unless an error leaves with it."""
        with self._transaction(_WRITE) as connection:
            yield connection

    @contextmanager
    def write_part(self, part: str | None, *, durable: bool = True) -> Iterator[Connection]:
        """As `write`, beside others that write other parts of the catalog; with None, parts that locks on rows keep apart.

        Only what belongs to the part may be read to be written. With `durable=False` the transaction may be lost though it
        returned, when PostgreSQL dies within a second of it; never one that came before it and is kept, nor a half of it. SQLite
        lets one write at a time, and loses nothing.
        """
        with self._transaction(_WRITE, Part(part, durable)) as connection:
            yield connection

    @contextmanager
    def write_if_free(self) -> Iterator[Connection | None]:
        """As `write` where no other transaction holds the writer's lock; None at once where one does, or nobody may write."""
        with ExitStack() as stack:
            try:
                is_writable = not self.is_sqlite or is_writable_catalog(self.url.database)
                connection = stack.enter_context(self._transaction(_WRITE_IF_FREE)) if is_writable else None
            except _LockTakenError:
                connection = None
            yield connection

    def patient(self, seconds: float, stop: Callable[[], bool] = lambda: False) -> AbstractContextManager[None]:
        """Within, `again` waits so long for a server that does not answer, unless `stop` says that nobody wants it to."""
        return self._patience.granted(seconds, stop)

    def again(self, work: Callable[[], Result]) -> Result:
        """What `work` returns, which may be run any number of times; it is, where a fault of the database passes.

        The transaction of a try that failed may have been committed all the same: the connection may be lost in between.
        """
        return self._patience.again(work)

    @contextmanager
    def _transaction(self, begin: str, part: Part | None = None) -> Iterator[Connection]:
        state = state_of_immutable(self.url.database) if self.is_sqlite else None
        if begin == _WRITE:
            self._check_writable()
        try:
            options = {"seenat_begin": begin, "seenat_part": part}
            with self._connect().execution_options(**options) as connection, connection.begin():
                yield connection
                if begin != _READ:
                    raise_generation(connection)
            if state is not None and state != state_of_immutable(self.url.database):
                raise DatabaseUnavailable(f"The catalog at {self} was changed while it was read; ask again.")
        except (
            UnicodeEncodeError
        ) as error:  # A name from a command line or a file's name, in no encoding that holds it.
            raise InvalidValue(
                f"{error.object!r} is no text in UTF-8, and the catalog holds only such; write another."
            ) from error
        except DBAPIError as error:
            meaning = self._translate_error(error)
            if meaning is None:
                raise
            raise meaning from error

    def _connect(self) -> Connection:
        try:
            return self.engine.connect()
        except UnicodeError as error:  # Python cannot look up a host whose name is longer than names may be.
            raise self._unavailable("its host cannot be the name of a host", self._usual_advice()) from error
        except (TypeError, ValueError) as error:  # Of options in the URL that the driver does not take.
            raise self._unavailable(str(error).rstrip("."), self._usual_advice()) from error

    def _check_writable(self) -> None:
        """Raise `DatabaseUnavailable` for a SQLite file that may only be read."""
        # At the start: SQLite would begin such a transaction and fail in its middle, when files are written already.
        if self.is_sqlite and not is_writable_catalog(self.url.database):
            raise DatabaseUnavailable(
                f"The catalog at {self} can only be read here; to change it you must be allowed to write to it and its folder."
            )

    def _translate_error(self, error: DBAPIError) -> SeenatError | None:
        """The error that a user sees for a driver's error; None when it is a mistake of the program."""
        if isinstance(error, DataError):
            return InvalidValue(f"The catalog at {self} cannot hold a value: {_cause(error)}; write a smaller one.")
        passes = not self.is_sqlite and postgresql.is_passing(error)
        # Without a statement no query was sent yet; SQLite calls a damaged or foreign file a plain DatabaseError.
        is_of_database = isinstance(error, OperationalError) or type(error) is SqlDatabaseError
        if not passes and not is_of_database and error.statement:
            return None
        unavailable = self._unavailable(_cause(error), self._advice(error))
        unavailable.passes = passes
        return unavailable

    def _unavailable(self, cause: str, advice: str) -> DatabaseUnavailable:
        return DatabaseUnavailable(f"The catalog at {self} cannot be used: {cause}; {advice}.")

    def _advice(self, error: DBAPIError) -> str:
        """What to do about a driver's error."""
        code = getattr(error.orig, "sqlite_errorcode", None)
        if code == sqlite3.SQLITE_FULL or getattr(error.orig, "sqlstate", None) == _POSTGRESQL_FULL:
            return "make room on its disk, then run the same command again; what was committed before is kept"
        if self.is_sqlite and not is_writable_catalog(self.url.database) and has_log(str(self.url.database)):
            return "its last commits are not in the file yet, so let somebody who may write to it and its folder use it once"
        return self._usual_advice()

    def _usual_advice(self) -> str:
        if self.is_sqlite:
            return "check that it is a SQLite file, and that you may write to it and its folder"
        return "check SEENAT_DATABASE_URL, and that the server runs"

    def close(self) -> None:
        """Give back every connection."""
        if self._commits is not None:
            self._commits.close()
        self.engine.dispose()

    def revision(self, connection: Connection) -> str | None:
        """The schema's revision; None for a database without tables.

        Raises `InvalidValue` for a database that holds something else than a catalog.
        """
        names = set(inspect(connection).get_table_names())
        if not names - {"alembic_version"}:
            return None
        if {"alembic_version", "suites"} <= names:
            number = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
            if number is not None:
                return str(number)
        table = min(names - {"alembic_version"})
        raise InvalidValue(
            f"The database at {self} is not a seenat catalog; it holds the table {table}. Set SEENAT_DATABASE_URL to another."
        )

    def check_schema(self, connection: Connection) -> None:
        """Raise `StaleSchema` unless the schema is the one this version knows."""
        self.check_revision(self.revision(connection))

    def check_revision(self, schema: str | None) -> None:
        """As `check_schema`, of a revision that was read before."""
        if schema == HEAD:
            return
        if schema is None:
            raise StaleSchema(f"The catalog at {self} is empty; run `seenat db upgrade` to make it.")
        self.check_upgradable(schema)
        raise StaleSchema(
            f"The catalog at {self} has schema {schema}, and this version of seenat needs {HEAD}; take a back-up, "
            "then run `seenat db upgrade`."
        )

    def check_upgradable(self, schema: str) -> None:
        """Raise `StaleSchema` for a revision that no upgrade begins from: a newer version's, or nobody's."""
        if not _REVISION.fullmatch(schema):
            raise self.foreign_schema(schema)
        if schema > HEAD:
            raise StaleSchema(
                f"The catalog at {self} has schema {schema}, made by a newer seenat than this one, which knows {HEAD}; "
                "update seenat."
            )

    def foreign_schema(self, schema: str) -> StaleSchema:
        """The error for a revision that no version of seenat has."""
        return StaleSchema(
            f"The catalog at {self} has schema {schema!r}, which no version of seenat makes; restore a back-up, or set "
            "SEENAT_DATABASE_URL to another catalog."
        )


class _LockTakenError(Exception):
    """Another transaction holds the writer's lock."""


def _engine(url: URL, threads: int) -> Engine:
    engine = _sqlite_engine(url) if url.get_backend_name() == "sqlite" else _postgresql_engine(url, threads)
    watch_writes(engine)
    return engine


def _created(url: URL, **settings: Any) -> Engine:
    """The engine of a URL; raises `InvalidValue` where its options are not what the driver takes."""
    try:
        return create_engine(url, **settings)
    except (ArgumentError, TypeError, ValueError) as error:
        raise InvalidValue(
            f"The options after the ? of the database URL cannot be used: {error}; correct them, or leave them out."
        ) from None


def _postgresql_engine(url: URL, threads: int) -> Engine:
    try:
        engine = _created(url, **postgresql.engine_settings(url, threads))
    except ModuleNotFoundError as error:
        raise MissingExtra("A PostgreSQL catalog needs psycopg; run `pip install 'seenat[postgres]'`.") from error
    postgresql.ping_when_idle(engine)
    event.listen(engine, "begin", _begin_postgresql)
    return engine


def _make_folder(path: Path) -> None:
    """Make seenat's own folder for its catalog; a folder that somebody names must be there, for it may be mistyped."""
    folder = path.parent
    if folder != settings.home() and not folder.exists():
        raise InvalidValue(f"There is no folder {folder} for the catalog {path.name}; make it, or correct the path.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DatabaseUnavailable(
            f"The catalog's folder {folder} cannot be made: {error.strerror}; "
            "set SEENAT_HOME or SEENAT_DATABASE_URL to a place that can be written."
        ) from error


def _sqlite_engine(url: URL) -> Engine:
    if url.database and is_file(url):
        _make_folder(Path(url.database))
    if is_writable_catalog(url.database):
        engine = _created(url, connect_args={"timeout": _SQLITE_BUSY_SECONDS})
        event.listen(engine, "connect", _configure_sqlite)
    else:
        # A connection a transaction: what one has read of a file that may not be locked does not hold for the next.
        path = str(url.database)
        engine = _created(url, creator=lambda: connect_read_only(path), poolclass=NullPool)
    event.listen(engine, "begin", _begin_sqlite)
    if url.database and is_file(url):
        keep_paths_below(engine, Path(url.database))
    return engine


def _configure_sqlite(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # The driver opens no transaction of its own: `begin` below does.
    _use_wal(connection)
    for pragma in ("synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _use_wal(connection: Any) -> None:
    """Switch a file to WAL. Of two that switch a new file at once, SQLite refuses one without waiting: try again."""
    deadline = time.monotonic() + _SQLITE_BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
        time.sleep(0.01)


def _begin_sqlite(connection: Connection) -> None:
    begin = _begin_of(connection)
    if connection.info.get(_BEGUN) != begin:  # Asking each time took a fifth of what a trajectory costs.
        connection.exec_driver_sql(f"PRAGMA query_only={begin == _READ:d}")
        connection.info[_BEGUN] = begin
    if begin == _WRITE_IF_FREE:
        _begin_without_waiting(connection)
    else:
        connection.exec_driver_sql(begin)


def _begin_without_waiting(connection: Connection) -> None:
    connection.exec_driver_sql("PRAGMA busy_timeout=0")
    try:
        connection.exec_driver_sql(_WRITE_IF_FREE)
    except OperationalError as error:
        if getattr(error.orig, "sqlite_errorcode", None) != sqlite3.SQLITE_BUSY:
            raise
        raise _LockTakenError from error
    finally:
        connection.exec_driver_sql(f"PRAGMA busy_timeout={_SQLITE_BUSY_SECONDS * 1000}")


def _begin_postgresql(connection: Connection) -> None:
    begin, part = _begin_of(connection), connection.get_execution_options().get("seenat_part")
    if begin == _WRITE and part is not None:
        postgresql.begin_writing_part(connection, part)
    elif begin == _WRITE:
        postgresql.begin_writing(connection)
    elif begin == _READ:
        postgresql.begin_reading(connection)
    elif not postgresql.try_begin(connection):
        raise _LockTakenError


def _begin_of(connection: Connection) -> str:
    return str(connection.get_execution_options().get("seenat_begin", _READ))


def _cause(error: DBAPIError) -> str:
    """The first line of what the driver says, or its class where it says nothing."""
    said = str(error.orig).strip() or type(error.orig).__name__
    return said.splitlines()[0].rstrip(".")
