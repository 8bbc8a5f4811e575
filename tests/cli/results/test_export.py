"""The commands that write files."""

from __future__ import annotations

import json
from pathlib import Path

import datasets
import numpy as np
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result

from seenat.cli.results.export import export, export_batches

COMMANDS = {"export": export, "export-batches": export_batches}


@pytest.fixture
def run(home: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("SEENAT_HOME", str(home))
    monkeypatch.chdir(tmp_path)

    def invoke(name: str, *args: str) -> Result:
        return CliRunner(catch_exceptions=False).invoke(COMMANDS[name], args)

    return invoke


def test_batches_of_a_model_are_those_of_its_order(run, tmp_path: Path) -> None:
    said = run("export-batches", "pocket-2m", "--steps", "128:131", "--out", "a.npy")
    assert said.stdout == f"Written to {tmp_path / 'a.npy'}: 24 rows of pocket-order, batches 128:131.\n"
    run("export-batches", "pocket-order", "--batches", "128:131", "--out", "b.parquet")
    ids = np.load("a.npy")
    assert ids.shape[0] == 24
    np.testing.assert_array_equal(np.array(pq.read_table("b.parquet").column("tokens").to_pylist()), ids)
    answer = json.loads(run("export-batches", "pocket-2m", "--batches", "380:384", "--out", "c", "--json").stdout)
    assert answer | {"format": "dataset", "rows": 32, "batches": {"start": 380, "stop": 384}} == answer
    assert datasets.load_from_disk("c")["step"][-1] == 384


def test_results_of_a_model(run) -> None:
    answer = json.loads(run("export", "pocket-230k", "--sequences", "0:100", "--out", "out.parquet", "--json").stdout)
    assert answer["rows"] == pq.read_metadata("out.parquet").num_rows > 100
    assert "rows of pocket-230k, measured by protocol" in run("export", "pocket-230k", "--out", "out").stdout


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ((), "Write either --batches START:STOP or --steps START:STOP."),
        (("--batches", "0:1", "--steps", "0:1"), "Write either --batches START:STOP or --steps START:STOP."),
        (("--batches", "0:1", "--out", "a.txt"), "a.txt does not end in .npy, .parquet, .csv, .jsonl or nothing"),
    ],
)
def test_usage(run, tmp_path: Path, args: tuple[str, ...], message: str) -> None:
    refused = run("export-batches", "pocket-2m", "--out", "a.npy", *args)
    assert refused.exit_code == 2
    assert message in " ".join(refused.stderr.split())
    assert list(tmp_path.glob("a.npy*")) == []
