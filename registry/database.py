"""The one door to SQL: engines, transactions and the check that schema and program fit.

A catalog is a SQLite file or a PostgreSQL database. Transactions are explicit: `read` sees one consistent state, `write`
takes the writer's lock at its start, so that what it reads cannot change before it commits. A transaction that returned is
on the disk (SQLite: WAL with synchronous=FULL), since files of results are trusted once a row says so.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, inspect, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, OperationalError
from sqlalchemy.exc import DatabaseError as SqlDatabaseError

from seenat.registry import settings
from seenat.registry.errors import DatabaseUnavailable, InvalidValue, MissingExtra, StaleSchema

__all__ = ["HEAD", "Database", "parse_url"]

HEAD = "0001"
"""The newest revision under migrations/versions; importing alembic to ask would cost more than most lookups."""

_SQLITE_BUSY_SECONDS = 60


def parse_url(url: str | None) -> URL:
    """Read a SQLAlchemy URL, a bare path of a SQLite file, or None for the embedded catalog."""
    if url is None:
        url = settings.database_url() or str(settings.home() / "catalog.sqlite")
    if "://" not in url:
        return URL.create("sqlite", database=str(Path(url).expanduser().absolute()))
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise InvalidValue(
            f"{url!r} is not a database URL; write sqlite:///PATH or postgresql://USER@HOST/NAME."
        ) from error
    if parsed.drivername in ("postgres", "postgresql"):
        parsed = parsed.set(drivername="postgresql+psycopg")
    if parsed.get_backend_name() not in ("sqlite", "postgresql"):
        raise InvalidValue(f"{parsed.drivername} databases are not supported; write sqlite:///PATH or postgresql://...")
    return parsed


class Database:
    """Transactions over one catalog.

    Raises `DatabaseUnavailable` when it cannot be opened; whether the schema fits is `check_schema`'s to say.
    """

    def __init__(self, url: URL) -> None:
        self.url = url
        self.engine = _engine(url)

    def __str__(self) -> str:
        if self.is_sqlite:
            return str(self.url.database)
        return self.url.render_as_string(hide_password=True)

    @property
    def is_sqlite(self) -> bool:
        """Whether this is a SQLite file."""
        return self.url.get_backend_name() == "sqlite"

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction that sees one state of the catalog and writes nothing."""
        with self._transaction("BEGIN") as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that holds the writer's lock from its start; commits on leaving, unless an error leaves with it."""
        with self._transaction("BEGIN IMMEDIATE") as connection:
            yield connection

    @contextmanager
    def _transaction(self, begin: str) -> Iterator[Connection]:
        try:
            with self.engine.connect().execution_options(seenat_begin=begin) as connection, connection.begin():
                yield connection
        except (OperationalError, SqlDatabaseError) as error:
            if isinstance(error, OperationalError) or "not a database" in str(error):
                raise DatabaseUnavailable(f"The catalog at {self} cannot be used: {_cause(error)}.") from error
            raise

    def close(self) -> None:
        """Give back every connection."""
        self.engine.dispose()

    def revision(self, connection: Connection) -> str | None:
        """The schema's revision; None for a database without tables.

        Raises `InvalidValue` for a database that holds something else than a catalog.
        """
        names = set(inspect(connection).get_table_names())
        if "alembic_version" in names:
            found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
            if found is not None:
                return str(found)
        if names - {"alembic_version"}:
            raise InvalidValue(f"The database at {self} is not a seenat catalog; it holds the table {min(names)}.")
        return None

    def check_schema(self, connection: Connection) -> None:
        """Raise `StaleSchema` unless the schema is the one this version knows."""
        found = self.revision(connection)
        if found == HEAD:
            return
        if found is None:
            raise StaleSchema(f"The catalog at {self} is empty; run `seenat db upgrade` to make it.")
        if found > HEAD:
            raise StaleSchema(
                f"The catalog at {self} has schema {found}, made by a newer seenat than this one, which knows {HEAD}; "
                "update seenat."
            )
        raise StaleSchema(
            f"The catalog at {self} has schema {found}, and this version of seenat needs {HEAD}; take a back-up, "
            "then run `seenat db upgrade`."
        )


def _engine(url: URL) -> Engine:
    if url.get_backend_name() == "sqlite":
        return _sqlite_engine(url)
    try:
        engine = create_engine(url, pool_pre_ping=True)
    except (NoSuchModuleError, ModuleNotFoundError) as error:
        raise MissingExtra("A PostgreSQL catalog needs psycopg; run `pip install 'seenat[postgres]'`.") from error
    event.listen(engine, "begin", _begin_postgresql)
    return engine


def _sqlite_engine(url: URL) -> Engine:
    if url.database and url.database != ":memory:":
        try:
            Path(url.database).parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise DatabaseUnavailable(
                f"The catalog's folder {Path(url.database).parent} cannot be made: {error.strerror}; "
                "set SEENAT_HOME or SEENAT_DATABASE_URL to a place that can be written."
            ) from error
    engine = create_engine(url, connect_args={"timeout": _SQLITE_BUSY_SECONDS})
    event.listen(engine, "connect", _configure_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _configure_sqlite(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # The driver opens no transaction of its own: `begin` below does.
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    connection.exec_driver_sql(connection.get_execution_options().get("seenat_begin", "BEGIN"))


def _begin_postgresql(connection: Connection) -> None:
    # One writer at a time, as in SQLite: a commit derives onset rows from what other commits have left.
    if connection.get_execution_options().get("seenat_begin") == "BEGIN IMMEDIATE":
        connection.exec_driver_sql("SELECT pg_advisory_xact_lock(hashtext('seenat'))")


def _cause(error: DBAPIError) -> str:
    return str(error.orig).strip().splitlines()[0].rstrip(".")
