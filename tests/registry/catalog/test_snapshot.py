"""Models that are kept in memory: read once, read again when a fact has changed, whoever changed it."""

from __future__ import annotations

import pickle
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Connection, event, insert, select, update
from sqlalchemy.orm import Session

from seenat.registry.catalog.catalog import Catalog
from seenat.registry.catalog.checkpoint_tables import insert_evidence, replace_files
from seenat.registry.catalog.models import AliasSpec, Model
from seenat.registry.catalog.specs import BatchContent, CheckpointSpec, ModelSpec, OrderSpec, SuiteSpec
from seenat.registry.catalog.status import Evidence
from seenat.registry.checkpoints.files import FileRecord
from seenat.registry.database.bulk_insert import bulk_insert
from seenat.registry.database.engine import Database
from seenat.registry.database.generation import catalog_generation
from seenat.registry.database.tables.catalog import (
    aliases,
    batches,
    checkpoints,
    generations,
    models,
    orders,
    token_files,
)
from seenat.registry.database.tables.jobs import measurement_rows, measurements, protocols
from seenat.registry.schedule import Schedule
from seenat.registry.suites.write import write_suite

DIGEST = "sha256:" + "a" * 64
ORDER = OrderSpec(
    name="mine-order", sequences=10, tokens_per_sequence=5, sequences_per_batch=4, dtype="uint16", vocab_size=50, eos_id=0,
    format="raw", location="/data/mine", files=(FileRecord(name="a.bin", bytes=100, sha256=DIGEST, modified_ns=1),),
    batches=(BatchContent(batch=0, digest=DIGEST, eos_count=0),),
)  # fmt: skip
MODEL = ModelSpec(
    name="mine-small", order="mine-order", schedule=Schedule(sequences_per_batch=4, steps=2, saved=(0, 1, 2)),
    folder="/data/mine/step{step}", aliases=(AliasSpec(name="tiny"),),
    checkpoints=tuple(CheckpointSpec(step=step) for step in (0, 1, 2)),
)  # fmt: skip
OTHER = replace(MODEL, name="mine-large", aliases=())
SUITE = SuiteSpec(name="mine", origin="/data/mine/SUITE.toml", orders=(ORDER,), models=(MODEL, OTHER))


@pytest.fixture
def catalog(bare_catalog: Catalog) -> Catalog:
    with bare_catalog.database.write() as connection:
        write_suite(connection, SUITE)
    return bare_catalog


