"""The door to SQL: which database a URL means, what a transaction promises, and what is said when there is none."""

from __future__ import annotations

import os
import shutil
import sqlite3
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from sqlalchemy import event, insert, select, text, update
from sqlalchemy.exc import DBAPIError, IntegrityError

from seenat import upgrade as upgrade_catalog
from seenat.registry.catalog.catalog import Catalog
from seenat.registry.database.engine import Database, parse_url
from seenat.registry.database.tables.catalog import orders, suites
from seenat.registry.errors import DatabaseUnavailable, InvalidValue, SeenatError, StaleSchema
from seenat.registry.open import open_catalog

NOBODY = 65534


# -- URLs


@pytest.mark.parametrize(
    ("url", "driver", "database"),
    [
        ("sqlite:////data/c.sqlite", "sqlite", "/data/c.sqlite"),
        ("sqlite+pysqlite:////data/c.sqlite", "sqlite", "/data/c.sqlite"),
        ("/data/c.sqlite", "sqlite", "/data/c.sqlite"),
        ("postgres://u@h/db", "postgresql+psycopg", "db"),
        ("postgresql://u@h/db", "postgresql+psycopg", "db"),
        ("postgresql+psycopg://u@h/db", "postgresql+psycopg", "db"),
        (" postgresql://u@h/db\n", "postgresql+psycopg", "db"),
        ("PostgreSQL://u@h/db", "postgresql+psycopg", "db"),
        ("SQLITE:////data/c.sqlite", "sqlite", "/data/c.sqlite"),
        ("/data/c.sqlite\r\n", "sqlite", "/data/c.sqlite"),
        ("/data/me@work/a=b:c.sqlite", "sqlite", "/data/me@work/a=b:c.sqlite"),
        ("sqlite://", "sqlite", None),
    ],
)
def test_urls(url: str, driver: str, database: str) -> None:
    parsed = parse_url(url)
    assert (parsed.drivername, parsed.database) == (driver, database)


def test_relative_paths_are_those_of_now(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "me"))
    for url in ("c.sqlite", "sqlite:///c.sqlite"):
        assert parse_url(url).database == str(tmp_path / "c.sqlite")
    for url in ("~/c.sqlite", "sqlite:///~/c.sqlite"):
        assert parse_url(url).database == str(tmp_path / "me" / "c.sqlite")


def test_the_environment_chooses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEENAT_HOME", str(tmp_path / "mine"))
    assert parse_url(None).database == str(tmp_path / "mine" / "catalog.sqlite")
    monkeypatch.setenv("SEENAT_DATABASE_URL", "postgres://u@h/db")
    assert parse_url(None).database == "db"


