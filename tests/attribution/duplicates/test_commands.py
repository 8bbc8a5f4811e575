"""`seenat duplicates` and `seenat exposures`, as tables, JSON, files and charts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.cli import Call
from support.repeated_windows import MadeUp

import seenat


@pytest.fixture(scope="session")
def with_index(made: MadeUp) -> None:
    """An index over the order, as `seenat index build` leaves it."""
    with seenat.open(made.catalog.database.url.render_as_string()) as catalog:
        catalog.index.build("made-up-order", workers=1)


def answer(call: Call, *args: str) -> Any:
    called = call(*args, "--json")
    assert called.code == 0, called.err
    return json.loads(called.out)


def test_duplicates_are_counted_and_listed(call: Call, made: MadeUp) -> None:
    groups = np.unique(made.rows[:, :64], axis=0, return_counts=True)[1]
    found = answer(call, "duplicates", "made-up-order", "--window", "0:64", "--limit", "3")
    assert found["contents"] == len(groups)
    assert found["duplicates"] == 1120 - len(groups)
    assert [one["times"] for one in found["groups"]] == sorted(groups.tolist(), reverse=True)[:3]
    assert set(found["groups"][0]["places"][0]) == {"sequence", "offset", "batch", "step"}
    assert answer(call, "duplicates", "made-up", "--batches", "0:3")["sequences"] == {"start": 0, "stop": 48}
    table = call("duplicates", "made-up-order", "--window", "0:64").out
    assert "1,120 sequences, positions 0:64" in table
    assert "more" in table


def test_rows_and_charts_are_written(call: Call, tmp_path: Path) -> None:
    from pyarrow import parquet

    called = call("duplicates", "made-up-order", "--window", "0:64", "--out", "rows.parquet", "--plot", "chart.svg")
    assert called.code == 0, called.err
    rows = parquet.read_table(tmp_path / "rows.parquet")
    assert rows.column_names == ["content", "times", "number", "sequence", "offset", "batch", "step"]
    assert rows.num_rows > 500
    assert (tmp_path / "chart.svg").stat().st_size > 1000
    called = call("exposures", "made-up", "--out", "exposures.parquet", "--plot", "exposures.svg")
    assert called.code == 0, called.err
    rows = parquet.read_table(tmp_path / "exposures.parquet")
    assert rows.num_rows == answer(call, "exposures", "made-up", "--limit", "0")["memorized"]
    assert (tmp_path / "exposures.svg").stat().st_size > 1000


def test_exposures_are_shown_by_powers_of_two(call: Call) -> None:
    called = call("exposures", "made-up", "--limit", "2")
    assert called.code == 0, called.err
    assert "the same ids at 0:64" in called.out
    assert " 3 to 4 " in called.out
    found = answer(call, "exposures", "made-up")
    assert sum(one["sequences"] for one in found["totals"]) == found["memorized"]
    assert len(found["sequences"]) == 20


@pytest.mark.usefixtures("with_index")
def test_an_index_finds_what_stands_anywhere_and_what_is_alike(call: Call, made: MadeUp, tmp_path: Path) -> None:
    found = answer(call, "duplicates", "made-up-order", "--anywhere", "--minimum", "40", "--out", "repeats")
    assert not found["complete"]
    assert {one["length"] for one in found["frequent"]} >= {64}
    assert (tmp_path / "repeats" / "state.json").exists()
    assert "not compared in pairs" in call("duplicates", "made-up-order", "--anywhere").err
    alike = answer(call, "duplicates", "made-up-order", "--like", "0")
    equal = np.flatnonzero((made.rows[:, :64] == made.rows[0, :64]).all(axis=1))
    assert {one["sequence"] for one in alike["sequences"]} <= set(equal.tolist()) - {0} or alike["candidates"] > 20
    assert "resemblance" in call("duplicates", "made-up-order", "--like", "0").out
    anywhere = answer(call, "exposures", "made-up", "--anywhere")
    assert anywhere["totals"][-1]["exposures"] >= answer(call, "exposures", "made-up")["totals"][-1]["exposures"]


def test_what_cannot_be_is_refused_in_one_sentence(call: Call) -> None:
    for args, code, words in (
        (
            ["duplicates", "pile-deduped", "--batches", "0:1", "--anywhere"],
            3,
            "make one with `seenat index build pile-",
        ),
        (["duplicates", "made-up-order", "--anywhere", "--like", "1"], 2, "Choose one of"),
        (["duplicates", "made-up-order", "--like", "1", "--out", "x"], 2, "leave out --plot and --out"),
        (["duplicates", "made-up-order", "--window", "0:66"], 2, "within 0:65"),
        (["duplicates", "pile-deduped"], 2, "would fetch 600.1 GB"),
        (["duplicates", "made-up-order", "--batches", "0:99"], 2, "within 0:70"),
    ):
        called = call(*args)
        assert (called.code, called.out) == (code, "")
        assert words in called.err
        assert called.err.count("\n") == 1


def test_the_library_gives_the_same(made: MadeUp, tmp_path: Path) -> None:
    with seenat.open(made.catalog.database.url.render_as_string()) as catalog:
        found = catalog.duplicates("made-up-order", window="0:64", out=tmp_path / "rows")
        assert isinstance(found, seenat.Duplicates)
        assert len(found.to_arrow()) == found.repeated == 17
        done: list[tuple[int, int]] = []
        assert isinstance(catalog.exposures("made-up", progress=lambda *at: done.append(at)), seenat.MemorizedExposures)
        assert done[-1] == (1120, 1120)
