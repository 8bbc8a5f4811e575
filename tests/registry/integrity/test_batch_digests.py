"""What a batch was when it was first read binds every later reading, and published digests bind the first."""

from __future__ import annotations

import hashlib
import re
import shutil
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from sqlalchemy import select, update
from support.fake_hub import Formula, HubServer, client_of

from seenat.registry.catalog.catalog import Catalog
from seenat.registry.catalog.orders import Order
from seenat.registry.database.engine import Database
from seenat.registry.database.tables.catalog import batches
from seenat.registry.errors import CorruptFile, InvalidValue, UnknownBatch, UnknownOrder
from seenat.registry.integrity.batch_digests import read_sequences, reread_batches, verify_batch
from seenat.registry.integrity.verify_order import verify_order
from seenat.registry.orders.remote.order import token_cache
from seenat.registry.storage.digests import sha256_of_bytes
from seenat.registry.units import SequenceRange

ROWS = np.random.default_rng(0).integers(0, 9, (1024, 2049), np.uint16)
DIGEST = sha256_of_bytes(ROWS.tobytes())
ZEROS = int((ROWS == 0).sum())


def stored(catalog: Catalog, order: Order, batch: int) -> tuple[Any, ...]:
    query = select(batches.c.digest, batches.c.eos_count)
    with catalog.database.read() as connection:
        return tuple(connection.execute(query.where(batches.c.order_id == order.id, batches.c.batch == batch)).one())


def publish(hub: HubServer, order: Order, rows: np.ndarray) -> None:
    """Serve the order's own files, in which every batch is the same."""
    repository, _, commit = order.location.removeprefix("hf://").partition("@")
    content = rows.tobytes()

    def read(_name: str, start: int, stop: int) -> bytes:
        first = start % len(content)
        return (content[first:] + content)[: stop - start]

    hub.formulas[repository] = Formula(
        commit=commit, lengths={file.name: file.bytes for file in order.files}, read=read
    )


def test_the_first_reading_is_recorded_and_binds_the_next(catalog: Catalog) -> None:
    order = catalog.order("pile-deduped")
    assert stored(catalog, order, 7) == (None, None)
    for _ in range(2):
        content = verify_batch(catalog, order, 7, ROWS)
        assert (content.batch, content.digest, content.eos_count) == (7, DIGEST, ZEROS)
        assert stored(catalog, order, 7) == (DIGEST, ZEROS)
    other = ROWS.copy()
    other[1023, 2048] ^= 1
    message = (
        f"Batch 7 of pile-deduped at {order.location} reads as {sha256_of_bytes(other.tobytes())}, and the catalog "
    )
    with pytest.raises(CorruptFile, match=re.escape(f"{message}knows {DIGEST}; delete ")):
        verify_batch(catalog, order, 7, other)
    assert stored(catalog, order, 7) == (DIGEST, ZEROS)


def test_a_published_digest_is_held_against_the_first_reading(sqlite_catalog: Catalog) -> None:
    order = sqlite_catalog.order("pile-deduped")
    published = "sha256:7b5299e7ed772054885b16d1d61778c5f437a5fb196aeffab5dba4577977c562"
    with pytest.raises(CorruptFile, match=f"the catalog knows {published}"):
        verify_batch(sqlite_catalog, order, 0, ROWS)
    assert stored(sqlite_catalog, order, 0) == (published, None)
    with sqlite_catalog.database.write() as connection:
        is_batch = (batches.c.order_id == order.id, batches.c.batch == 0)
        connection.execute(update(batches).where(*is_batch).values(digest=DIGEST))
    verify_batch(sqlite_catalog, order, 0, ROWS)
    assert stored(sqlite_catalog, order, 0) == (DIGEST, ZEROS), "what the digest does not tell was counted"


def test_a_reading_neither_waits_for_a_writer_nor_writes_unasked(catalog: Catalog) -> None:
    order, other = catalog.order("pile-deduped"), Database(catalog.database.url)
    with other.write():
        verify_batch(catalog, order, 7, ROWS)
    verify_batch(catalog, order, 7, ROWS, record=False)
    assert stored(catalog, order, 7) == (None, None)
    verify_batch(catalog, order, 7, ROWS)
    assert stored(catalog, order, 7) == (DIGEST, ZEROS)
    with other.write(), pytest.raises(CorruptFile, match="the catalog knows"):
        verify_batch(catalog, order, 7, ROWS[::-1], record=False)
    other.close()


def test_the_bytes_count_and_not_how_an_array_holds_them(sqlite_catalog: Catalog) -> None:
    order = sqlite_catalog.order("pile")
    for rows in (ROWS, np.asfortranarray(ROWS), ROWS.astype(">u2")):
        assert verify_batch(sqlite_catalog, order, 3, rows).digest == DIGEST


def test_only_a_whole_batch_is_recorded(sqlite_catalog: Catalog) -> None:
    order = sqlite_catalog.order("pile")
    with pytest.raises(InvalidValue, match=r"Batch 3 of pile is 1024 sequences of 2049 ids, not \(1023, 2049\)"):
        verify_batch(sqlite_catalog, order, 3, ROWS[1:])
    with pytest.raises(UnknownBatch, match="has no batch 143000"):
        verify_batch(sqlite_catalog, order, 143_000, ROWS)


