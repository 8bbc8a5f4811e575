"""Parquet and index-map orders in the catalog: registered, read again, and refused when they are not what they were."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sqlalchemy import select
from support.neox_documents import MAPS, write_documents

from seenat import BatchAnswer, SequenceAnswer
from seenat.registry.catalog.catalog import Catalog
from seenat.registry.database.tables.catalog import batches
from seenat.registry.errors import CorruptFile, SuiteChanged, UnknownSequence
from seenat.registry.orders.formats.neox_index_map import open_index_map
from seenat.registry.orders.formats.open import FORMATS
from seenat.registry.orders.order_files import INDEX_MAP
from seenat.registry.suites.register import register_suite
from seenat.registry.units import SequenceRange

LENGTH, COUNT, BATCH = 9, 42, 4


@pytest.fixture(scope="module")
def text() -> np.ndarray:
    """Ids of a text that is 50 samples long."""
    return np.random.default_rng(5).integers(0, 50, 50 * (LENGTH - 1) + 1, np.uint16)


@pytest.fixture(scope="module")
def shuffle() -> np.ndarray:
    return np.random.default_rng(6).permutation(50).astype(np.uint32)


@pytest.fixture(scope="module")
def rows(text: np.ndarray, shuffle: np.ndarray) -> np.ndarray:
    """The 42 sequences that the run consumed."""
    windows = np.lib.stride_tricks.sliding_window_view(text, LENGTH)[:: LENGTH - 1]
    return np.ascontiguousarray(windows[shuffle][:COUNT])


@pytest.fixture
def manifest(tmp_path: Path, text: np.ndarray, shuffle: np.ndarray, rows: np.ndarray) -> Path:
    """The same order three times: flat, in Parquet and as an index map."""
    rows.tofile(tmp_path / "ids.bin")
    numbers = np.arange(COUNT)
    columns = {"uid": numbers, "batch_idx": numbers // BATCH, "token_ids": list(rows.astype(np.int64))}
    pq.write_table(pa.table(columns), tmp_path / "rows.parquet", row_group_size=10)
    write_documents(tmp_path, [text[:100], text[100:100], text[100:]])
    np.save(tmp_path / "doc_idx.npy", np.arange(3, dtype=np.int32))
    begins = np.arange(51) * (LENGTH - 1)
    late = begins >= 100
    np.save(tmp_path / "sample_idx.npy", np.stack([2 * late, begins - 100 * late], axis=1).astype(np.int32))
    np.save(tmp_path / "shuffle_idx.npy", shuffle)
    shared = f'sequences_per_batch = {BATCH}\nvocab_size = 50\ntokens_per_sequence = {LENGTH}\nsequences = {COUNT}\ndtype = "uint16"\n'
    maps = "".join(f'{name} = "{name}.npy"\n' for name in MAPS)
    (tmp_path / "SUITE.toml").write_text(
        '[suite]\nname = "told-thrice"\n'
        f'[[order]]\nname = "flat"\nformat = "raw"\nfiles = ["ids.bin"]\n{shared}'
        f'[[order]]\nname = "parquet"\nformat = "parquet"\nfiles = ["rows.parquet"]\n{shared}'
        '[[order]]\nname = "map"\nformat = "neox-index-map"\nfiles = ["document-0.bin", "document-1.bin"]\n'
        f'index = "document.idx"\n{maps}{shared}'
    )
    return tmp_path / "SUITE.toml"


@pytest.fixture
def catalog(sqlite_catalog: Catalog) -> Catalog:
    return sqlite_catalog


def digests(catalog: Catalog, name: str) -> list[tuple[Any, ...]]:
    query = select(batches.c.batch, batches.c.digest, batches.c.eos_count).order_by(batches.c.batch)
    with catalog.database.read() as connection:
        return [tuple(row) for row in connection.execute(query.where(batches.c.order_id == catalog.order(name).id))]


def test_the_same_order_however_it_is_told(catalog: Catalog, manifest: Path, rows: np.ndarray) -> None:
    progress: list[tuple[str, int, int]] = []
    register_suite(catalog, manifest, progress=lambda *now: progress.append(now))
    assert any(what == "checking the maps of map" for what, _, _ in progress)
    flat = digests(catalog, "flat")
    assert len(flat) == 11
    assert None not in {digest for _, digest, _ in flat}
    for name in ("parquet", "map"):
        order = catalog.order(name)
        assert digests(catalog, name) == flat
        assert order.digest is not None
        np.testing.assert_array_equal(order.batch(10).tokens(), rows[40:], strict=True)
        np.testing.assert_array_equal(order.source().take(np.array([41, 0]), 2, 4), rows[[41, 0], 2:4])
        assert order.source() is order.source(), "footers and maps are looked at once"
        assert order.extents(SequenceRange(0, 3)) == ()
        with pytest.raises(UnknownSequence):
            order.extents(SequenceRange(0, 43))
        assert BatchAnswer.of(order.batch(3)).bytes == ()
        assert SequenceAnswer.of(order, 41).bytes == ()
    assert register_suite(catalog, manifest).changes == ()


@pytest.mark.parametrize("name", ["document.idx", "shuffle_idx.npy", "rows.parquet"])
def test_another_content_is_another_order(
    catalog: Catalog, manifest: Path, shuffle: np.ndarray, rows: np.ndarray, name: str
) -> None:
    register_suite(catalog, manifest)
    before = {order: catalog.order(order).digest for order in ("flat", "parquet", "map")}
    if name == "shuffle_idx.npy":
        np.save(manifest.parent / name, shuffle[::-1])
    elif name == "rows.parquet":
        pq.write_table(pa.table({"tokens": list(rows[::-1])}), manifest.parent / name)
    else:
        path = manifest.parent / name
        path.write_bytes(path.read_bytes()[:-8] + bytes(8))
    with pytest.raises(SuiteChanged, match=name):
        register_suite(catalog, manifest)
    register_suite(catalog, manifest, replace_changed=True)
    after = {order: catalog.order(order).digest for order in before}
    assert [order for order in before if before[order] != after[order]] == ["parquet" if "parquet" in name else "map"]


def test_damage_between_what_opening_looks_at_is_found(
    catalog: Catalog, manifest: Path, shuffle: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(FORMATS, INDEX_MAP, partial(open_index_map, shuffles_checked=2))
    damaged = shuffle.copy()
    damaged[20:30] = 0
    np.save(manifest.parent / "shuffle_idx.npy", damaged)
    with pytest.raises(CorruptFile, match=r"entries 20:30 are all 0, so which samples these 10 sequences of 50 were"):
        register_suite(catalog, manifest)
    assert "map" not in {order.name for order in catalog.orders()}


def test_a_registered_file_that_was_cut_is_refused(
    catalog: Catalog, manifest: Path, refusal: Callable[..., str]
) -> None:
    register_suite(catalog, manifest)
    path = manifest.parent / "sample_idx.npy"
    path.write_bytes(path.read_bytes()[:-8])
    assert f"{path} has " in refusal(catalog.order("map").source)