@pytest.mark.parametrize(
    "url",
    [
        "mysql://u:secret@h/db",
        "postgresql+asyncpg://u:secret@h/db",
        "postgresql+psycopg2://u:secret@h/db",
        "sqlite+aiosqlite:///c.sqlite",
        "https://u:secret@h/db",
        "postgresql://u:secret@h:port/db",
        "postgresql://u:secret@h:80:81/db",
        "postgresql://u:secret@[::1/db",
        "://u:secret@h",
        "host=h dbname=db password=secret",
        "password = secret",
        "Server=h;Password=secret",
        "DATABASE_URL=postgresql://u:secret@h/db",
        '"postgresql://u:secret@h/db"',
        "'/data/secret.sqlite'",
        "postgresql:/secret",
        "postgresql:secret",
        "POSTGRES:secret",
        "postgresql//u:secret@h/db",
        "postgresql/secret",
        "sqlite:secret.sqlite",
        "sqlite:/secret.sqlite",
        "sqlite",
        "sqlite://secret.sqlite",
        "sqlite://u:secret@/c.sqlite",
        "sqlite:///file:secret.sqlite",
        "file:secret.sqlite",
        ":memory:",
        "u:secret@h/db",
        "//u:secret@h/db",
        "localhost/secret",
        "localhost:5432/secret",
        "jdbc:postgresql://h/db?password=secret",
        "$SECRET_secret",
        "postgresql://u:se?cr@secret@h/db",
        "postgresql://u:secret@h/d\nb",
        "postgresql://u:secret@h/d%00b",
        "postgresql://u:secret\udcff@h/db",
        "secret\x00.sqlite",
        "",
        " \n",
    ],
)
def test_other_urls_are_refused(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InvalidValue, match="sqlite:///PATH or postgresql://") as caught:
        open_catalog(url)
    assert_no_password(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_file_whose_name_looks_like_a_url_is_one_after_a_dot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert parse_url("./postgresql:x").database == str(tmp_path / "postgresql:x")


def test_a_user_without_a_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for url in ("~nobody-of-this-name/c.sqlite", "sqlite:///~nobody-of-this-name/c.sqlite"):
        with pytest.raises(InvalidValue, match="~nobody-of-this-name, and no home folder of that user is known"):
            parse_url(url)


def test_options_that_the_driver_does_not_take(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InvalidValue, match="could not convert string to float: 'soon'"):
        open_catalog("sqlite:///c.sqlite?timeout=soon")
    with pytest.raises(InvalidValue, match="only with uri=true"):  # A catalog that is not read-only, without a word.
        open_catalog("sqlite:///c.sqlite?mode=ro")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("url", [f"postgresql://{'h' * 300}/db", f"postgresql:///db?host={'h' * 300}"])
def test_a_host_that_no_name_can_be(url: str) -> None:
    with pytest.raises(DatabaseUnavailable, match="its host cannot be the name of a host; check SEENAT_DATABASE_URL"):
        open_catalog(url)


def test_the_environment_is_no_url_where_it_is_blank(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEENAT_HOME", str(tmp_path))
    monkeypatch.setenv("SEENAT_DATABASE_URL", " \n")
    assert parse_url(None).database == str(tmp_path / "catalog.sqlite")


def test_no_message_holds_a_password() -> None:
    for url in (
        "postgresql://u:secret@127.0.0.1:1/db",
        "postgresql://u:p@secret@127.0.0.1:1/db",
        "postgresql://u@127.0.0.1:1/db?password=secret",
        "postgresql://u:secret@127.0.0.1:1/db?no_such_option=secret",
    ):
        database = Database(parse_url(url))
        assert str(database).startswith("postgresql+psycopg://u")
        with pytest.raises(DatabaseUnavailable, match=r"127\.0\.0\.1:1/db") as caught, database.read():
            pass
        assert_no_password(caught.value)
        assert "secret" not in str(database)
        database.close()


def assert_no_password(error: BaseException | None) -> None:
    """Neither in a message nor in those of its causes, which a traceback shows."""
    while error is not None:
        assert "secret" not in str(error)
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


# -- databases that cannot be used


@pytest.mark.parametrize("number", ["", "x", "12345"])
def test_a_schema_that_no_version_makes(sqlite_catalog: Catalog, number: str) -> None:
    url = str(sqlite_catalog.database.url.database)
    with sqlite_catalog.database.write() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = :number"), {"number": number})
    for use in (open_catalog, upgrade_catalog):
        with pytest.raises(
            StaleSchema, match=f"schema '{number}', which no version of seenat makes; restore a back-up"
        ):
            use(url)


def test_an_old_schema_that_no_version_had_is_not_upgraded(sqlite_catalog: Catalog) -> None:
    with sqlite_catalog.database.write() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '0000'"))
    with pytest.raises(StaleSchema, match="schema '0000', which no version of seenat makes"):
        upgrade_catalog(str(sqlite_catalog.database.url.database))


@pytest.mark.parametrize("content", [b"not a database, but text " * 100, b"SQLite format 3\x00" + b"\xff" * 4096])
def test_a_file_that_is_no_database(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "notes.txt"
    path.write_bytes(content)
    with pytest.raises(DatabaseUnavailable, match=r"notes\.txt"):
        open_catalog(str(path))
    assert path.read_bytes() == content


def test_a_damaged_catalog(sqlite_catalog: Catalog) -> None:
    sqlite_catalog.close()
    path = Path(str(sqlite_catalog.database.url.database))
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        root, size = (
            connection.execute(query).fetchone()[0]
            for query in ("SELECT rootpage FROM sqlite_master WHERE name = 'models'", "PRAGMA page_size")
        )
    with path.open("r+b") as file:
        file.seek((root - 1) * size)
        file.write(b"\xff" * size)
    with open_catalog(str(path)) as catalog, pytest.raises(DatabaseUnavailable, match="malformed"):
        catalog.models()


def test_a_folder_instead_of_a_file(tmp_path: Path) -> None:
    assert parse_url(str(tmp_path)).database == str(tmp_path / "catalog.sqlite")
    assert parse_url(f"{tmp_path}/new/").database == str(tmp_path / "new" / "catalog.sqlite")
    with pytest.raises(DatabaseUnavailable, match="unable to open"):
        open_catalog(f"sqlite:///{tmp_path}")


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DatabaseUnavailable, match="SEENAT_HOME or SEENAT_DATABASE_URL"):
        open_catalog(str(tmp_path / "file" / "catalog.sqlite"))


@contextmanager
def powerless(folder: Path) -> Iterator[None]:
    """As a user who may read, but write nothing here: root may write everywhere."""
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o555 if path.is_dir() else 0o444)
    for parent in folder.parents:
        if parent.stat().st_uid == os.getuid() and parent != Path("/"):
            parent.chmod(parent.stat().st_mode | 0o011)
    user = os.geteuid()
    if user == 0:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(user)
        folder.chmod(0o755)


@pytest.mark.skipif(os.name == "nt", reason="permissions are POSIX's")
def test_an_unwritable_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "shared"
    folder.mkdir()
    monkeypatch.setenv("SEENAT_HOME", str(folder / "deeper"))
    with powerless(folder), pytest.raises(DatabaseUnavailable, match="may write to it and its folder"):
        open_catalog(str(folder / "catalog.sqlite"))
    with powerless(folder), pytest.raises(DatabaseUnavailable, match="Permission denied"):
        open_catalog()
    with pytest.raises(InvalidValue, match=r"There is no folder .*mistyped for the catalog mine\.sqlite"):
        open_catalog(str(folder / "mistyped" / "mine.sqlite"))
    assert list(folder.iterdir()) == []


@pytest.fixture
def shared(sqlite_catalog: Catalog, tmp_path: Path) -> Path:
    """A catalog alone in a folder."""
    sqlite_catalog.close()
    folder = tmp_path / "shared"
    folder.mkdir()
    path = Path(str(sqlite_catalog.database.url.database)).rename(folder / "catalog.sqlite")
    os.utime(path, ns=(10**18, 10**18))
    return path


@pytest.mark.skipif(os.name == "nt", reason="permissions are POSIX's")
def test_a_read_only_catalog_is_read_and_not_written(shared: Path) -> None:
    content = shared.read_bytes()
    with open_catalog(str(shared)) as catalog:
        models = [model.name for model in catalog.models()]
    with powerless(shared.parent), open_catalog(str(shared)) as catalog:
        assert [model.name for model in catalog.models()] == models
        with catalog.database.write_if_free() as connection:
            assert connection is None
        with (
            pytest.raises(DatabaseUnavailable, match="can only be read here; to change it you must"),
            catalog.database.write(),
        ):
            pass
        assert [path.name for path in shared.parent.iterdir()] == ["catalog.sqlite"]
    assert shared.read_bytes() == content


@pytest.mark.skipif(os.name == "nt", reason="permissions are POSIX's")
@pytest.mark.parametrize("place", ["file", "folder"])
def test_the_right_to_write_one_is_not_enough(shared: Path, place: str) -> None:
    with powerless(shared.parent):
        pass
    shared.chmod(0o444 if place == "file" else 0o666)
    shared.parent.chmod(0o777 if place == "file" else 0o555)
    user = os.geteuid()
    if user == 0:
        os.seteuid(NOBODY)
    try:
        with open_catalog(str(shared)) as catalog:
            assert len(catalog.models()) >= 16
    finally:
        os.seteuid(user)
    assert [path.name for path in shared.parent.iterdir()] == ["catalog.sqlite"]


@pytest.mark.skipif(os.name == "nt", reason="permissions are POSIX's")
def test_a_read_only_catalog_is_as_committed_while_somebody_writes(shared: Path) -> None:
    with closing(Database(parse_url(str(shared)))) as writer:
        add(writer, "first")
        for path in shared.parent.iterdir():
            path.chmod(0o444)
        with powerless(shared.parent), open_catalog(str(shared)) as catalog, catalog.database.read() as connection:
            assert "first" in connection.execute(NAMES).scalars().all()


@pytest.mark.skipif(os.name == "nt", reason="permissions are POSIX's")
def test_a_read_only_catalog_of_a_killed_writer_is_not_read_without_its_last_commits(
    shared: Path, tmp_path: Path
) -> None:
    writer = Database(parse_url(str(shared)))
    add(writer, "first")
    copied = tmp_path / "copied"
    copied.mkdir()
    for name in ("catalog.sqlite", "catalog.sqlite-wal"):
        shutil.copy(shared.with_name(name), copied)
    writer.close()
    with powerless(copied), pytest.raises(DatabaseUnavailable, match=r"let somebody who may write .* use it once"):
        open_catalog(str(copied / "catalog.sqlite"))


@pytest.mark.skipif(os.name == "nt" or os.geteuid() != 0, reason="one user changes what another reads")
def test_a_read_only_catalog_that_changes_meanwhile_is_not_answered_from(shared: Path) -> None:
    with powerless(shared.parent), closing(Database(parse_url(str(shared)))) as reader:
        with pytest.raises(DatabaseUnavailable, match="changed while it was read; ask again"):
            _read_while_it_changes(reader, shared)
        with reader.read() as connection:
            assert connection.execute(NAMES).scalars().all()


def _read_while_it_changes(reader: Database, path: Path) -> None:
    with reader.read() as connection:
        assert connection.execute(NAMES).scalars().all()
        os.seteuid(0)
        os.utime(path, ns=(1, 1))
        os.seteuid(NOBODY)


def test_a_full_disk_is_told_with_the_file_and_what_to_do(sqlite_catalog: Catalog) -> None:
    database = Database(sqlite_catalog.database.url)
    with database.read() as connection:
        pages = connection.execute(text("PRAGMA page_count")).scalar()
    event.listen(database.engine, "connect", lambda link, _: link.execute(f"PRAGMA max_page_count={pages}"))
    database.close()
    with pytest.raises(
        DatabaseUnavailable, match=r"catalog\.sqlite cannot be used: .* full; make room on its disk, then run"
    ):
        add(database, "x" * 200_000)
    database.close()


# -- transactions


@pytest.fixture
def database(bare_catalog: Catalog) -> Database:
    """A catalog of one suite, once of each kind."""
    with bare_catalog.database.write() as connection:
        connection.execute(insert(suites).values(name="first", origin="0", provenance={}))
    return bare_catalog.database


NAMES = select(suites.c.name).order_by(suites.c.id)


def add(database: Database, name: str) -> None:
    with database.write() as connection:
        connection.execute(insert(suites).values(name=name, origin="0", provenance={}))


def test_a_reader_sees_one_state(database: Database) -> None:
    with database.read() as connection:
        assert connection.execute(NAMES).scalars().all() == ["first"]
        add(database, "second")
        assert connection.execute(NAMES).scalars().all() == ["first"]
    with database.read() as connection:
        assert connection.execute(NAMES).scalars().all() == ["first", "second"]


def test_a_reader_writes_nothing(database: Database) -> None:
    with pytest.raises((DBAPIError, SeenatError), match=r"read-?only"), database.read() as connection:
        connection.execute(insert(suites).values(name="second", origin="0", provenance={}))
    with database.read() as connection:
        assert connection.execute(NAMES).scalars().all() == ["first"]
    add(database, "second")


def test_an_error_undoes_a_write(database: Database) -> None:

    def fail_after_writing() -> None:
        with database.write() as connection:
            connection.execute(insert(suites).values(name="second", origin="0", provenance={}))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_after_writing()
    with database.read() as connection:
        assert connection.execute(NAMES).scalars().all() == ["first"]


def test_writers_take_turns(database: Database) -> None:
    """What a writer has read does not change before it commits: no increment is lost."""

    def count_up(_: int) -> None:
        own = Database(database.url)
        for _ in range(10):
            with own.write() as connection:
                number = int(str(connection.execute(select(suites.c.origin)).scalar()))
                connection.execute(update(suites).values(origin=str(number + 1)))
        own.close()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(count_up, range(4)))
    with database.read() as connection:
        assert connection.execute(select(suites.c.origin)).scalar() == "40"


