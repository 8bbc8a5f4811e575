"""Importing published memorization results: data sets written by `datasets` itself, with the faults that the real ones have."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select
from support.fake_hub import HubServer
from support.published import write_memorized, write_sample
from support.result_sets import contents, record_model, result_set

from seenat.memorization.published.importer import import_published, remove_imported
from seenat.memorization.published.result_sets import PUBLISHED_PROTOCOL, SetContent
from seenat.memorization.published.split_names import SplitName
from seenat.memorization.results.measurements import results_folder
from seenat.registry.access.import_log import import_entries
from seenat.registry.catalog.catalog import Catalog
from seenat.registry.database.tables.catalog import models
from seenat.registry.database.tables.imports import reference_counts
from seenat.registry.errors import CorruptFile, HubUnavailable, InvalidValue, NotMeasured, UnknownCheckpoint
from seenat.registry.suites.reference_counts import record_reference_counts

ALL = 146_432_000
SIZES = ("70M", "160M", "410M", "1B", "1.4B", "2.8B", "6.9B", "12B")


# -- sets of memorized sequences


def test_memorized_sequences_of_the_first_release(sqlite_catalog: Catalog, tmp_path: Path) -> None:
    folder = write_memorized(tmp_path / "sets", {"duped.160m": [7, 3, 146_000_000], "deduped.12b.23000": [1]})
    done = {one.model: one for one in import_published(sqlite_catalog, str(folder))}
    assert {name: (one.step, one.kind, one.sequences, one.outcome) for name, one in done.items()} == {
        "pythia-160m-v0": (71_500, "memorized", 3, "added"),
        "pythia-12b-deduped-v0": (23_000, "memorized", 1, "added"),
    }
    found = result_set(sqlite_catalog, "pythia-160m-v0")
    assert (found.step, found.protocol, found.source) == (71_500, PUBLISHED_PROTOCOL, str(folder))
    assert "-v0" in str(found.note)
    assert found.content().sequences.tolist() == [3, 7, 146_000_000]
    assert found.content().scores is None


def test_the_faults_of_the_published_procedure_are_counted(sqlite_catalog: Catalog, tmp_path: Path) -> None:
    """Rows written twice, rows that the checkpoint had not seen, and numbers that may be one too high."""
    last = ALL - 303
    rows = [5, 9, 5, 5, ALL, last - 1, last, ALL - 1]
    (done,) = import_published(sqlite_catalog, str(write_memorized(tmp_path / "whole", {"duped.70m": rows})))
    assert (done.read, done.repeated, done.beyond, done.sequences, done.marked) == (8, 2, 1, 5, 2)
    content = result_set(sqlite_catalog, "pythia-70m-v0").content()
    assert content.sequences.tolist() == [5, 9, last - 1, last, ALL - 1]
    assert content.marked_from == last
    seen = 23_000 * 1024
    rows = [seen - 1, seen, seen + 976]
    (done,) = import_published(sqlite_catalog, str(write_memorized(tmp_path / "part", {"duped.12b.23000": rows})))
    assert (done.beyond, done.sequences, done.marked) == (2, 1, 0)


def test_what_was_imported_is_removed_and_its_history_stays(catalog: Catalog, tmp_path: Path) -> None:
    folder = write_memorized(tmp_path / "sets", {"duped.70m": [1, 2, 3], "duped.160m": [4]})
    import_published(catalog, str(folder))
    results, stored = results_folder(catalog.database), result_set(catalog, "pythia-70m-v0")
    told = remove_imported(catalog, stored.name)
    assert (told.done, told.model, told.sequences, told.digest) == (False, "pythia-70m-v0", 3, stored.digest)
    assert told.bytes == stored.file.stat().st_size
    assert remove_imported(catalog, stored.name, yes=True).done
    assert [path.name for path in contents(results)] == [result_set(catalog, "pythia-160m-v0").file.name]
    with pytest.raises(NotMeasured, match=r"there is memorized pythia-160m-v0"):
        remove_imported(catalog, stored.name, yes=True)
    with catalog.database.read() as connection:
        removed, *added = import_entries(connection, 10)
    assert (removed.action, removed.name, removed.digest) == ("removed", stored.name, stored.digest)
    assert [(one.action, one.source) for one in added] == [("added", str(folder))] * 2
    assert "@" in removed.who


def test_importing_again_changes_nothing_and_news_replace(catalog: Catalog, tmp_path: Path) -> None:
    folder = write_memorized(tmp_path / "sets", {"duped.70m": [1, 2, 3]})
    import_published(catalog, str(folder))
    results = results_folder(catalog.database)
    before = {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in contents(results)}
    stored = result_set(catalog, "pythia-70m-v0")
    (again,) = import_published(catalog, str(folder))
    assert again.outcome == "unchanged"
    assert {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in contents(results)} == before
    assert result_set(catalog, "pythia-70m-v0") == stored
    (news,) = import_published(catalog, str(write_memorized(folder, {"duped.70m": [1, 2, 4]})))
    assert news.outcome == "replaced"
    assert result_set(catalog, "pythia-70m-v0").content().sequences.tolist() == [1, 2, 4]
    assert len(contents(results)) == 1


def test_a_file_that_is_gone_or_another_is_refused_and_restored(sqlite_catalog: Catalog, tmp_path: Path) -> None:
    folder = write_memorized(tmp_path / "sets", {"duped.70m": [1, 2, 3]})
    import_published(sqlite_catalog, str(folder))
    found = result_set(sqlite_catalog, "pythia-70m-v0")
    found.file.write_bytes(found.file.read_bytes()[:-1])
    with pytest.raises(CorruptFile, match="is not the file that was recorded"):
        found.content()
    found.file.unlink()
    with pytest.raises(CorruptFile, match="cannot be read"):
        found.content()
    (done,) = import_published(sqlite_catalog, str(folder))
    assert done.outcome == "unchanged"
    assert len(found.content().sequences) == 3


def test_a_model_without_a_first_release(sqlite_catalog: Catalog, tmp_path: Path) -> None:
    record_model(sqlite_catalog, "pythia-4m")
    (done,) = import_published(sqlite_catalog, str(write_memorized(tmp_path / "sets", {"duped.4m": [1, 95, 96]})))
    assert (done.model, done.step, done.sequences, done.beyond) == ("pythia-4m", 12, 2, 1)
    assert "does not have" in str(done.note)


def test_a_parquet_file_whose_model_is_told(sqlite_catalog: Catalog, tmp_path: Path) -> None:
    record_model(sqlite_catalog, "mine")
    file = contents(write_memorized(tmp_path / "sets", {"anything": [1, 47, 48]}))[0]
    with pytest.raises(InvalidValue, match="does not say which model it is about; say it with --model"):
        import_published(sqlite_catalog, str(file))
    (done,) = import_published(sqlite_catalog, str(file), model="mine", step="step6")
    assert (done.model, done.step, done.sequences, done.beyond, done.note) == ("mine", 6, 2, 1, None)
    with pytest.raises(UnknownCheckpoint):
        import_published(sqlite_catalog, str(file), model="mine", step=5)


def test_what_save_to_disk_wrote_is_read_too(sqlite_catalog: Catalog, tmp_path: Path) -> None:
    from datasets import Dataset, DatasetDict

    rows = Dataset.from_dict({"index": [2, 1], "tokens": [[1] * 64] * 2})
    DatasetDict({"duped.70m": rows}).save_to_disk(str(tmp_path / "disk"))
    (done,) = import_published(sqlite_catalog, str(tmp_path / "disk"), split="duped.70m")
    assert (done.model, done.sequences) == ("pythia-70m-v0", 2)
    with pytest.raises(InvalidValue, match=r"has no split duped\.9m; it has duped\.70m"):
        import_published(sqlite_catalog, str(tmp_path / "disk"), split="duped.9m")


# -- random samples


def test_a_sample_is_a_result_set_a_model(sqlite_catalog: Catalog, tmp_path: Path) -> None:
    """`duped` or `deduped` is in the name of the data set."""
    scores = {size: [place / 32, 1.0, 0.0] for place, size in enumerate(SIZES)}
    folder = write_sample(tmp_path / "pile-deduped-pythia-random-sampled", [30, 10, 20], scores)
    done = import_published(sqlite_catalog, str(folder))
    assert [one.model for one in done] == [f"pythia-{size.lower()}-deduped-v0" for size in SIZES]
    assert {(one.kind, one.sequences, one.memorized) for one in done} == {("sample", 3, 1)}
    content = result_set(sqlite_catalog, "pythia-410m-deduped-v0").content()
    assert content.sequences.tolist() == [10, 20, 30]
    assert content.scores is not None
    assert content.scores.tolist() == [32, 0, 2]
    assert content.memorized.tolist() == [10]


def test_a_sample_whose_corpus_is_not_told_is_asked_about(sqlite_catalog: Catalog, tmp_path: Path) -> None:
    folder = write_sample(tmp_path / "sample", [1], {"70M": [0.5]})
    with pytest.raises(InvalidValue, match="--corpus"):
        import_published(sqlite_catalog, str(folder))
    (done,) = import_published(sqlite_catalog, str(folder), deduplicated=False)
    assert done.model == "pythia-70m-v0"


@pytest.mark.parametrize("score", [0.51, 1.1, -1 / 32, float("nan")])
def test_a_score_that_cannot_be_is_refused(sqlite_catalog: Catalog, tmp_path: Path, score: float) -> None:
    folder = write_sample(tmp_path / "pile-duped", [1, 2], {"70M": [1.0, score]})
    with pytest.raises(CorruptFile, match="a score that is not one of"):
        import_published(sqlite_catalog, str(folder))


# -- files


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_file_gives_back_what_it_was_made_of(data: st.DataObject) -> None:
    sequences = sorted(data.draw(st.sets(st.integers(0, ALL - 1), max_size=40)))
    scores = data.draw(st.none() | st.lists(st.integers(0, 32), min_size=len(sequences), max_size=len(sequences)))
    content = SetContent(
        sequences=np.array(sequences, np.int64),
        scores=None if scores is None else np.array(scores, np.uint8),
        marked_from=data.draw(st.none() | st.integers(0, ALL)),
        read=data.draw(st.integers(0, 1 << 40)),
        repeated=1,
        beyond=2,
    )
    again = SetContent.from_bytes(content.to_bytes())
    assert again.to_bytes() == content.to_bytes()
    assert again.sequences.tolist() == sequences
    assert (None if again.scores is None else again.scores.tolist()) == scores
    assert (again.marked_from, again.read, again.repeated, again.beyond) == (
        content.marked_from, content.read, 1, 2,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("duped.70m", (False, "70m", None)),
        ("deduped.1.4b", (True, "1.4b", None)),
        ("deduped.12b.23000", (True, "12b", 23_000)),
        ("deduped.1b.new", (True, "1b", None)),
        ("train", None),
        ("duped.", None),
    ],
)
def test_names_of_splits(name: str, expected: tuple[bool, str, int | None] | None) -> None:
    found = SplitName.parse(name)
    assert (found and (found.deduplicated, found.size, found.label)) == expected


# -- published counts


def test_published_counts_are_recorded_once(catalog: Catalog) -> None:
    with catalog.database.write() as connection:
        record_reference_counts(connection)
        assert record_reference_counts(connection) == ()
        rows = connection.execute(
            select(reference_counts, models.c.name).join(models, models.c.id == reference_counts.c.model_id)
        ).all()
    found = {(row.name, row.step): row for row in rows}
    assert len(rows) == 24
    assert sum(row.memorized for row in rows if row.sequences == ALL and "deduped" not in row.name) == 10_932_202
    assert sum(row.memorized for row in rows if row.sequences == ALL and "deduped" in row.name) == 8_791_364
    assert found["pythia-12b-v0", 23_000].memorized == 198_175
    assert found["pythia-410m-v0", 71_500].memorized == 970_341
    of_notebooks = {23_000: 163_418, 43_000: 358_863, 103_000: 1_195_578, 123_000: 1_564_055}
    for step, memorized in of_notebooks.items():
        assert found["pythia-12b-deduped-v0", step].memorized == memorized
        assert "semantic-memorization at 84ab8c0" in found["pythia-12b-deduped-v0", step].source
    assert "duped.410m" in found["pythia-410m-v0", 71_500].source
    for row in rows:
        checkpoint = catalog.model(row.name).checkpoint(row.step)
        assert row.sequences == checkpoint.sequences_seen.stop


def test_a_hub_that_is_not_there_is_told_at_once(
    sqlite_catalog: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(HubUnavailable, match="the data set EleutherAI/pythia-memorized-evals"):
        import_published(sqlite_catalog, "EleutherAI/pythia-memorized-evals")


# -- the hub

IMPORT = """
from seenat.memorization.published.importer import import_published, remove_imported
from seenat.registry.access.import_log import import_entries
from seenat.registry.catalog.catalog import Catalog
from seenat.registry.open import open_catalog

