"""The commands that write for other tools and read from them, over a model of made-up results."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from pyarrow import parquet
from support.cli import Call
from support.repeated_windows import MadeUp
from support.synthetic_results import STEPS

import seenat
from seenat.memorization.published.sources import open_published


def test_a_list_of_memorized_sequences_is_read_as_a_published_one(call: Call, made: MadeUp, tmp_path: Path) -> None:
    called = call("export-memorized", "made-up", "--step", "40", "--out", "list.parquet")
    assert called.code == 0, called.err
    memorized = np.flatnonzero(made.values[STEPS.index(40)] == 32)
    with open_published(str(tmp_path / "list.parquet")) as (published,):
        assert published.columns.is_list
        pieces = list(published.pieces(tokens=True))
    assert np.concatenate([piece.index for piece in pieces]).tolist() == memorized.tolist()
    ids = [row for piece in pieces for row in piece.tokens.to_pylist()]
    assert ids == made.rows[memorized, :64].tolist()
    last = call("export-memorized", "made-up", "--out", "last", "--json")
    assert json.loads(last.out)["step"] == 70
    missing = call("export-memorized", "made-up", "--step", "3", "--out", "x")
    assert (missing.code, list(tmp_path.glob("x*"))) == (3, [])
    assert "at step 3 has been measured" in missing.err


def test_scores_of_an_exported_dataset_come_back_by_step(call: Call, made: MadeUp, tmp_path: Path) -> None:
    assert call("export-dataset", "made-up", "--batches", "10:12", "--out", "rows").code == 0
    scores = np.arange(32, dtype=np.float32)
    with seenat.open(made.catalog.database.url.render_as_string()) as catalog:
        catalog.export_scores(scores, tmp_path / "scores")
    called = call("import", "scores", "scores", "made-up", "--rows", "rows", "--out", "all.parquet", "--json")
    assert called.code == 0, called.err
    best = json.loads(called.out)["sequences"][0]
    assert best == {"query": 0, "sequence": 191, "batch": 11, "step": 12, "score": 31.0}
    table = parquet.read_table(tmp_path / "all.parquet")
    assert table.column("sequence").to_pylist() == list(range(160, 192))
    assert table.column("score").to_pylist() == scores.tolist()
    by_range = call("import", "scores", "scores", "made-up", "--sequences", "160:192", "--limit", "1")
    assert "191" in by_range.out
    for args in (["--rows", "rows", "--sequences", "0:32"], []):
        assert "Give either the dataset" in call("import", "scores", "scores", "made-up", *args).err


@pytest.mark.parametrize("format_", ["infini-gram", "tokengrams"])
def test_indexes_are_exported(call: Call, tmp_path: Path, format_: str) -> None:
    called = call("export-index", "made-up-order", "index", "--format", format_, "--batches", "0:2")
    assert called.code == 0, called.err
    assert "32 sequences of made-up-order, in 1 part" in called.out
    assert (tmp_path / "index" / "seenat.json").exists()
    assert "exists already" in call("export-index", "made-up-order", "index").err


def test_an_index_of_tokengrams_answers_for_its_batches(call: Call, made: MadeUp, tmp_path: Path) -> None:
    assert call("export-index", "made-up-order", "index", "--format", "tokengrams", "--batches", "1:3").code == 0
    with seenat.open(made.catalog.database.url.render_as_string()) as catalog:
        index = catalog.suffix_index(
            "made-up-order", tmp_path / "index" / "text.0.bin", tmp_path / "index" / "table.0.idx", batches="1:3"
        )
        found = index.positions(made.rows[20, 5:30])
    assert (20, 5, 2) in [(one.sequence, one.offset, one.step) for one in found]
    assert all(16 <= one.sequence < 48 for one in found)


@pytest.mark.parametrize("name", ["rows.parquet", "rows"])
def test_any_table_can_be_written(made: MadeUp, tmp_path: Path, name: str) -> None:
    import datasets

    with seenat.open(made.catalog.database.url.render_as_string()) as catalog:
        answer = catalog.duplicates("made-up-order", window="0:64")
        nothing = catalog.duplicates("made-up-order", limit=0)
        steps = catalog.checkpoints("made-up")
    written = seenat.write_table(answer, tmp_path / name)
    assert written.rows == len(answer.groups)
    assert written.metadata["duplicates"] == answer.duplicates
    assert "groups" not in written.metadata
    if name == "rows":
        rows = datasets.load_from_disk(str(tmp_path / name)).to_list()
    else:
        rows = parquet.read_table(tmp_path / name).to_pylist()
        assert json.loads(parquet.read_schema(tmp_path / name).metadata[b"seenat"])["order"] == "made-up-order"
    assert rows == answer.to_json()["groups"]
    assert seenat.write_table(steps, tmp_path / "steps.parquet").rows == len(STEPS)
    with pytest.raises(seenat.InvalidValue, match="no rows"):
        seenat.write_table(nothing, tmp_path / "nothing.parquet")
    with pytest.raises(seenat.InvalidValue, match="exists already"):
        seenat.write_table(answer, tmp_path / name)
