"""The GPU's benchmark, run on the CPU at a tiny size: every line of it, and that without a GPU it says so."""

from __future__ import annotations

import importlib
import re
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from seenat.registry.suites.builtin import builtin_suites

ROOT = Path(__file__).parents[2]


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The module, which is not installed with seenat."""
    monkeypatch.syspath_prepend(ROOT)
    yield importlib.import_module("benchmarks.gpu")
    for name in [name for name in sys.modules if name.partition(".")[0] == "benchmarks"]:
        del sys.modules[name]


def test_every_size_is_measured_until_the_time_is_up(gpu: Any) -> None:
    model = next(model for model in builtin_suites()[0].models if model.name == "pythia-70m")
    shape = {"layers": 1, "width": 32, "heads": 2, "feed_forward": 64, "vocab_size": 300, "positions": 64}
    tiny = replace(model, name="tiny", architecture={**model.architecture, **shape})
    effort = gpu.Effort(rows=260, batches=(64,), least_seconds=0.001, side=32)
    told = "\n".join(gpu.lines([tiny], torch.device("cpu"), effort))
    rows = re.findall(r"^\| (\S*float\S*) \| ([\d,]+) \|.*\| (\d+), (\d+) of 260 \|$", told, flags=re.MULTILINE)
    assert [row[0] for row in rows] == ["bfloat16", "float16", "bfloat16-rechecked", "float32"]
    assert all(int(row[1].replace(",", "")) > 0 for row in rows)
    assert [row[2:] for row in rows[2:]] == [("0", "0")] * 2
    assert told.count("`generate` in ") == 2

    hurried = replace(effort, seconds=0.0)
    told = "\n".join(gpu.lines([tiny, replace(tiny, name="second")], torch.device("cpu"), hurried))
    assert "second and what is larger is left out" in told


def test_hours_are_those_of_all_cells_and_of_the_seen_ones(gpu: Any) -> None:
    """146,432,000 sequences x 154 checkpoints; a checkpoint has seen 1,024 for each of its steps, 0.4676 of all together."""
    model = gpu._models()[0]
    whole, seen = map(float, re.findall(r"[\d.]+", gpu._hours(model, 146_432_000 / 3600)))
    assert whole == 154
    assert seen == pytest.approx(154 * 0.4676, abs=0.05)
    assert [one.name for one in gpu._models()] == [f"pythia-{size}" for size in gpu._SIZES]


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_it_says_so(gpu: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert gpu.main([]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err == "This benchmark needs an NVIDIA GPU, and torch finds none here; `make bench` measures the CPU.\n"