def test_a_write_that_does_not_wait(database: Database) -> None:
    other = Database(database.url)
    start = time.monotonic()
    with other.write(), database.write_if_free() as connection:
        assert connection is None
    assert time.monotonic() - start < 5
    for name in ("second", "third"):
        with database.write_if_free() as connection:
            assert connection is not None
            connection.execute(insert(suites).values(name=name, origin="0", provenance={}))
            with other.write_if_free() as refused:
                assert refused is None
    with other.read() as connection:
        assert connection.execute(NAMES).scalars().all() == ["first", "second", "third"]
    other.close()


def test_a_writer_waits_again_after_a_write_that_did_not(database: Database) -> None:
    other = Database(database.url)
    with other.write(), database.write_if_free() as connection:
        assert connection is None
    with ThreadPoolExecutor(1) as pool:
        with other.write():
            waiting = pool.submit(add, database, "second")
            time.sleep(0.3)
            assert not waiting.done()
        waiting.result()
    other.close()


def test_an_error_undoes_a_write_that_does_not_wait(database: Database) -> None:

    def fail_after_writing() -> None:
        with database.write_if_free() as connection:
            assert connection is not None
            connection.execute(insert(suites).values(name="second", origin="0", provenance={}))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_after_writing()
    with database.read() as connection:
        assert connection.execute(NAMES).scalars().all() == ["first"]


