"""The table of the first layer: full or not, it says of an id what was computed of it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from seenat.memorization.engine.neox.first_layer_cache import IdTable, WholeTable


def parts_of(ids: torch.Tensor) -> list[torch.Tensor]:
    return [ids[:, None].float().expand(-1, 3) * 2, ids[:, None].float() + 0.5]


@pytest.mark.parametrize("rows", [0, 5, 60, 1000])
def test_rows_are_what_is_computed_of_ids(rows: int) -> None:
    table = IdTable(parts_of, (3, 1), 100, most_bytes=rows * 16)
    for seed in range(20):
        ids = torch.randint(0, 100, (30,), generator=torch.Generator().manual_seed(seed))
        for found, expected in zip(table.rows(ids), parts_of(ids), strict=True):
            assert torch.equal(found, expected)


def test_an_id_is_computed_once() -> None:
    computed: list[int] = []

    def compute(ids: torch.Tensor) -> list[torch.Tensor]:
        computed.extend(ids.tolist())
        return parts_of(ids)

    table = IdTable(compute, (3, 1), 100)
    for _ in range(2):
        table.rows(torch.tensor([7, 7, 3, 7]))
        table.rows(torch.tensor([3, 9]))
    assert computed == [3, 7, 9]


def test_what_is_returned_may_be_changed() -> None:
    table = IdTable(parts_of, (3, 1), 100)
    for _ in range(3):
        for part, expected in zip(table.rows(torch.tensor([4, 5])), parts_of(torch.tensor([4, 5])), strict=True):
            assert torch.equal(part, expected)
            part.zero_()


def test_threads_share_a_table() -> None:
    table = IdTable(parts_of, (3, 1), 5000, most_bytes=16 * 3000)

    def wrong(seed: int) -> int:
        ids = torch.randint(0, 5000, (500,), generator=torch.Generator().manual_seed(seed))
        return sum(int((a != b).sum()) for a, b in zip(table.rows(ids), parts_of(ids), strict=True))

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(wrong, range(100))) == 0


def test_a_whole_table_holds_every_id() -> None:
    table, ids = WholeTable(parts_of, 20_000, torch.device("cpu")), torch.tensor([19_999, 0, 8191, 8192, 0])
    for _ in range(2):
        for part, expected in zip(table.rows(ids), parts_of(ids), strict=True):
            assert torch.equal(part, expected)
            part.zero_()
