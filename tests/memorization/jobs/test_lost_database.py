"""A PostgreSQL server that is killed and started again while a job runs costs time, and nothing else."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import select
from support.measuring import measure
from support.postgres import OwnServer, own_server
from support.trained_run import Mine, Undisturbed

from seenat.registry.catalog.catalog import Catalog
from seenat.registry.database.tables.jobs import shards
from seenat.registry.open import open_catalog, upgrade

KILLS = 2


@pytest.fixture
def server() -> Iterator[OwnServer]:
    with own_server() as running:
        yield running


@pytest.fixture
def server_catalog(server: OwnServer, mine: Mine) -> Iterator[Catalog]:
    """A catalog on a server of its own that knows the suite of one's own."""
    from seenat.registry.database.engine import Database, parse_url
    from seenat.registry.suites.register import register_suite

    database = Database(parse_url(server.url))
    upgrade(database)
    database.close()
    with open_catalog(server.url) as catalog:
        register_suite(catalog, mine.manifest)
        yield catalog


def test_a_job_outlives_its_server(
    server: OwnServer, server_catalog: Catalog, undisturbed: Undisturbed, committed: Callable[..., dict[str, Any]]
) -> None:
    generator, ended, kills = random.Random(5), threading.Event(), []

    def kill() -> None:
        while len(kills) < KILLS and not ended.wait(generator.uniform(0.02, 0.3)):
            server.kill()
            server.start()
            kills.append(None)

    killer = threading.Thread(target=kill)
    begun = threading.Event()

    def progress(_: object) -> None:
        if not begun.is_set():
            begun.set()
            killer.start()

    try:
        job = measure(server_catalog, "mine-a", undisturbed.protocol, progress=progress, **undisturbed.selection)
    finally:
        ended.set()
        killer.join()
    assert len(kills) == KILLS, "the job was done before"
    assert job.state == "done"
    assert committed(server_catalog, "mine-a", undisturbed.protocol) == undisturbed.committed
    with server_catalog.database.read() as connection:
        assert set(connection.execute(select(shards.c.owner)).scalars()) == {None}
