"""Migrations: they make what the tables say, wholly or not at all, from every revision and from several processes."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, event, inspect, select, text
from sqlalchemy.exc import ProgrammingError

import seenat.migrations
from seenat.registry.catalog.catalog import Catalog
from seenat.registry.database.engine import HEAD, Database, parse_url
from seenat.registry.database.schema import alembic_config
from seenat.registry.database.tables.catalog import aliases, batches, suites
from seenat.registry.database.tables.complete import metadata
from seenat.registry.database.tables.jobs import measurements
from seenat.registry.database.tables.results import blocks, onset_counts
from seenat.registry.errors import DatabaseUnavailable, InvalidValue, StaleSchema
from seenat.registry.open import open_catalog, upgrade
from seenat.registry.suites.read import stored_suite
from seenat.registry.suites.write import write_suite

Dump = Callable[[Database], dict[str, list[tuple[Any, ...]]]]

VERSIONS = Path(seenat.migrations.__file__).parent / "versions"


@pytest.fixture
def database(empty_url: str) -> Iterator[Database]:
    """An empty database, once of each kind."""
    opened = Database(parse_url(empty_url))
    yield opened
    opened.close()


def to_head(database: Database) -> None:
    with database.write() as connection:
        command.upgrade(alembic_config(connection), "head")


# -- the same schema by both ways


def test_the_migrations_make_what_the_tables_say(database: Database) -> None:
    to_head(database)
    with database.read() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, metadata) == []


def test_created_and_migrated_schemas_are_the_same(database: Database) -> None:
    to_head(database)
    with database.read() as connection:
        migrated = described(connection)
    with database.write() as connection:
        connection.execute(text("DROP TABLE alembic_version"))
        metadata.drop_all(connection)
        metadata.create_all(connection)
    with database.read() as connection:
        created = described(connection)
    assert created.keys() == metadata.tables.keys()
    assert migrated == created


def described(connection: Connection) -> dict[str, set[str]]:
    """Columns, constraints and indexes of each table as the database spells them, in no order."""
    description = _of_sqlite(connection) if connection.dialect.name == "sqlite" else _of_postgresql(connection)
    description.pop("alembic_version", None)
    return description


def _of_sqlite(connection: Connection) -> dict[str, set[str]]:
    description: dict[str, set[str]] = {}
    for table, sql in connection.execute(text("SELECT tbl_name, sql FROM sqlite_master WHERE sql IS NOT NULL")):
        # A primary key's name has no meaning in SQLite, and one that was rebuilt keeps its first.
        plain = re.sub(r"CONSTRAINT pk_\w+ ", "", re.sub(r"\s+", " ", sql.replace('"', "")))
        if plain.startswith("CREATE TABLE"):
            head, _, rest = plain.partition("(")
            body, _, tail = rest.rpartition(")")
            parts = [part.strip() for part in re.split(r",(?![^(]*\))", body)]
            description.setdefault(table, set()).update([head.strip(), tail.strip(), *parts])
        else:
            description.setdefault(table, set()).add(plain)
    return description


def _of_postgresql(connection: Connection) -> dict[str, set[str]]:
    description: dict[str, set[str]] = {}
    columns = "column_name, data_type, character_maximum_length, is_nullable, column_default"
    constraint, public = "conname || ' ' || pg_get_constraintdef(oid)", "'public'::regnamespace"
    for query in (
        f"SELECT table_name, concat_ws(' ', {columns}) FROM information_schema.columns WHERE table_schema = 'public'",
        # Constraints of type n repeat what the columns say, that they are not null.
        f"SELECT conrelid::regclass::text, {constraint} FROM pg_constraint WHERE contype <> 'n' AND connamespace = {public}",
        "SELECT tablename, indexdef FROM pg_indexes WHERE schemaname = 'public'",
    ):
        for table, line in connection.execute(text(query)):
            description.setdefault(table, set()).add(line)
    return description


def test_head_is_the_newest_revision() -> None:
    assert ScriptDirectory(str(VERSIONS.parent)).get_current_head() == HEAD


def test_revisions_import_nothing_of_the_project() -> None:
    for path in VERSIONS.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.ImportFrom):
                assert node.level == 0
                assert node.module is not None
                assert node.module.split(".")[0] in ("alembic", "sqlalchemy", "__future__")
            elif isinstance(node, ast.Import):
                assert {name.name.split(".")[0] for name in node.names} <= {"alembic", "pathlib", "sqlalchemy"}


# -- up and down


def test_every_revision_can_be_undone_and_done_again(database: Database) -> None:
    script = ScriptDirectory(str(VERSIONS.parent))
    revisions = [one.revision for one in reversed(list(script.walk_revisions()))]
    with database.write() as connection:
        before: list[dict[str, set[str]]] = []
        for revision in revisions:
            before.append(described(connection))
            command.upgrade(alembic_config(connection), revision)
        newest = described(connection)
        for due in reversed(before):
            command.downgrade(alembic_config(connection), "-1")
            assert described(connection) == due
        command.upgrade(alembic_config(connection), "head")
        assert described(connection) == newest
    with database.read() as connection:
        assert database.revision(connection) == HEAD


def test_a_populated_catalog_survives_every_upgrade(database: Database) -> None:
    """Rows of the first revision, put in by its own names, are there at the end."""
    with database.write() as connection:
        command.upgrade(alembic_config(connection), "0001")
        for statement in (
            "INSERT INTO suites VALUES (1, 'old', '/old/SUITE.toml', '{\"seed\": 1}')",
            "INSERT INTO orders VALUES (1, 1, 'old-order', 8, 5, 4, 'uint16', 50, 0, 'raw', '/old', NULL, NULL)",
            "INSERT INTO batches VALUES (1, 0, 0, 4, 0, 40, 'sha256:ab', 3), (1, 1, 4, 4, 40, 40, NULL, NULL)",
            "INSERT INTO models VALUES (1, 1, 'old-model', NULL, NULL, 1, 4, 2, 1, 'step{label}', NULL, '/old', 10, 5, '{}', '{}')",
            "UPDATE models SET hyperparameters = '{\"betas\": [0.9, 0.95]}'",
            "INSERT INTO aliases VALUES ('older-model', 1)",
            "INSERT INTO checkpoints VALUES (1, 1, 2, 'step2', 'ok', 'read', '2026-01-01', NULL, 'sha256:cd')",
            "INSERT INTO token_files VALUES (1, 0, 'tokens', 'a.bin', 0, 80, 'sha256:ef', 5)",
            "INSERT INTO checkpoint_files VALUES (1, 'config.json', 9, 'sha256:01', 6)",
        ):
            connection.exec_driver_sql(statement)
        command.upgrade(alembic_config(connection), "head")
        suite = stored_suite(connection, "old")
        assert suite is not None
        (model,) = suite.models
        files = suite.orders[0].files[0], model.checkpoints[0].files[0]
        assert [file.state for file in files] == [(80, 5, None, None), (9, 6, None, None)], "they are read once more"
        assert (model.order, model.schedule.saved, model.hyperparameters) == ("old-order", (2,), {"betas": [0.9, 0.95]})
        assert connection.execute(select(aliases.c.name, aliases.c.model_id)).all() == [("older-model", 1)]
        assert connection.execute(select(batches.c.digest, batches.c.eos_count).order_by(batches.c.batch)).all() == [
            ("sha256:ab", 3),
            (None, None),
        ]
        assert write_suite(connection, suite) == ()


def test_onsets_that_are_there_are_counted_by_an_upgrade(database: Database) -> None:
    """By step and block of 24 sequences; the last is of another measurement."""
    with database.write() as connection:
        command.upgrade(alembic_config(connection), "0002")
        for statement in (
            "INSERT INTO suites VALUES (1, 'old', '/old/SUITE.toml', '{}')",
            "INSERT INTO orders VALUES (1, 1, 'old-order', 8, 96, 4, 'uint16', 50, 0, 'raw', '/old', NULL, NULL)",
            "INSERT INTO models VALUES (1, 1, 'old-model', NULL, NULL, 1, 4, 24, 1, 'step{label}', NULL, '/old', 10, 5, '{}', '{}', NULL, NULL, NULL, NULL)",
            "INSERT INTO protocols VALUES (1, 'sha256:ab', '{}'), (2, 'sha256:cd', '{}')",
            "INSERT INTO measurements VALUES (1, 1, 1, 'sha256:ef', 96, 24, 'a'), (2, 2, 1, 'sha256:ef', 96, 24, 'b')",
            "INSERT INTO memorized_sequences VALUES (1, 0, 1, NULL, 1, 1, 1), (1, 23, 1, NULL, 5, 2, 0)",
            "INSERT INTO memorized_sequences VALUES (1, 24, 3, 1, 3, 1, 0), (1, 47, 1, NULL, 3, 1, 2)",
            "INSERT INTO memorized_sequences VALUES (1, 95, 3, 1, 3, 1, 0), (2, 95, 3, 1, 3, 1, 1)",
        ):
            connection.exec_driver_sql(statement)
        command.upgrade(alembic_config(connection), "head")
        counts = connection.execute(select(onset_counts).order_by(*onset_counts.primary_key.columns))
        assert [tuple(row) for row in counts] == [
            (1, 1, 0, 2, 1),
            (1, 1, 1, 1, 1),
            (1, 3, 1, 1, 0),
            (1, 3, 3, 1, 0),
            (2, 3, 3, 1, 1),
        ]


def test_blocks_that_are_there_are_of_the_first_format_and_of_no_known_origin(database: Database) -> None:
    with database.write() as connection:
        command.upgrade(alembic_config(connection), "0004")
        for statement in (
            "INSERT INTO suites VALUES (1, 'old', '/old/SUITE.toml', '{}')",
            "INSERT INTO orders VALUES (1, 1, 'old-order', 8, 96, 4, 'uint16', 50, 0, 'raw', '/old', NULL, NULL)",
            "INSERT INTO models VALUES (1, 1, 'old-model', NULL, NULL, 1, 4, 24, 1, 'step{label}', NULL, '/old', 10, 5, '{}', '{}', NULL, NULL, NULL, NULL)",
            "INSERT INTO protocols VALUES (1, 'sha256:ab', '{}')",
            "INSERT INTO measurements VALUES (1, 1, 1, 'sha256:ef', 96, 24, 'a', false)",
            "INSERT INTO blocks VALUES (1, 0, 0, 24, 5, 100, 'sha256:01'), (1, 0, 3, 24, 0, 90, 'sha256:02')",
        ):
            connection.exec_driver_sql(statement)
        command.upgrade(alembic_config(connection), "head")
        assert connection.execute(select(measurements.c.format, measurements.c.onsets_stale)).all() == [(1, False)]
        rows = [tuple(row) for row in connection.execute(select(blocks).order_by(blocks.c.block))]
        assert rows == [
            (1, 0, 0, 24, 5, 100, "sha256:01", *[None] * 6),
            (1, 0, 3, 24, 0, 90, "sha256:02", *[None] * 6),
        ]
        assert [column.name for column in blocks.c][-5:] == ["device", "dtype", "seenat", "torch", "transformers"]


def test_upgrading_twice_changes_nothing(database: Database, dump: Dump) -> None:
    said: list[str] = []
    first = upgrade(database, said.append)
    assert (first.before, first.after) == (None, HEAD)
    assert "suite pythia" in first.changes
    assert said[0] == f"upgrading the schema from nothing to {HEAD}"
    before = dump(database)
    again = upgrade(database)
    assert (again.before, again.after, again.changes) == (HEAD, HEAD, ())
    assert dump(database) == before


# -- wholly or not at all


def test_an_upgrade_that_fails_in_the_middle_leaves_nothing(database: Database) -> None:
    with database.write() as connection:
        connection.execute(text("CREATE VIEW models AS SELECT 1 AS id"))
    with pytest.raises((DatabaseUnavailable, ProgrammingError), match="models"):
        upgrade(database)
    with database.read() as connection:
        assert inspect(connection).get_table_names() == []
        assert inspect(connection).get_view_names() == ["models"]
    with database.write() as connection:
        connection.execute(text("DROP VIEW models"))
    assert upgrade(database).before is None


def test_a_full_disk_leaves_the_older_catalog(tmp_path: Path) -> None:
    """The suites fail to be recorded after the schema was upgraded: both are undone."""
    database = Database(parse_url(str(tmp_path / "catalog.sqlite")))
    with database.write() as connection:
        command.upgrade(alembic_config(connection), "0001")
        older = described(connection)
    database.close()

    def _fill(connection: Any, _record: object) -> None:
        connection.execute("PRAGMA max_page_count=300")

    event.listen(database.engine, "connect", _fill)
    with pytest.raises(DatabaseUnavailable, match="full"):
        upgrade(database)
    with database.read() as connection:
        assert described(connection) == older
        assert connection.execute(text("SELECT version_num FROM alembic_version")).scalar() == "0001"
        assert connection.execute(text("SELECT count(*) FROM suites")).scalar() == 0
    database.close()


# -- a schema that does not fit


@pytest.mark.parametrize(("revision", "words"), [("0000", "db upgrade"), ("9999", "newer seenat.*update seenat")])
def test_another_schema_is_refused(database: Database, revision: str, words: str) -> None:
    to_head(database)
    with database.write() as connection:
        connection.execute(text(f"UPDATE alembic_version SET version_num = '{revision}'"))
    with pytest.raises(StaleSchema, match=rf"schema {revision}.*{words}"):
        open_catalog(database.url.render_as_string(hide_password=False))
    if revision > HEAD:
        with pytest.raises(StaleSchema, match=words):
            upgrade(database)
        with database.read() as connection:
            assert connection.execute(select(suites)).all() == []


def test_an_empty_database(empty_url: str) -> None:
    """A SQLite file is made at once; a PostgreSQL database is somebody's decision."""
    if empty_url.startswith("postgresql"):
        with pytest.raises(StaleSchema, match="is empty; run `seenat db upgrade`"):
            open_catalog(empty_url)
        return
    said: list[str] = []
    with open_catalog(empty_url, said.append) as catalog:
        assert len(catalog.models()) >= 16
    assert said == [f"making the catalog {catalog.database}"]


