"""Several who use one database at once: who writes which part, how many ask, and what is tried again."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

import pytest
from sqlalchemy import create_engine, text
from support.postgres import own_server

from seenat.registry.catalog.catalog import Catalog
from seenat.registry.database.engine import Database, parse_url
from seenat.registry.errors import DatabaseUnavailable

SHORT, LONG = 0.2, 30.0


@pytest.fixture
def database(bare_catalog: Catalog) -> Database:
    return bare_catalog.database


@pytest.fixture
def server_database(postgres: str, bare_postgres: str) -> Iterator[Database]:
    with closing(Database(parse_url(bare_postgres))) as opened:
        yield opened


def test_writers_of_other_parts_do_not_wait(server_database: Database) -> None:
    with ThreadPoolExecutor(4) as pool, server_database.write_part("one"):
        inside = {name: threading.Event() for name in ("one", "two", "rows", "everything")}

        def write(name: str, transaction: Any) -> None:
            with transaction:
                inside[name].set()

        for name, transaction in (
            ("two", server_database.write_part("two")),
            ("rows", server_database.write_part(None)),
        ):
            pool.submit(write, name, transaction)
            assert inside[name].wait(LONG), name
        same, everything = (
            pool.submit(write, name, transaction)
            for name, transaction in (
                ("one", server_database.write_part("one")),
                ("everything", server_database.write()),
            )
        )
        assert not inside["one"].wait(SHORT)
        assert not inside["everything"].wait(SHORT)
        with server_database.write_if_free() as connection:
            assert connection is None
    same.result(LONG)
    everything.result(LONG)


def test_only_what_may_be_lost_is_not_synced(server_database: Database) -> None:
    def synced(transaction: Any) -> str:
        with transaction as connection:
            return str(connection.execute(text("SHOW synchronous_commit")).scalar())

    for _ in range(2):
        assert synced(server_database.write_part(None, durable=False)) == "off"
        assert synced(server_database.write_part(None)) == synced(server_database.write()) == "on"


def test_no_thread_waits_for_the_connection_of_another(server_database: Database) -> None:
    together = threading.Barrier(20)

    def read(_: int) -> None:
        with server_database.read() as connection:
            connection.execute(text("SELECT 1"))
            together.wait(LONG)

    with ThreadPoolExecutor(20) as pool:
        list(pool.map(read, range(20)))


def test_a_transaction_that_was_in_the_way_of_another_is_run_again(server_database: Database) -> None:
    """Two take two locks in opposite order: the server ends one of them, which is run again as a whole."""
    other = create_engine(server_database.url)
    lock = "SELECT pg_advisory_xact_lock({})"
    tries, second_is_held, first_is_held = [], threading.Event(), threading.Event()

    def ours() -> int:
        tries.append(None)
        with server_database.write_part(None) as connection:
            connection.execute(text("SET LOCAL deadlock_timeout = '50ms'"))
            connection.execute(text(lock.format(1)))
            first_is_held.set()
            assert second_is_held.wait(LONG)
            return int(connection.execute(text("SELECT 7 FROM pg_advisory_xact_lock(2)")).scalar_one())

    def theirs() -> None:
        with other.begin() as connection:
            connection.execute(text("SET LOCAL deadlock_timeout = '20s'"))
            connection.execute(text(lock.format(2)))
            second_is_held.set()
            assert first_is_held.wait(LONG)
            connection.execute(text(lock.format(1)))

    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(theirs)
        assert server_database.again(ours) == 7
        done.result(LONG)
    other.dispose()
    assert len(tries) == 2


def test_who_is_stopped_within_a_transaction_keeps_nobody_waiting(server_database: Database) -> None:
    limit = "idle_in_transaction_session_timeout"

    def stop_within(stopped: Database) -> None:
        with stopped.write() as connection:
            assert connection.execute(text(f"SHOW {limit}")).scalar() == "1min"
            connection.execute(text(f"SET LOCAL {limit} = '200ms'"))
            connection.execute(text("CREATE TABLE of_the_stopped (id INTEGER)"))
            with server_database.write() as other:  # Waits for it, and for nobody else.
                other.execute(text("CREATE TABLE of_the_other (id INTEGER)"))
            connection.execute(text("SELECT 1"))

    with closing(Database(server_database.url)) as stopped, pytest.raises(DatabaseUnavailable) as ended:
        stop_within(stopped)
    assert ended.value.passes
    with server_database.read() as connection:
        made = set(
            connection.execute(text("SELECT tablename FROM pg_tables WHERE tablename LIKE 'of_the_%'")).scalars()
        )
    assert made == {"of_the_other"}


def test_a_server_is_waited_for_as_long_as_that_is_wanted() -> None:
    tries = []

    def ask() -> object:
        tries.append(None)
        with database.read() as connection:
            return connection.execute(text("SELECT 1")).scalar()

    with own_server() as server, closing(Database(parse_url(server.url))) as database:
        assert ask() == 1
        server.kill()
        with pytest.raises(DatabaseUnavailable, match="cannot be used"), database.patient(LONG, lambda: True):
            database.again(ask)
        assert len(tries) == 2, "somebody wanted it to stop"
        with pytest.raises(DatabaseUnavailable, match="and that the server runs"), database.patient(SHORT):
            database.again(ask)
        starting = threading.Thread(target=server.start)
        starting.start()
        with database.patient(LONG):
            assert database.again(ask) == 1
        starting.join()


def test_what_does_not_pass_is_not_tried_again(database: Database) -> None:
    tries = []

    def ask() -> None:
        tries.append(None)
        with database.read() as connection:
            connection.execute(text("SELECT * FROM no_such_table"))

    with pytest.raises(Exception, match="no_such_table"), database.patient(LONG):
        database.again(ask)
    assert len(tries) == 1
