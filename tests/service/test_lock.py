"""No request waits for the catalog's write lock: all routes answer while another connection holds it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from support.addresses import address
from support.served import Serve

from seenat.remote.routes import ROUTES


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