@contextmanager
def statements(catalog: Catalog) -> Iterator[list[str]]:
    """The queries that reach the database meanwhile."""
    queries: list[str] = []

    def keep(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if statement.startswith("SELECT"):
            queries.append(statement)

    event.listen(catalog.database.engine, "before_cursor_execute", keep)
    yield queries
    event.remove(catalog.database.engine, "before_cursor_execute", keep)


def generation(catalog: Catalog) -> int:
    with catalog.database.read() as connection:
        return catalog_generation(connection)


def test_a_model_is_read_once(catalog: Catalog) -> None:
    model, order = catalog.model("mine-small"), catalog.order("mine-order")
    with statements(catalog) as queries:
        assert catalog.model("mine-small") is model
        assert catalog.model("mine-small").order is order
        assert catalog.order("mine-order") is order
    assert len(queries) == 3
    assert all("generations" in query for query in queries)


def test_who_asks_often_asks_without_a_query(catalog: Catalog) -> None:
    def ask() -> tuple[Any, ...]:
        model = catalog.model("mine-small")
        details, measured = catalog.details(model.checkpoint(2)), catalog.has_measurements(model.order)
        return (
            model,
            catalog.order("mine-order"),
            catalog.order_or_model("tiny"),
            details,
            measured,
            catalog.generation(),
        )

    for _ in range(20):
        before = ask()
    with statements(catalog) as queries:
        assert ask() == before
    assert bool(queries) != catalog.database.is_sqlite, "PostgreSQL tells by a query only"
    url = catalog.database.url.render_as_string(hide_password=False)
    subprocess.run([sys.executable, "-c", _CHANGE, url], check=True)
    assert ask()[0].checkpoint(1).status == "wrong"
    assert ask()[-1] == before[-1] + 1


def test_details_are_read_for_a_checkpoint_then_for_its_model(catalog: Catalog) -> None:
    steps = catalog.model("mine-small").checkpoints
    told = Evidence(kind="report", status="suspect", statement="so they say", source="me", date="2024-01-01")
    with catalog.database.write() as connection:
        replace_files(connection, {steps[2].id: [FileRecord(name=name, bytes=3) for name in ("b.bin", "a.bin")]})
        insert_evidence(connection, [(steps[2].id, told)])
    for step in (0, 1):
        assert catalog.details(steps[step]) == ((), ())
    with statements(catalog) as queries:
        files, evidence = catalog.details(steps[2])
    assert all("generations" in query for query in queries), "they were read with those of the step before"
    assert ([file.name for file in files], evidence) == (["a.bin", "b.bin"], (told,))


def test_what_is_measured_is_known_at_once(catalog: Catalog) -> None:
    """No generation counts it: only the commit tells."""
    order = catalog.order("mine-order")
    assert not any(catalog.has_measurements(order) for _ in range(40))
    with catalog.database.write() as connection:
        step = connection.execute(select(checkpoints)).first()
        assert step is not None
        connection.execute(insert(protocols).values(id=1, digest=DIGEST, definition={}))
        scope = {"model_id": step.model_id, "order_digest": order.digest, "sequences": 10, "block_sequences": 4}
        connection.execute(insert(measurements).values(id=1, protocol_id=1, folder="x", **scope))
        row = {"measurement_id": 1, "array_row": 0, "checkpoint_id": step.id, "checkpoint_digest": DIGEST}
        connection.execute(insert(measurement_rows).values(**row))
    assert catalog.has_measurements(order)


def test_only_models_that_were_not_read_are_read(catalog: Catalog) -> None:
    small = catalog.model("tiny")
    large, listed = catalog.models()[1], catalog.models()
    assert (small.name, large.name) == ("mine-small", "mine-large")
    assert listed[0] is small
    assert catalog.model("mine-large") is large is listed[1]


_CHANGE = """
import sys
from sqlalchemy import update
from seenat.registry.database.tables.catalog import checkpoints
from seenat.registry.open import open_catalog

with open_catalog(sys.argv[1]) as catalog:
    step = catalog.model("mine-small").checkpoint(1)
    with catalog.database.write() as connection:
        connection.execute(update(checkpoints).where(checkpoints.c.id == step.id).values(status="wrong"))
"""


def test_what_another_process_changes_is_seen_next(catalog: Catalog) -> None:
    before = catalog.model("mine-small")
    url = catalog.database.url.render_as_string(hide_password=False)
    subprocess.run([sys.executable, "-c", _CHANGE, url], check=True)
    after = catalog.model("mine-small")
    assert (before.checkpoint(1).status, after.checkpoint(1).status) == ("unknown", "wrong")
    assert catalog.model("mine-small") is after
    assert replace(after.checkpoint(1), status="unknown") == before.checkpoint(1)


def rename_model(connection: Connection) -> None:
    connection.execute(update(models).where(models.c.name == "mine-large").values(size="1k"))


def add_alias(connection: Connection) -> None:
    connection.execute(
        insert(aliases), [{"name": "huge", "model_id": connection.execute(select(models.c.id)).scalar()}]
    )


def change_order(connection: Connection) -> None:
    connection.execute(update(orders).values(tokenizer="me/tokenizer"))


def change_token_file(connection: Connection) -> None:
    connection.execute(token_files.update().values(modified_ns=2))


def insert_in_bulk(connection: Connection) -> None:
    model_id = connection.execute(select(models.c.id)).scalar()
    columns = ("model_id", "step", "revision", "status")
    bulk_insert(connection, checkpoints, columns, [(model_id, 99, "step99", "missing")])


def write_through_a_session(connection: Connection) -> None:
    Session(connection).execute(update(checkpoints).values(reason="so it is"))


def write_as_text(connection: Connection) -> None:
    connection.exec_driver_sql("delete from checkpoints")


@pytest.mark.parametrize(
    "change",
    [
        rename_model,
        add_alias,
        change_order,
        change_token_file,
        insert_in_bulk,
        write_through_a_session,
        write_as_text,
    ],
)
def test_every_change_of_a_fact_is_counted(catalog: Catalog, change: Callable[[Connection], None]) -> None:
    model, before = catalog.model("mine-small"), generation(catalog)
    with catalog.database.write() as connection:
        change(connection)
        assert catalog_generation(connection) == before
    assert generation(catalog) == before + 1, "once a transaction"
    assert catalog.model("mine-small") is not model


def test_what_nothing_kept_depends_on_is_not_counted(catalog: Catalog) -> None:
    before = generation(catalog)
    with catalog.database.write() as connection:
        connection.execute(update(batches).values(digest=DIGEST))
        connection.execute(select(models)).all()
    assert generation(catalog) == before


def test_what_was_undone_is_not_counted(catalog: Catalog) -> None:
    before = generation(catalog)

    def fail_after_writing() -> None:
        with catalog.database.write() as connection:
            rename_model(connection)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_after_writing()
    with catalog.database.write() as connection:
        connection.execute(update(batches).values(digest=DIGEST))
    assert generation(catalog) == before


def test_a_catalog_without_a_number_gets_one(catalog: Catalog) -> None:
    with catalog.database.write() as connection:
        connection.execute(generations.delete())
    assert generation(catalog) == 0
    with catalog.database.write() as connection:
        rename_model(connection)
    assert generation(catalog) == 1


def test_a_reader_keeps_its_generation(catalog: Catalog) -> None:
    other = Database(catalog.database.url)
    with catalog.database.read() as connection:
        before = catalog_generation(connection)
        with other.write() as writer:
            rename_model(writer)
        assert catalog_generation(connection) == before
        assert connection.execute(select(models.c.size).where(models.c.name == "mine-large")).scalar() is None
    assert generation(catalog) == before + 1
    other.close()


def test_threads_share_a_catalog(catalog: Catalog) -> None:
    def look(number: int) -> Model:
        if number % 8 == 0:
            with catalog.database.write() as connection:
                connection.execute(update(checkpoints).values(reason=str(number)))
        model = catalog.model("mine-small" if number % 2 else "mine-large")
        assert len({checkpoint.reason for checkpoint in model.checkpoints}) == 1, "of one generation"
        return model

    with ThreadPoolExecutor(4) as pool:
        names = [model.name for model in pool.map(look, range(1, 65))]
    assert names == ["mine-small" if number % 2 else "mine-large" for number in range(1, 65)]


def test_models_are_values(catalog: Catalog) -> None:
    model = catalog.model("mine-small")
    assert model.checkpoint(2).step == 2
    copy = pickle.loads(pickle.dumps(model))
    assert copy == model
    assert copy.checkpoint("step1") == model.checkpoint(1)
    with catalog.database.write() as connection:
        connection.execute(update(orders).values(tokenizer=None))
    assert catalog.model("mine-small") is not model
    assert catalog.model("mine-small") == model
