"""The queue under many workers: each shard is done once, and nobody waits for what another is being given."""

from __future__ import annotations

from benchmarks.parts.queue import _SERVER_CORES, _SHARD_SECONDS, Server, _many, _planned, _Served

from seenat.memorization.jobs.shard_table import lease_next
from seenat.registry.catalog.catalog import Catalog


def test_each_shard_is_done_once_whatever_the_number_of_workers(catalog: Catalog) -> None:
    url = catalog.database.url.render_as_string(hide_password=False)
    busy = _many(Server(url, 0), 16, 1, _Served(0.1, 0.5))
    assert busy.lost == 0
    assert len(busy.overhead) == len(busy.starting) == 16
    # They begin together, so the last of sixteen waits until each core of the server has done as many as the others.
    assert busy.starting[15] > 16 / _SERVER_CORES * 0.1 > busy.starting[0]
    assert busy.lasted > 0.5 * _SHARD_SECONDS


def test_what_another_is_being_given_is_passed_over(catalog: Catalog) -> None:
    if catalog.database.is_sqlite:  # There one writes at a time.
        return
    job = _planned(catalog.database.url.render_as_string(hide_password=False), "two", 4)
    first = catalog.model("two").checkpoints[0].id
    with catalog.database.write_part(None) as one, catalog.database.write_part(None) as other:
        other.exec_driver_sql("SET LOCAL lock_timeout = '2s'")
        leased = [
            lease_next(connection, (job,), (first, -1), owner, "2030", failed=False)
            for connection, owner in ((one, "a"), (other, "b"))
        ]
    assert [[lease.block for lease in leases] for leases in leased] == [[0], [1]]