with open_catalog() as catalog:
    (done,) = import_published(catalog, "EleutherAI/pythia-memorized-evals", split="duped.70m")
    print(done.model, done.sequences, done.outcome)
"""
CARD = """---
configs:
- config_name: default
  data_files:
  - split: duped.70m
    path: duped.70m-*
  - split: deduped.12b
    path: deduped.12b-*
---
"""


def test_a_repository_on_the_hub_is_read_at_its_commit(hub: HubServer, sqlite_catalog: Catalog, tmp_path: Path) -> None:
    name = "datasets/EleutherAI/pythia-memorized-evals"
    folder = write_memorized(tmp_path / "sets", {"duped.70m": [3, 1, 2], "deduped.12b": [1]})
    (folder / "README.md").write_text(CARD)
    commit = hub.add(name, "main", folder)
    environment = hub.environment(tmp_path / "hf", SEENAT_DATABASE_URL=str(sqlite_catalog.database))
    done = subprocess.run(
        [sys.executable, "-c", IMPORT], env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert (done.returncode, done.stdout) == (0, "pythia-70m-v0 3 added\n"), done.stderr
    found = result_set(sqlite_catalog, "pythia-70m-v0")
    assert found.source == f"hf://{name}@{commit}"
    assert found.content().sequences.tolist() == [1, 2, 3]
    fetched = {line.rsplit("/", 1)[1] for line in hub.requests if line.startswith("GET /large/")}
    assert "duped.70m-00000-of-00001.parquet" in fetched
