"""The page of benchmarks: a part measured again replaces its own section, and a figure says whether it meets its target."""

from __future__ import annotations

import importlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """`benchmarks.page`, which is not installed with seenat."""
    monkeypatch.syspath_prepend(ROOT)
    yield importlib.import_module("benchmarks.page")
    for name in [name for name in sys.modules if name.partition(".")[0] == "benchmarks"]:
        del sys.modules[name]


@pytest.mark.needs_torch
def test_a_part_replaces_its_own_section_only(page: Any, tmp_path: Path) -> None:
    file = tmp_path / "page.md"
    for part, text in (("one", "## One, 1"), ("two", "## Two, 1"), ("one", "## One, 2"), ("three", "## Three, \\1")):
        page.with_section(file, part, text)
    text = file.read_text(encoding="utf-8")
    assert text.startswith("# Benchmarks\n")
    found = [line for line in text.splitlines() if line.startswith("## ")]
    assert found == ["## One, 2", "## Two, 1", "## Three, \\1"]
    assert text.count("Measured ") == 3
    assert text.count("[Two, 1](#two-1) ·") == text.count("[One, 2](#one-2) ·") == text.count("<!-- contents -->") == 1
    assert text.count("[Two, 1](#two-1) ·") == text.count("[One, 2](#one-2) ·") == text.count("<!-- contents -->") == 1


def test_a_figure_stands_beside_its_target(page: Any) -> None:
    figures = [
        page.Figure(what="rate", value=9.9, text="9.9x", least=10, unit="x"),
        page.Figure(what="rate", value=10.0, text="10.0x", least=10, unit="x"),
        page.Figure(what="bytes", value=0.41, text="0.41", most=0.4),
        page.Figure(what="differ", value=0, text="0 of 9", most=0),
        page.Figure(what="differ", value=1, text="1 of 9", most=0),
        page.Figure(what="memory", value=7, text="7 MB"),
    ]
    lines = page.figures(figures).splitlines()[2:]
    assert [line.split("|")[3].strip() for line in lines] == [
        "at least 10x",
        "at least 10x",
        "at most 0.4",
        "none",
        "none",
        "",
    ]
    assert [line.split("|")[4].strip() for line in lines] == [
        "**not met**",
        "met",
        "**not met**",
        "met",
        "**not met**",
        "",
    ]


def test_variants_are_compared_round_by_round(page: Any) -> None:
    from benchmarks.rounds import Variant, differing, ratio

    def run(rows: Any) -> Any:
        return {"prefix": rows[:, 0].astype(np.uint8)}

    one, two = Variant(name="one", rows=4, run=run), Variant(name="two", rows=2, run=run)
    rows = np.arange(12).reshape(4, 3)
    for variant in (one, two):
        variant.take(rows)
    two.values[0]["prefix"][1] += 1
    assert differing(one, two, "prefix") == (1, 2)
    one.seconds[:], two.seconds[:] = [1.0, 2.0, 3.0], [10.0, 10.0, 60.0]
    assert str(ratio(two, one)) == "10.0x [5.0, 20.0]"
    assert one.rate == 0.5


def test_every_part_is_named_in_the_help() -> None:
    told = subprocess.run(
        [sys.executable, "-m", "benchmarks", "--help"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    told = "".join(told.split())  # A narrow terminal breaks lines within a name.
    assert all(part in told for part in ("equality", "engine", "loss", "memory", "job", "scale", "influence"))
