"""Rows of published results: which count, whose they are, and whether their ids are those of the order."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import select
from support.published import write_memorized, write_rows, write_sample
from support.result_sets import contents, record_model, result_set

from seenat.memorization.published.importer import ImportedSet, import_published
from seenat.memorization.published.result_sets import result_sets_of
from seenat.memorization.results.measurements import results_folder
from seenat.registry.catalog.catalog import Catalog
from seenat.registry.database.tables.imports import result_sets
from seenat.registry.errors import CorruptFile, InvalidValue
from seenat.registry.suites.register import register_suite

SUITE = """
[suite]
name = "mine"

[[order]]
name = "mine-order"
format = "raw"
files = ["ids.bin"]
tokens_per_sequence = 65
sequences = 4
vocab_size = 300
sequences_per_batch = 2
dtype = "uint16"

[[model]]
name = "mine-small"
order = "mine-order"
steps = [0, 2]
repository = "org/name"
"""


# -- which rows count


def read_rows(catalog: Catalog, path: Path, **stated: Any) -> ImportedSet:
    """Import rows of the tiny model `mine` at step 6, which had seen 48 sequences."""
    record_model(catalog, "mine")
    (done,) = import_published(catalog, str(path), model="mine", step=6, **stated)
    return done


def test_rows_that_say_no_do_not_count(sqlite_catalog: Catalog, tmp_path: Path) -> None:
    flags = [True, False, False, True]
    file = write_rows(tmp_path / "flags.parquet", index=[10, 20, 30, 40], tokens=[[0] * 64] * 4, memorized=flags)
    done = read_rows(sqlite_catalog, file)
    assert (done.kind, done.sequences, done.memorized, done.covers) == ("sample", 4, 2, None)
    content = result_set(sqlite_catalog, "mine").content()
    assert (content.memorized.tolist(), content.sequences.tolist()) == ([10, 40], [10, 20, 30, 40])
    assert result_set(sqlite_catalog, "mine").protocol == {}


def test_rows_with_a_score_beside_their_index(sqlite_catalog: Catalog, tmp_path: Path) -> None:
    scores = [1.0, 31 / 32, 0.0]
    done = read_rows(sqlite_catalog, write_rows(tmp_path / "a.parquet", index=[3, 2, 1], memorization_score=scores))
    assert (done.kind, done.sequences, done.memorized) == ("sample", 3, 1)
    content = result_set(sqlite_catalog, "mine").content()
    assert content.scores is not None
    assert content.scores.tolist() == [0, 31, 32]


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        *(({"memorization_score": [1.0, score]}, "a score that is not one of") for score in (0.97, 1.5, -0.5, float("nan"), float("inf"))),
        ({"memorization_score": [1.0, None]}, "a score that is missing"),
        ({"memorization_score": ["1", "0"]}, "the column memorization_score holds string, where numbers"),
        ({"memorized": [True, None]}, "a value of memorized that is missing"),
        ({"memorized": [1, 2]}, "neither true nor false"),
        ({"memorized": ["yes", "no"]}, "the column memorized holds string, where numbers"),
        ({"memorized": [True, True], "memorization_score": [1.0, 0.5]}, "memorized and memorization_score disagree"),
        ({"is_memorized": [True, False]}, "has the column is_memorized, which might say which rows are memorized"),
        ({"score": [1.0, 0.0]}, "has the column score, which might say"),
        ({"70M": [1.0, 0.0]}, "has the column 70M, which might say"),
    ],
)  # fmt: skip
def test_what_might_say_otherwise_is_never_passed_over(
    sqlite_catalog: Catalog, tmp_path: Path, columns: dict[str, Any], message: str
) -> None:
    with pytest.raises((CorruptFile, InvalidValue), match=message):
        read_rows(sqlite_catalog, write_rows(tmp_path / "a.parquet", index=[1, 2], **columns))


def test_rows_of_one_sequence_that_disagree_are_refused(sqlite_catalog: Catalog, tmp_path: Path) -> None:
    with pytest.raises(CorruptFile, match="rows of the sequence 7 that say different things"):
        read_rows(sqlite_catalog, write_rows(tmp_path / "a.parquet", index=[7, 8, 7], memorized=[True, True, False]))


def test_rows_that_say_it_need_no_range(sqlite_catalog: Catalog, tmp_path: Path) -> None:
    file = write_rows(tmp_path / "a.parquet", index=[1], memorized=[True])
    with pytest.raises(InvalidValue, match="leave out --sequences"):
        read_rows(sqlite_catalog, file, sequences="0:9")
    with pytest.raises(InvalidValue, match="within 0:48"):
        read_rows(sqlite_catalog, write_rows(tmp_path / "b.parquet", index=[1]), sequences="0:49")


# -- whose results they are


def test_what_the_user_says_and_a_name_contradict_each_other(sqlite_catalog: Catalog, tmp_path: Path) -> None:
    sample = str(write_sample(tmp_path / "sample", [1], {"70M": [0.5]}))
    deduped = str(write_sample(tmp_path / "pile-deduped", [1], {"70M": [0.5]}))
    split = str(write_memorized(tmp_path / "sets", {"deduped.12b.23000": [1]}))
    for source, stated, message in (
        (
            sample,
            {"model": "pythia-160m", "step": 1000, "deduplicated": False},
            "holds scores of 70m, and pythia-160m is none",
        ),
        (sample, {"model": "pythia-70m", "deduplicated": True}, "The model pythia-70m is of the duped corpus"),
        (deduped, {"deduplicated": False}, "is of the deduped corpus, and --corpus says duped"),
        (deduped, {"model": "pythia-70m"}, "The model pythia-70m is of the duped corpus"),
        (split, {"model": "pythia-12b-v0"}, "is not about pythia-12b-v0; leave out --model"),
        (split, {"model": "pythia-6.9b-deduped-v0"}, "is not about pythia-6.9b-deduped-v0"),
        (split, {"step": 43_000}, "is about step23000, and --step says 43000"),
        (split, {"deduplicated": False}, "The split deduped.12b.23000 is of the deduped corpus"),
    ):
        with pytest.raises(InvalidValue, match=message):
            import_published(sqlite_catalog, source, **stated)  # type: ignore[arg-type]
    with sqlite_catalog.database.read() as connection:
        assert connection.execute(select(result_sets)).all() == []


def test_the_models_scores_are_taken_from_a_sample(sqlite_catalog: Catalog, tmp_path: Path) -> None:
    folder = write_sample(tmp_path / "sample", [1, 2], {"70M": [1.0, 1.0], "160M": [1.0, 0.5]})
    (done,) = import_published(sqlite_catalog, str(folder), model="pythia-160m", step=1000, deduplicated=False)
    assert (done.model, done.step, done.memorized) == ("pythia-160m", 1000, 1)


def test_a_second_set_of_a_model_leaves_the_first(catalog: Catalog, tmp_path: Path) -> None:
    record_model(catalog, "mine")
    for place, name in enumerate(("a", "b", "a")):
        file = write_rows(tmp_path / name / "my.parquet", index=[place])
        (done,) = import_published(catalog, str(file), model="mine", step=6)
        assert done.outcome == ("replaced" if place == 2 else "added")
    with catalog.database.read() as connection:
        found = result_sets_of(catalog.database, connection, [catalog.model("mine").id])
    assert {one.name: one.content().sequences.tolist() for one in found} == {
        "memorized mine step 6 train": [2],
        "memorized mine step 6 train 2": [1],
    }
    assert len(contents(results_folder(catalog.database))) == 2
    moved = write_rows(tmp_path / "c" / "other.parquet", index=[1])
    (again,) = import_published(catalog, str(moved), model="mine", step=6)
    assert (again.name, again.outcome) == ("memorized mine step 6 train 2", "unchanged")


def test_names_of_splits_stay_within_the_folder(sqlite_catalog: Catalog, tmp_path: Path) -> None:
    from datasets import Dataset, DatasetDict

    record_model(sqlite_catalog, "mine")
    DatasetDict({"train": Dataset.from_dict({"index": [1]})}).save_to_disk(str(tmp_path / "disk"))
    (tmp_path / "disk" / "train").rename(tmp_path / "outside")
    (tmp_path / "disk" / "dataset_dict.json").write_text('{"splits": ["../outside"]}')
    (done,) = import_published(sqlite_catalog, str(tmp_path / "disk"), model="mine", step=6)
    assert done.sequences == 1
    assert result_set(sqlite_catalog, "mine").file.parent == results_folder(sqlite_catalog.database) / "published"


def test_what_cannot_be_recorded_leaves_no_file(sqlite_catalog: Catalog, tmp_path: Path) -> None:
    record_model(sqlite_catalog, "mine")
    with sqlite_catalog.database.write() as connection:
        connection.exec_driver_sql(
            "CREATE TRIGGER full BEFORE INSERT ON result_sets BEGIN SELECT RAISE(ABORT, 'full'); END"
        )
    with pytest.raises(Exception, match="full"):
        import_published(sqlite_catalog, str(write_rows(tmp_path / "a.parquet", index=[1])), model="mine", step=6)
    assert contents(results_folder(sqlite_catalog.database)) == []


# -- ids beside the indices


def test_ids_of_other_sequences_are_refused(sqlite_catalog: Catalog, tmp_path: Path) -> None:
    order = tmp_path / "order"
    order.mkdir()
    ids = np.arange(4 * 65, dtype=np.uint16)
    ids.tofile(order / "ids.bin")
    (order / "SUITE.toml").write_text(SUITE)
    register_suite(sqlite_catalog, order / "SUITE.toml")
    rows = ids.reshape(4, 65)[:, :64].tolist()
    good = write_rows(tmp_path / "good.parquet", index=[2, 0], tokens=[rows[2], rows[0]])
    (done,) = import_published(sqlite_catalog, str(good), model="mine-small", sequences="0:4")
    assert (done.sequences, done.remarks) == (2, ())
    for name, tokens in (("zeros", [rows[2], [0] * 64]), ("empty", [rows[2], []]), ("none", [rows[2], None])):
        file = write_rows(tmp_path / f"{name}.parquet", index=[2, 0], tokens=tokens)
        with pytest.raises(
            CorruptFile, match="holds other tokens for the sequence 0 than the order mine-order has there"
        ):
            import_published(sqlite_catalog, str(file), model="mine-small")
    with pytest.raises(
        CorruptFile, match="the column tokens holds string, where numbers or lists of whole numbers are due"
    ):
        import_published(
            sqlite_catalog, str(write_rows(tmp_path / "text.parquet", index=[2], tokens=["a"])), model="mine-small"
        )


def test_ids_that_cannot_be_compared_are_told(sqlite_catalog: Catalog, tmp_path: Path) -> None:
    file = write_rows(tmp_path / "a.parquet", index=[1], tokens=[[0] * 64])
    (done,) = import_published(sqlite_catalog, str(file), model="pythia-70m")
    assert done.remarks[0].startswith("Its tokens were not compared with the order")
