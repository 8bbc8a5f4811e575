"""`seenat find` and `seenat index`, as commands."""

from __future__ import annotations

import io
import json
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.cli import Call, run_process

import seenat
from seenat.attribution.find.chart import found_chart

pytestmark = pytest.mark.needs_torch

MODEL, TEXT = "pocket-230k", "process group"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, pocket_file: Path) -> Path:
    """A home with the pocket suite and an index of its order."""
    folder = tmp_path_factory.mktemp("indexed-home")
    shutil.copy(pocket_file, folder)
    done = run_process(folder, ["index", "build", "pocket-order", "--shard-batches", "200"])
    assert done.returncode == 0, done.stderr
    return folder


def answer(call: Call, *args: str) -> Any:
    called = call(*args, "--json")
    assert called.code == 0, called.err
    return json.loads(called.out)


def test_json_has_the_keys_that_others_build_on(call: Call) -> None:
    found = answer(call, "find", TEXT, "--model", MODEL, "--limit", "3", "--context", "4")
    assert set(found) >= {"order", "coverage", "variants", "count", "exposures", "text", "model", "step", "next"}
    assert set(found["variants"][0]) >= {"text", "ids", "count"}
    exposure = found["exposures"][0]
    assert set(exposure) >= {"sequence", "offset", "batch", "step", "variant", "first_checkpoint_seen", "context"}
    assert exposure["step"] == exposure["batch"] + 1
    assert "measured" not in found


def test_pages_first_and_steps(call: Call) -> None:
    found = answer(call, "find", TEXT, "--model", MODEL, "--limit", "3")
    after = f"{found['next']['sequence']}:{found['next']['offset']}"
    later = answer(call, "find", TEXT, "--model", MODEL, "--limit", "2", "--after", after)
    both = answer(call, "find", TEXT, "--model", MODEL, "--limit", "5")
    assert found["exposures"] + later["exposures"] == both["exposures"]
    first = answer(call, "find", TEXT, "--model", MODEL, "--first")
    assert (first["exposures"], first["count"]) == (found["exposures"][:1], None)
    step = found["exposures"][1]["step"]
    seen = answer(call, "find", TEXT, "--model", MODEL, "--step", "4", "--limit", "99")
    assert {exposure["step"] <= 4 for exposure in seen["exposures"]} == {True}
    assert (step <= 4) == (found["exposures"][1] in seen["exposures"])


def test_many_queries_are_a_document_a_line(call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = tmp_path / "queries.txt"
    lines.write_text(f"{TEXT}\n\nbackend\n", "utf-8")
    called = call("find", "--file", str(lines), "--model", MODEL, "--json")
    answers = [json.loads(line) for line in called.out.splitlines()]
    assert [found["text"] for found in answers] == [TEXT, "backend"]
    assert answers[0] == answer(call, "find", TEXT, "--model", MODEL)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(TEXT.encode() + b"\n"), "utf-8"))
    assert answer(call, "find", "-", "--model", MODEL) == answers[0]


def test_people_get_a_table_and_what_was_searched(call: Call) -> None:
    found = answer(call, "find", TEXT, "--model", MODEL, "--limit", "3")
    called = call("find", TEXT, "--model", MODEL, "--limit", "3")
    exposure, printed = found["exposures"][0], called.out
    assert f"exposures  {found['count']}" in printed
    assert "all 3,072 sequences" in printed
    assert "not within longer words" in printed
    row = [str(exposure[key]) for key in ("step", "batch", "sequence", "offset")]
    assert any(line.split()[:4] == row for line in printed.splitlines())
    assert f"More: --after {found['next']['sequence']}:" in called.err


def test_a_measured_text_has_a_verdict_and_a_chart(call: Call, home: Path, tmp_path: Path) -> None:
    plot = tmp_path / "text.svg"
    options = ("--model", MODEL, "--measure", "--steps", "0,384")
    called = call("find", TEXT, *options, "--plot", str(plot))
    assert called.code == 0, called.err
    points = answer(call, "find", TEXT, *options)["measured"]["points"]
    first = next((point for point in points if point["memorized"]), None)
    due = "No checkpoint reproduces it." if first is None else f"Memorized at step {first['step']}, after"
    assert due in called.out
    assert plot.read_text("utf-8").startswith("<svg")


def test_the_chart_counts_every_exposure_and_ends_at_the_last_checkpoint(home: Path) -> None:
    with seenat.open(str(home / "catalog.sqlite")) as catalog:
        found = catalog.measure_text(TEXT, model=MODEL, steps=[0, 384])
        steps, drawn = catalog.exposure_steps(TEXT, model=MODEL), catalog.exposure_curve(TEXT, model=MODEL)
        nowhere = catalog.exposure_curve([7] * 30, model=MODEL)
    upper, lower = found_chart(drawn, found.measured).to_dict()["vconcat"]
    curve = [(row["step"], row["exposures"]) for row in upper["data"]["values"]]
    assert curve[0] == (0, 0)
    assert curve[-1] == (384, found.count)
    for step, exposures in curve[1:-1]:
        assert np.searchsorted(steps, step, "left") < exposures <= np.searchsorted(steps, step, "right")
    assert {row["step"] for row in lower["data"]["values"]} == {0, 384}
    alone = found_chart(drawn, None).to_dict()
    first, last = alone["encoding"]["x"]["scale"]["domain"]
    assert {first, last} == {alone["data"]["values"][0]["step"], alone["data"]["values"][-1]["step"]}
    with pytest.raises(seenat.NothingToDraw):
        found_chart(nowhere, None)


def test_an_index_is_listed_verified_and_removed(call: Call, home: Path) -> None:
    (status,) = answer(call, "index", "status", "pocket-order")
    assert (status["window"], status["whole"], status["shards"]) == (8, True, 3)
    assert "Of 3 shards and their ranks of ids, 0 are damaged." in call("index", "verify", "pocket-order").out
    assert answer(call, "index", "build", "pocket-order", "--dense", "--batches", "0:10")["window"] == 1
    victim = next(home.glob("catalog.sqlite.indexes/*-w1/*.ngrams"))
    victim.write_bytes(victim.read_bytes()[:-1])
    called = call("index", "verify", "pocket-order")
    assert called.code == 1
    assert f"{victim}: it has" in called.out
    assert "--repair" in called.err
    assert "were built again" in call("index", "verify", "pocket-order", "--repair").out
    assert [removed["window"] for removed in answer(call, "index", "remove", "pocket-order", "--window", "1")] == [1]
    assert not list(home.glob("catalog.sqlite.indexes/*-w1"))