def test_rows_point_to_rows(database: Database) -> None:
    values = {
        "name": "lost", "suite_id": 99, "sequences": 1, "tokens_per_sequence": 1, "sequences_per_batch": 1,
        "dtype": "uint16", "format": "raw", "location": "/",
    }  # fmt: skip
    with pytest.raises(IntegrityError), database.write() as connection:
        connection.execute(insert(orders).values(**values))


def test_a_value_that_does_not_fit(database: Database) -> None:
    """SQLite holds texts of any length; PostgreSQL refuses them, and that is not the database's fault."""
    if database.is_sqlite:
        add(database, "n" * 97)
        return
    with pytest.raises(InvalidValue, match="cannot hold a value: value too long"):
        add(database, "n" * 97)


def test_commits_reach_the_disk(tmp_path: Path) -> None:
    database = Database(parse_url(str(tmp_path / "catalog.sqlite")))
    with database.read() as connection:
        pragmas = [
            connection.execute(text(f"PRAGMA {name}")).scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys")
        ]
    assert pragmas == ["wal", 2, 1]
    database.close()


def test_a_new_file_that_another_writes_to_is_waited_for(tmp_path: Path) -> None:
    """Switching to WAL is the one moment at which SQLite refuses at once instead of waiting."""
    path = tmp_path / "catalog.sqlite"
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    timer = threading.Timer(0.1, other.execute, ["ROLLBACK"])
    timer.start()
    database = Database(parse_url(str(path)))
    with database.read() as connection:
        assert connection.execute(text("PRAGMA journal_mode")).scalar() == "wal"
    database.close()
    timer.join()
    other.close()