@pytest.mark.parametrize(
    "statements",
    [
        ["CREATE TABLE customers (id INTEGER)"],
        ["CREATE TABLE customers (id INTEGER)", "CREATE TABLE alembic_version (version_num VARCHAR(32))"],
        [
            "CREATE TABLE customers (id INTEGER)",
            "CREATE TABLE alembic_version (version_num VARCHAR(32))",
            f"INSERT INTO alembic_version VALUES ('{HEAD}')",
        ],
        ["CREATE TABLE customers (id INTEGER)", "CREATE TABLE suites (id INTEGER)"],
    ],
    ids=["tables", "alembic without revision", "alembic with our revision", "a table of our name"],
)
def test_a_foreign_database_is_refused(database: Database, statements: list[str]) -> None:
    with database.write() as connection:
        for statement in statements:
            connection.execute(text(statement))
        before = described(connection)
    with pytest.raises(InvalidValue, match="not a seenat catalog; it holds the table customers"):
        upgrade(database)
    with pytest.raises(InvalidValue, match="not a seenat catalog; it holds the table customers"):
        open_catalog(database.url.render_as_string(hide_password=False))
    with database.read() as connection:
        assert described(connection) == before


# -- several at once

_OPEN = """
import pathlib, sys, time
from seenat.registry.database import schema
from seenat.registry.catalog.catalog import Catalog
from seenat.registry.open import open_catalog

pathlib.Path(sys.argv[2]).touch()
while not pathlib.Path(sys.argv[3]).exists():
    time.sleep(0.001)
with open_catalog(sys.argv[1]) as catalog:
    print(len(catalog.models()), catalog.order("pile").batches.stop)
"""


