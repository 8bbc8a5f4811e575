"""What an index finds is what looking at every place finds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from support.indexed import compare, everywhere, indexed_rows, places_of

from seenat.attribution.ngrams.search import Region, find_by_index, is_exact


@pytest.mark.parametrize("seed", range(40))
def test_random_orders_and_queries(seed: int) -> None:
    compare(np.random.default_rng(seed), 40)


def text_like(sequences: int, length: int) -> np.ndarray:
    """Ids as unevenly frequent as those of text, with a passage that stands 20,000 times and runs of one id."""
    random = np.random.default_rng(7)
    rows = (random.pareto(1.0, (sequences, length)) * 3).astype(np.uint32).clip(0, 60_000).astype(np.uint16)
    passage = random.integers(0, 60_000, 24).astype(np.uint16)
    for start in (3, 40, 80, 120):
        rows[: 20_000 // 4, start : start + 24] = passage
    rows[-50:, 10:140] = 65_535
    rows[-100:-50, 10:140] = 0
    return rows


@pytest.mark.parametrize("window", [1, 8])
def test_a_passage_that_stands_20000_times_and_long_runs(tmp_path: Path, window: int) -> None:
    rows = text_like(5_200, 160)
    with indexed_rows(tmp_path, rows, window, [1_000, 4_000]) as order:
        for ids in (rows[0, 3:27], rows[0, 5:20], rows[-1, 10:50], rows[-60, 10:50], rows[-1, 5:25], rows[70, 30:60]):
            assert order.found(ids) == everywhere(rows, ids)
        assert len(order.found(rows[0, 3:27])) == 20_000


def test_a_region_and_the_first_portion(tmp_path: Path) -> None:
    rows = text_like(5_200, 160)
    ids = rows[0, 3:27]
    with indexed_rows(tmp_path, rows, 8, [2_000]) as order:
        due = {place for place in everywhere(rows, ids) if (100, 50) <= place < (3_000, 0)}
        assert order.found(ids, 100, 3_000, 50) == due
        # A page of a frequent query does not read all of them.
        first = next(find_by_index(order.index, order.source, ids, Region(0, len(rows))))
        assert 0 < len(first) < 20_000


def test_no_occurrence_crosses_the_border_of_a_sequence(tmp_path: Path) -> None:
    rows = np.arange(60, dtype=np.uint16).reshape(3, 20)
    with indexed_rows(tmp_path, rows, 4) as order:
        assert order.found(rows.reshape(-1)[15:25]) == set()
        assert order.found(rows[1, 2:12]) == {(1, 2)}


def test_a_query_shorter_than_the_window_has_a_lower_bound(tmp_path: Path) -> None:
    rows = np.random.default_rng(1).integers(0, 30, (200, 50)).astype(np.uint16)
    with indexed_rows(tmp_path, rows, 8) as order:
        ids = rows[0, 0:2]
        assert not is_exact(order.index, ids)
        found = order.found(ids)
        assert found < everywhere(rows, ids)
        assert found


@pytest.mark.parametrize("ids", [[], [65_536, 1, 2, 3, 4, 5, 6, 7], [-1] * 8, [1] * 21])
def test_ids_that_the_order_cannot_hold(tmp_path: Path, ids: list[int]) -> None:
    with indexed_rows(tmp_path, np.ones((4, 20), np.uint16), 4) as order:
        region = Region(0, 4)
        assert places_of(find_by_index(order.index, order.source, np.array(ids, np.int64), region)) == set()


def test_sequences_shorter_than_the_window(tmp_path: Path) -> None:
    rows = np.random.default_rng(2).integers(0, 3, (300, 5)).astype(np.uint32)
    with indexed_rows(tmp_path, rows, 8) as order:
        assert order.index.window == 5
        assert order.found(rows[7]) == everywhere(rows, rows[7])
