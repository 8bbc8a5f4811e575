"""No request waits for the catalog's write lock: all routes answer while another connection holds it."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from support.addresses import address, ask
from support.served import Serve

from seenat.registry.answer import to_json
from seenat.registry.catalog.catalog import Catalog
from seenat.remote.routes import ROUTES

ROWS = {"claims", "describe", "findings", "jobs"}
"""Methods that read rows of what ships with seenat, beside those that follow from the catalog."""


@pytest.mark.timeout(60)
def test_every_route_answers_while_somebody_writes(serve: Serve, pocket_path: Path) -> None:
    """A writer is awaited for a minute; these answers take a few seconds together."""
    served = serve()
    with closing(sqlite3.connect(pocket_path, isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        addresses = [address(route) for route in ROUTES]
        contents = [f"/api/v1/orders/pocket-order/batches/{batch}?decode=true" for batch in (5, 6)]
        statuses = [served.http.get(asked).status_code for asked in (*addresses, *contents, "/ready", "/metrics")]
        writer.execute("ROLLBACK")
    assert statuses.count(404) == 1  # Nothing is published to compare with.
    assert statuses.count(200) == len(statuses) - 1


@pytest.mark.timeout(60)
def test_either_database_answers_while_somebody_writes(catalog: Catalog, serve: Serve) -> None:
    served = serve(catalog.database.url.render_as_string(hide_password=False))
    with catalog.database.write():
        for route in ROUTES:
            if (route.follows_from_catalog or route.method in ROWS) and "pocket-230k" not in route.example.values():
                found = served.http.get(address(route))
                assert (found.status_code, found.json()) == (
                    200,
                    json.loads(json.dumps(to_json(ask(served.catalog, route)))),
                )
        for hostile in ("%00", "%27%3B--", "%F0%9F%98%80"):
            assert served.http.get(f"/api/v1/models/{hostile}").status_code in (404, 422)
            assert served.http.get(f"/api/v1/models?family={hostile}").status_code in (200, 422)