def test_four_processes_make_one_catalog(tmp_path: Path, sqlite_catalog: Catalog, dump: Dump) -> None:
    path, start = tmp_path / "catalog.sqlite", tmp_path / "start"
    ready = [tmp_path / f"ready{number}" for number in range(4)]
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", _OPEN, str(path), str(one), str(start)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for one in ready
    ]
    while not all(one.exists() for one in ready):
        assert all(process.poll() is None for process in processes)
        time.sleep(0.01)
    start.touch()
    answers = [process.communicate(timeout=60) for process in processes]
    assert answers == [(f"{len(sqlite_catalog.models())} 143000\n", "")] * 4
    with open_catalog(str(path)) as catalog:
        assert without_dates(dump(catalog.database)) == without_dates(dump(sqlite_catalog.database))


def without_dates(rows: dict[str, list[tuple[Any, ...]]]) -> dict[str, list[tuple[Any, ...]]]:
    """Rows without the moments at which they were written."""
    moment = re.compile(r"\d{4}-\d\d-\d\dT.*Z")
    return {
        table: [tuple(value for value in row if not moment.fullmatch(str(value))) for row in description]
        for table, description in rows.items()
    }


def test_two_upgrades_at_once_make_one_catalog(database: Database) -> None:
    others = [Database(database.url) for _ in range(2)]
    with ThreadPoolExecutor(2) as pool:
        done = list(pool.map(upgrade, others))
    for other in others:
        other.close()
    assert sorted(one.before is None for one in done) == [False, True]
    assert sorted(bool(one.changes) for one in done) == [False, True]
