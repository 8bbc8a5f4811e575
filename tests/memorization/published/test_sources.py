"""Where published results are read from, and what is told of files that are none."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support import hostile_hub
from support.fake_hub import Fault, HubServer, client_of
from support.hostile_hub import Attack, serve_hostile
from support.published import write_memorized, write_rows

from seenat.memorization.published.importer import import_published
from seenat.memorization.published.sources import open_published
from seenat.registry.catalog.catalog import Catalog
from seenat.registry.errors import CorruptFile, HubUnavailable, InvalidValue, MissingExtra


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        (
            "my.csv",
            "index\n1\n",
            r"my.csv is csv, and results are read from Parquet; convert it with `pandas.read_csv\('my.csv'\)",
        ),
        ("my.jsonl", '{"index": 1}\n', r"convert it with `pandas.read_json\('my.jsonl', lines=True\)"),
        ("my.pt", "PK\x03\x04", r"torch.load\('my.pt', weights_only=True\)"),
        ("my.parquet", "index\n1\n", "it looks like text; give a Parquet file"),
    ],
)
def test_files_of_other_formats_are_told_apart(
    sqlite_catalog: Catalog, tmp_path: Path, name: str, content: str, message: str
) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(InvalidValue, match=message):
        import_published(sqlite_catalog, str(tmp_path / name), model="pythia-70m")


def test_a_missing_file_is_not_looked_for_on_a_hub(
    sqlite_catalog: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()
    for name in ("my.parquet", "data/missing", "mine/my.csv", "./missing"):
        with pytest.raises(InvalidValue, match=f"{name} does not exist"):
            import_published(sqlite_catalog, name, model="pythia-70m")
    with pytest.raises(InvalidValue, match="no home folder of that user is known"):
        import_published(sqlite_catalog, "~nobody-here/my.parquet", model="pythia-70m")


def test_an_index_that_cannot_be_is_refused(sqlite_catalog: Catalog, tmp_path: Path) -> None:
    with pytest.raises(CorruptFile, match="holds the index -1"):
        import_published(sqlite_catalog, str(write_memorized(tmp_path / "sets", {"duped.70m": [3, -1]})))


def test_what_is_no_such_data_set_is_refused(sqlite_catalog: Catalog, tmp_path: Path) -> None:
    from datasets import Dataset

    (tmp_path / "empty").mkdir()
    (tmp_path / "other").mkdir()
    Dataset.from_dict({"text": ["a"]}).to_parquet(str(tmp_path / "other" / "train.parquet"))
    (tmp_path / "broken.parquet").write_bytes(b"PAR1")
    for name, message in (
        ("empty", "is not a data set that can be read"),
        ("other", "has the columns text; results have index, and memorized"),
        ("broken.parquet", "broken.parquet cannot be read as a Parquet file: its footer has"),
        ("not there", "does not exist, and is not the name of a repository"),
    ):
        with pytest.raises((InvalidValue, CorruptFile), match=message):
            import_published(sqlite_catalog, str(tmp_path / name))


def test_rows_stream_in_pieces(tmp_path: Path) -> None:
    with open_published(str(write_memorized(tmp_path / "sets", {"duped.70m": range(45_000)}))) as (data,):
        pieces = [piece.index for piece in data.pieces()]
    assert len(pieces) > 2
    assert max(map(len, pieces)) <= 20_000
    assert np.concatenate(pieces).tolist() == list(range(45_000))


def test_without_datasets_it_says_what_is_missing(
    sqlite_catalog: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(MissingExtra, match=r"seenat\[data\]"):
        import_published(sqlite_catalog, str(tmp_path))


def test_a_hub_that_never_ends_its_answer_is_given_up(sqlite_catalog: Catalog) -> None:
    with serve_hostile() as hub, client_of(hub):
        hub.attack = Attack("listing", send=hostile_hub.endless_body)
        with pytest.raises((CorruptFile, HubUnavailable), match="data set org/sets"):
            import_published(sqlite_catalog, "org/sets", model="pythia-70m")


SILENCED = """
from seenat.memorization.published.sources import open_published
from seenat.registry.errors import HubUnavailable

with open_published("org/sets", patience=8) as (data,):
    print(sum(len(piece.index) for piece in data.pieces()), flush=True)
    input()
    try:
        next(data.pieces())
    except HubUnavailable as error:
        print(error)
"""


def test_a_hub_that_is_silent_amid_rows_is_given_up(hub: HubServer, tmp_path: Path) -> None:
    write_rows(tmp_path / "sets" / "train.parquet", index=list(range(30_000)))
    hub.add("datasets/org/sets", "main", tmp_path / "sets")
    environment = hub.environment(tmp_path / "hf")
    pipes: Any = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "env": environment}
    with subprocess.Popen([sys.executable, "-c", SILENCED], **pipes) as reader:
        assert reader.stdout is not None
        assert reader.stdout.readline() == "30000\n"
        hub.faults["datasets/org/sets"] = Fault(at="body", delay=40)
        began = time.monotonic()
        told, _ = reader.communicate("\n")
    assert f"The hub at {hub.url} brought nothing of org/sets in 8 seconds; try again later.\n" == told
    assert time.monotonic() - began < 30