def test_batches_are_read_from_the_hub_and_recorded_however_a_schedule_cuts_them(
    sqlite_catalog: Catalog, hub: HubServer
) -> None:
    order = sqlite_catalog.order("pile-deduped")
    publish(hub, order, ROWS)
    with client_of(hub):
        cut_in_two = sqlite_catalog.model("pythia-160m-deduped-v0").batch(3).sequences
        np.testing.assert_array_equal(read_sequences(sqlite_catalog, order, cut_in_two), np.concatenate([ROWS, ROWS]))
        assert [stored(sqlite_catalog, order, batch) for batch in (6, 7)] == [(DIGEST, ZEROS)] * 2
        assert len([line for line in hub.requests if line.startswith("GET /large/")]) == 2
        np.testing.assert_array_equal(read_sequences(sqlite_catalog, order, SequenceRange(9217, 10240)), ROWS[1:])
        assert stored(sqlite_catalog, order, 9) == (None, None), "a part of a batch tells nothing of it"


def test_bytes_that_change_at_the_hub_are_noticed(
    sqlite_catalog: Catalog, hub: HubServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = sqlite_catalog.order("pile-deduped")
    batch = order.batch(7).sequences
    with client_of(hub):
        publish(hub, order, ROWS)
        read_sequences(sqlite_catalog, order, batch)
        publish(hub, order, ROWS[::-1])
        np.testing.assert_array_equal(read_sequences(sqlite_catalog, order, batch), ROWS, "kept by its commit")
        monkeypatch.setenv("SEENAT_CACHE_BYTES", "0")
        shutil.rmtree(token_cache().folder)
        with pytest.raises(CorruptFile, match=f"the catalog knows {DIGEST}; delete {token_cache().folder} and read it"):
            read_sequences(sqlite_catalog, order, batch)


def keep_other_bytes(rows: np.ndarray) -> None:
    """Put other bytes, with a digest of their own, where the one piece of the cache lies."""
    (piece,) = (path for path in token_cache().folder.rglob("*") if path.is_file())
    piece.write_bytes(hashlib.sha256(rows.tobytes()).digest() + rows.tobytes())


def test_what_was_kept_wrongly_is_fetched_once_more(sqlite_catalog: Catalog, hub: HubServer) -> None:
    order = sqlite_catalog.order("pile-deduped")
    batch = order.batch(8).sequences
    publish(hub, order, ROWS)
    with client_of(hub):
        read_sequences(sqlite_catalog, order, batch)
        keep_other_bytes(ROWS[::-1])
        for _ in range(2):
            np.testing.assert_array_equal(read_sequences(sqlite_catalog, order, batch), ROWS)
        assert len([line for line in hub.requests if line.startswith("GET /large/")]) == 2


def test_batches_are_read_again_from_the_hub_and_not_from_what_is_kept(sqlite_catalog: Catalog, hub: HubServer) -> None:
    order = sqlite_catalog.order("pile-deduped")
    with sqlite_catalog.database.write() as connection:
        connection.execute(update(batches).where(batches.c.order_id == order.id).values(digest=None))
    publish(hub, order, ROWS)
    with client_of(hub):
        for batch in (8, 9):
            read_sequences(sqlite_catalog, order, order.batch(batch).sequences)
        moments: list[tuple[int, int]] = []
        assert reread_batches(sqlite_catalog, order, lambda done, total: moments.append((done, total))) == ()
        assert moments == [(1, 2), (2, 2)]
        publish(hub, order, ROWS[::-1])
        np.testing.assert_array_equal(read_sequences(sqlite_catalog, order, order.batch(8).sequences), ROWS)
        faults = reread_batches(sqlite_catalog, order)
        verification = verify_order(sqlite_catalog, order)
    assert (verification.batches, verification.verified) == (2, False)
    assert verification.faults == tuple(str(fault) for fault in faults)
    assert [str(fault).partition(" of ")[0] for fault in faults] == ["Batch 8", "Batch 9"]
    assert stored(sqlite_catalog, order, 8) == (DIGEST, ZEROS)


def test_of_an_order_of_which_no_batch_is_known_nothing_is_compared(sqlite_catalog: Catalog) -> None:
    order = sqlite_catalog.order("pile-deduped")
    with sqlite_catalog.database.write() as connection:
        connection.execute(update(batches).where(batches.c.order_id == order.id).values(digest=None))
    verification = verify_order(sqlite_catalog, order)
    assert (verification.batches, verification.verified) == (0, None)


def test_only_flat_formats_are_read_from_the_hub(sqlite_catalog: Catalog) -> None:
    order = replace(sqlite_catalog.order("pile-deduped"), format="parquet")
    with pytest.raises(
        UnknownOrder, match=r"pile-deduped are at hf://datasets/.* and parquet is read from local files only"
    ):
        order.source()
