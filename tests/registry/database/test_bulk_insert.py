"""Rows in bulk are the rows that statements insert, in the same transaction, on both databases."""

import pytest
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from seenat.registry.database.bulk_insert import bulk_insert
from seenat.registry.database.tables.catalog import checkpoints, suites
from seenat.registry.errors import InvalidValue

COLUMNS = ("name", "origin", "provenance")


def names(catalog):
    with catalog.database.read() as connection:
        return set(connection.execute(select(suites.c.name)).scalars())


def test_rows_come_as_they_are_and_only_with_their_transaction(catalog):
    before = names(catalog)
    odd = [
        "tab\there",
        "line\nbreak",
        "back\\slash",
        "\\N",
        "quote'\"",
        "ü",
        "",
        *(f"row {number}" for number in range(450)),
    ]
    rows = [(name, "x", "{}") for name in odd]
    with catalog.database.write() as connection:
        bulk_insert(connection, suites, COLUMNS, iter(rows))
        assert connection.execute(select(suites.c.name).where(suites.c.name == "ü")).scalar() == "ü"
        connection.rollback()
    assert names(catalog) == before
    with catalog.database.write() as connection:
        bulk_insert(connection, suites, COLUMNS, iter(rows))
        bulk_insert(connection, suites, COLUMNS, [])
    assert names(catalog) == before | set(odd)


def test_any_number_of_rows_comes_whole_and_in_order(sqlite_catalog):
    """SQLite takes 333 of them, of three values, in one statement."""
    query = select(suites.c.name).where(suites.c.origin == "x").order_by(suites.c.id)
    for count in (0, 1, 332, 333, 334, 665, 666, 667, 1000):
        expected = [f"row {number}" for number in range(count)]
        with sqlite_catalog.database.write() as connection:
            bulk_insert(connection, suites, COLUMNS, ((name, "x", "{}") for name in expected))
            assert connection.execute(query).scalars().all() == expected
            connection.rollback()


def test_none_is_null_and_what_is_left_out_is_too(catalog):
    model = catalog.model("pythia-70m")
    with catalog.database.write() as connection:
        columns = ("model_id", "step", "revision", "status", "reason")
        bulk_insert(connection, checkpoints, columns, [(model.id, 7, "step7", "ok", None)])
        query = select(checkpoints.c.reason, checkpoints.c.digest).where(
            checkpoints.c.model_id == model.id, checkpoints.c.step == 7
        )
        assert connection.execute(query).one() == (None, None)


def test_what_the_driver_refuses_is_told_as_of_any_statement(catalog):
    before = names(catalog)
    with pytest.raises(IntegrityError, match="suites"), catalog.database.write() as connection:
        bulk_insert(connection, suites, COLUMNS, [("twice", "x", "{}"), ("twice", "x", "{}")])
    assert names(catalog) == before
    if not catalog.database.is_sqlite:  # SQLite knows no longest text.
        with pytest.raises(InvalidValue, match="too long"), catalog.database.write() as connection:
            bulk_insert(connection, suites, COLUMNS, [("x" * 97, "x", "{}")])
