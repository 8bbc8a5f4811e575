"""Datasets for bergson and its scores, read by what its format says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.small_index import compared, flat_order

from seenat.attribution.exchange.bergson import export_dataset, read_scores, write_scores
from seenat.attribution.exchange.scores import scored_sequences, sequences_of_rows
from seenat.registry.errors import CorruptFile, InvalidValue, UnknownSequence
from seenat.registry.orders.geometry import Geometry
from seenat.registry.units import SequenceRange

GEOMETRY = Geometry(sequences=100, tokens_per_sequence=9, dtype="uint16")


def bergsons(folder: Path, scores: np.ndarray, written: np.ndarray, dtype: str = "float32") -> Path:
    """A folder as bergson's own writer lays it out: pairs aligned to a power of two, the record to 8 bytes."""
    folder.mkdir()
    size = {"float16": 2, "bfloat16": 2, "float32": 4, "float64": 8}[dtype]
    pair = 1 << size.bit_length()  # The next power of two behind a score and its flag.
    queries = scores.shape[1]
    fields: dict[str, Any] = {"names": [], "formats": [], "offsets": [], "itemsize": -(-queries * pair // 8) * 8}
    for query in range(queries):
        fields["names"] += [f"score_{query}", f"written_{query}"]
        fields["formats"] += [dtype, "bool"]
        fields["offsets"] += [query * pair, query * pair + size]
    stored = {**fields, "formats": ["u2" if word == "bfloat16" else word for word in fields["formats"]]}
    records = np.zeros(len(scores), np.dtype(stored))
    for query in range(queries):
        column = scores[:, query].astype("float32")
        if dtype == "bfloat16":
            column = column.view(np.uint32) >> 16
        records[f"score_{query}"] = column
        records[f"written_{query}"] = written[:, query]
    records.tofile(folder / "scores.bin")
    info = {"num_items": len(scores), "num_scores": queries, "dtype": fields}
    (folder / "info.json").write_text(json.dumps(info))
    return folder


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
@pytest.mark.parametrize("queries", [1, 3])
def test_scores_are_read_in_every_type(tmp_path: Path, dtype: str, queries: int) -> None:
    rng = np.random.default_rng(queries)
    # Numbers that eight bits of fraction hold.
    scores = rng.integers(-100, 100, (50, queries)).astype(float)
    written = rng.random((50, queries)) < 0.9
    file = read_scores(bergsons(tmp_path / "scores", scores, written, dtype))
    assert (file.items, file.queries) == (50, queries)
    for query in range(queries):
        expected = np.where(written[:, query], scores[:, query], np.nan)
        np.testing.assert_array_equal(file.scores(query), expected.astype(np.float32))


def test_scores_that_are_written_are_bergsons_files(tmp_path: Path) -> None:
    scores = np.random.default_rng(1).normal(size=(40, 2)).astype(np.float32)
    scores[3, 1] = np.nan
    write_scores(tmp_path / "ours", scores)
    theirs = bergsons(tmp_path / "theirs", np.nan_to_num(scores), ~np.isnan(scores))
    assert (tmp_path / "ours" / "scores.bin").read_bytes() == (theirs / "scores.bin").read_bytes()
    assert json.loads((tmp_path / "ours" / "info.json").read_text()) == json.loads((theirs / "info.json").read_text())
    file = read_scores(tmp_path / "ours")
    np.testing.assert_array_equal(np.stack([file.scores(0), file.scores(1)], axis=1), scores)
    for odd in (np.zeros((2, 2, 2)), []):
        with pytest.raises(InvalidValue, match="not of shape"):
            write_scores(tmp_path / "odd", odd)


def test_rows_become_sequences_batches_and_steps(tmp_path: Path) -> None:
    sequences = np.array([7, 3, 99, 50, 3])
    scores = np.array([[1, 5], [2, 4], [3, np.nan], [4, 2], [5, 1]], np.float32)
    write_scores(tmp_path / "scores", scores)
    written: list[dict[str, Any]] = []
    found = scored_sequences(
        read_scores(tmp_path / "scores"), "order", GEOMETRY, sequences, 4, limit=2, write=written.append
    )
    assert [(one.query, one.sequence, one.batch, one.step, one.score) for one in found.sequences] == [
        (0, 3, 0, 1, 5.0),
        (0, 50, 12, 13, 4.0),
        (1, 7, 1, 2, 5.0),
        (1, 3, 0, 1, 4.0),
    ]
    assert (found.rows, found.queries, found.missing) == (5, 2, 1)
    columns = {name: np.concatenate([part[name] for part in written]).tolist() for name in written[0]}
    assert columns["row"] == [0, 1, 2, 3, 4, 0, 1, 3, 4]
    assert columns["sequence"] == [7, 3, 99, 50, 3, 7, 3, 50, 3]
    with pytest.raises(InvalidValue, match="5 rows, and 4 sequences were given"):
        scored_sequences(read_scores(tmp_path / "scores"), "order", GEOMETRY, sequences[:4], 4)
    with pytest.raises(UnknownSequence, match="no sequence 100"):
        scored_sequences(read_scores(tmp_path / "scores"), "order", GEOMETRY, sequences + 1, 4)


@pytest.mark.parametrize("name", ["rows.parquet", "rows"])
def test_a_dataset_goes_out_and_tells_its_rows(tmp_path: Path, name: str) -> None:
    import datasets

    rows = np.random.default_rng(0).integers(0, 60_000, (30, 9)).astype(np.uint16)
    source = flat_order(tmp_path, rows)
    written = export_dataset(compared(source, SequenceRange(5, 25)), tmp_path / name)
    if name == "rows":
        found = datasets.load_from_disk(str(tmp_path / name))
    else:
        found = datasets.Dataset.from_parquet(str(tmp_path / name), cache_dir=str(tmp_path / "cache"))
    assert (written.rows, len(found)) == (20, 20)
    assert set(found.column_names) == {"sequence", "batch", "step", "length", "input_ids"}
    for row, one in zip(range(5, 25), found, strict=True):
        assert (one["sequence"], one["batch"], one["step"], one["length"]) == (row, row // 4, row // 4 + 1, 8)
        assert one["input_ids"] == rows[row, :8].tolist()
    assert sequences_of_rows(tmp_path / name).tolist() == list(range(5, 25))


def test_rows_have_some_ids(tmp_path: Path) -> None:
    source = flat_order(tmp_path, np.ones((3, 9), np.uint16))
    for length in (0, 10):
        with pytest.raises(InvalidValue, match="1 to 9 ids"):
            export_dataset(compared(source), tmp_path / "rows", length=length)
    assert export_dataset(compared(source), tmp_path / "rows", length=9).metadata["ids"] == 9


def test_what_is_no_dataset_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.parquet").write_text("no Parquet")
    for path in (tmp_path / "nothing", tmp_path / "empty", tmp_path / "text.parquet"):
        with pytest.raises((CorruptFile, InvalidValue)):
            sequences_of_rows(path)


def damaged(info: dict[str, Any]) -> list[tuple[Any, str]]:
    """What `info.json` may hold instead, and what is said of it."""
    fields = info["dtype"]
    return [
        ([], "no JSON object"),
        ({**info, "num_items": -1}, "how many scores"),
        ({**info, "num_scores": 2.0}, "how many scores"),
        ({**info, "num_scores": 1 << 40}, "names other fields"),
        ({**info, "num_items": 41}, "bytes instead of"),
        ({**info, "dtype": {**fields, "formats": ["O", "bool", "float32", "bool"]}}, "formats that are not one of"),
        ({**info, "dtype": {**fields, "formats": [["f4"], "bool", "float32", "bool"]}}, "formats that are not one of"),
        ({**info, "dtype": {**fields, "offsets": [0, 4, 8, 1 << 70]}}, "do not fit"),
        ({**info, "dtype": {**fields, "offsets": [-4, 0, 8, 12]}}, "do not fit"),
        ({**info, "dtype": {**fields, "offsets": None}}, "do not fit"),
        ({**info, "dtype": {**fields, "itemsize": 3}}, "do not fit"),
        ({**info, "dtype": {**fields, "names": ["a", "b", "c", "d"]}}, "names other fields"),
        ({**info, "dtype": {**fields, "names": None}}, "names other fields"),
    ]


def test_damaged_folders_are_refused_in_one_sentence(tmp_path: Path) -> None:
    write_scores(tmp_path / "scores", np.ones((40, 2)))
    path = tmp_path / "scores" / "info.json"
    for other, words in damaged(json.loads(path.read_text())):
        path.write_text(json.dumps(other))
        with pytest.raises(CorruptFile, match=words):
            read_scores(tmp_path / "scores")
    for text in ("{", "[" * 100_000, '"' + "x" * (1 << 24) + '"'):
        path.write_text(text)
        with pytest.raises(CorruptFile, match="no JSON object"):
            read_scores(tmp_path / "scores")
    path.write_text('{"attribute_tokens": true}')
    with pytest.raises(InvalidValue, match="a score for each id"):
        read_scores(tmp_path / "scores")
    path.unlink()
    with pytest.raises(InvalidValue, match="cannot be read"):
        read_scores(tmp_path / "scores")
