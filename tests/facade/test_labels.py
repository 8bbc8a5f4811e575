"""Labels of sequences: read from files, grouped and chosen by, kept with the catalog, and deleted."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import seenat
from seenat.keeping.garbage import collect_garbage

MODEL, ORDER = "pocket-230k", "pocket-order"
SUBSETS = ("Github", "ArXiv", "Pile-CC")


def subset(sequence: int) -> str | None:
    """Every seventh sequence has none, nor has the end of the order."""
    return None if sequence % 7 == 0 or sequence >= 3000 else SUBSETS[sequence % 3]


ROWS: list[dict[str, Any]] = [
    {"sequence": number, "subset": subset(number), "repeated": number % 5 == 0} for number in range(3000)
]


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The labels as Parquet, texts from a dictionary."""
    path = tmp_path_factory.mktemp("labels") / "labels.parquet"
    pq.write_table(pa.Table.from_pylist(ROWS), path, row_group_size=700)
    return path


@pytest.fixture(scope="module")
def catalog(pocket: seenat.Catalog, file: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[seenat.Catalog]:
    """A copy of the measured pocket suite, with labels; no test changes it."""
    folder = tmp_path_factory.mktemp("labelled") / "home"
    shutil.copytree(Path(str(pocket._registry.database)).parent, folder)
    with seenat.open(folder) as opened:
        opened.memorize("pocket-660k", steps=[64, 256], sequences="0:1024", unseen=True)
        opened.label(ORDER, file)
        yield opened


@pytest.fixture
def empty(pocket_file: Path, tmp_path: Path) -> Iterator[seenat.Catalog]:
    """A catalog of nothing measured, for a test to change."""
    with seenat.open(shutil.copy(pocket_file, tmp_path / "catalog.sqlite")) as opened:
        yield opened


def written(folder: Path, ending: str) -> Path:
    path = folder / f"labels{ending}"
    if ending == ".csv":
        lines = [f"{row['subset'] or ''},{row['sequence']},{str(row['repeated']).lower()}" for row in reversed(ROWS)]
        path.write_text("\n".join(["subset,sequence,repeated", *lines]), encoding="utf-8-sig")
    else:
        path.write_text("".join(f"{json.dumps(row)}\n" for row in ROWS), encoding="utf-8")
    return path


@pytest.mark.parametrize("ending", [".csv", ".jsonl"])
def test_a_label_is_the_same_of_every_format(
    catalog: seenat.Catalog, empty: seenat.Catalog, tmp_path: Path, ending: str
) -> None:
    (repeated, of_subset), expected = empty.label(ORDER, written(tmp_path, ending)), catalog.labels(ORDER)
    assert [repeated.name, of_subset.name] == ["repeated", "subset"] == [label.name for label in expected]
    assert [repeated.values, of_subset.values] == [label.values for label in expected]
    assert of_subset.sequences == sum(row["subset"] is not None for row in ROWS)
    assert (of_subset.source, len(of_subset)) == (f"labels{ending}", 3)


def test_groups_are_parts_of_the_whole(catalog: seenat.Catalog) -> None:
    (whole,) = catalog.studies.onsets(MODEL)
    groups = catalog.studies.onsets(MODEL, by="subset")
    assert {group.value for group in groups} == {*SUBSETS, None}
    for place, step in enumerate(whole.steps):
        for name in ("measured", "memorized", "onsets", "forgotten", "relearned"):
            assert sum(getattr(group.steps[place], name) for group in groups) == getattr(step, name)
    assert whole.steps[-1].memorized > 20
    github = next(group for group in groups if group.value == "Github")
    (chosen,) = catalog.studies.onsets(MODEL, where="subset=Github")
    assert (chosen.steps, chosen.where) == (github.steps, ("subset=Github",))
    assert "where" not in whole.to_json()
    assert github.to_json()["value"] == "Github"


def test_what_is_listed_is_what_has_the_value(catalog: seenat.Catalog) -> None:
    every = catalog.onsets(MODEL, limit=None)
    expected = [row for row in every if subset(row.sequence) == "ArXiv" and row.sequence % 5 == 0]
    both = {"subset": "ArXiv", "repeated": "true"}
    onsets = catalog.onsets(MODEL, limit=None, where=both)
    assert list(onsets) == expected != []
    assert onsets.memorized == len(expected) == sum(step.onsets for step in onsets.steps)
    first = catalog.which.first(MODEL, 384, limit=3, where=["subset=ArXiv", "repeated=true"])
    assert (first.count, list(first), first.next) == (
        len(expected),
        expected[:3],
        (expected[2].onset.step, expected[2].sequence),
    )
    rest = catalog.which.first(MODEL, 384, limit=None, where=both, after=first.next)
    assert list(rest) == expected[3:]
    any_of = catalog.onsets(MODEL, limit=None, where=["subset=ArXiv", "subset=Github"])
    assert {row.sequence for row in any_of} == {row.sequence for row in every if subset(row.sequence) in SUBSETS[:2]}


def test_a_measured_share_counts_only_what_was_chosen(catalog: seenat.Catalog) -> None:
    last = catalog.onsets(MODEL, where="subset=Github").steps[-1]
    chosen = [number for number in range(1024) if subset(number) == "Github"]
    assert last.measured + last.unseen_measured == len(chosen)
    kept = catalog.which.kept(MODEL, 256, limit=None)
    some = catalog.which.kept(MODEL, 256, limit=None, where="subset=Github")
    assert some.sequences == tuple(number for number in kept.sequences if subset(number) == "Github") != ()
    changed = catalog.which.changed(MODEL, 128, limit=None, where="repeated=true")
    assert len(changed)
    assert all(row.sequence % 5 == 0 for row in changed)


def test_pairs_are_counted_of_what_has_the_value(catalog: seenat.Catalog) -> None:
    where = {"subset": "Github"}
    pair = ("pocket-660k", MODEL)
    whole = catalog.which.earlier(*pair, limit=None)
    onsets = [
        {row.sequence: row.onset.step for row in catalog.onsets(model, limit=None, where=where)} for model in pair
    ]
    both = [here - onsets[1][sequence] for sequence, here in onsets[0].items() if sequence in onsets[1]]
    some = catalog.which.earlier(*pair, limit=3, where=where)
    assert list(some) == [row for row in whole if subset(row.sequence) == "Github"][:3] != []
    assert (some.earlier, some.same, some.later) == (
        sum(gap < 0 for gap in both),
        both.count(0),
        sum(gap > 0 for gap in both),
    )
    assert (some.only_model, some.only_other) == tuple(len(each) - len(both) for each in onsets)
    rest = catalog.which.earlier(*pair, limit=None, after=some.next, where=where)
    assert len(rest) == some.earlier - 3


def test_batches_are_counted_of_what_has_the_value(catalog: seenat.Catalog) -> None:
    whole = catalog.which.batches(MODEL, 384)
    last = catalog.onsets(MODEL, limit=None, where="subset=Github").steps[-1]
    github = catalog.which.batches(MODEL, 384, where="subset=Github")
    assert (github.measured, github.where) == (last.measured + last.unseen_measured, ("subset=Github",))
    assert github.memorized == last.memorized + last.unseen_memorized > 0
    of_batch = {count.batch: count for count in whole}
    assert all(0 < count.measured < of_batch[count.batch].measured for count in github)
    assert catalog.which.batches(MODEL, 384, "3:5", where="subset=Github").counts == github.counts[3:5]


def test_columns_are_of_the_same_sequences(catalog: seenat.Catalog) -> None:
    where = {"subset": "Github", "repeated": "true"}
    asked: tuple[tuple[str, tuple[int | str, ...]], ...] = (
        ("first", (MODEL, 384)),
        ("earlier", ("pocket-660k", MODEL)),
        ("changed", (MODEL, 128)),
        ("relearned", (MODEL,)),
        ("batches", (MODEL, 384)),
    )
    for name, of in asked:
        page = {} if name == "batches" else {"limit": None}
        listed = getattr(catalog.which, name)(*of, where=where, **page)
        blocks = getattr(catalog.which, f"{name}_columns")(*of, where=where)
        assert [row for block in blocks for row in block.rows()] == listed.to_json()[listed.table_field], name
        assert name == "relearned" or len(listed)


def test_exposures_of_a_text_are_counted_by_value(catalog: seenat.Catalog) -> None:
    catalog.index.build(ORDER, workers=1)
    whole = catalog.find("process group", order=ORDER, limit=None, by="subset")
    assert whole.groups is not None
    assert sum(group.count for group in whole.groups) == whole.count == len(whole)
    assert {group.value: group.count for group in whole.groups} == Counter(subset(each.sequence) for each in whole)
    some = catalog.find("process group", order=ORDER, limit=2, where="subset=Github")
    github = [each for each in whole if subset(each.sequence) == "Github"]
    assert (some.count, list(some)) == (len(github), github[:2])
    assert len(catalog.exposure_steps("process group", order=ORDER, where="subset=Github")) == len(github)


def test_a_passage_has_the_labels_of_its_sequence(catalog: seenat.Catalog) -> None:
    for passage in catalog.passages(MODEL, "2990:3010").passages:
        number = passage.sequence
        row = {} if number >= 3000 else {"repeated": str(number % 5 == 0).lower(), "subset": subset(number)}
        assert passage.labels == {name: value for name, value in row.items() if value is not None}


def test_an_export_has_labels_as_columns(catalog: seenat.Catalog, tmp_path: Path) -> None:
    catalog.export(MODEL, tmp_path / "all.parquet", labels=["subset"], where="repeated=true")
    table = pq.read_table(tmp_path / "all.parquet")
    sequences, values = table["sequence"].to_pylist(), table["subset"].to_pylist()
    assert len(sequences) > 100
    assert values == [subset(number) for number in sequences]
    assert all(number % 5 == 0 for number in sequences)
    with pytest.raises(seenat.UnknownLabel, match="it has repeated, subset"):
        catalog.export(MODEL, tmp_path / "other.parquet", labels=["subsets"])


@pytest.mark.parametrize("where", ["subset", "subset=", "=Github", ["subset=Github"] * 33])
def test_what_chooses_nothing_is_refused(catalog: seenat.Catalog, where: Any) -> None:
    with pytest.raises(seenat.InvalidValue):
        catalog.onsets(MODEL, where=where)


def test_a_value_that_there_is_not_is_named_with_those_near(catalog: seenat.Catalog) -> None:
    with pytest.raises(seenat.UnknownLabel, match="there are Github") as error:
        catalog.onsets(MODEL, where="subset=GitHub")
    assert error.value.nearest == ("Github",)


# -- keeping


def test_a_label_is_backed_up_verified_replaced_and_deleted(empty: seenat.Catalog, file: Path, tmp_path: Path) -> None:
    empty.label(ORDER, file, columns=["subset"])
    (stored,) = (tmp_path / "catalog.sqlite.results" / "labels").iterdir()
    assert empty.verify_stored().files == ()
    with pytest.raises(seenat.InvalidValue, match="--replace"):
        empty.label(ORDER, file)
    (changed,) = empty.label(ORDER, written(tmp_path, ".csv"), columns=["subset"], replace=True)
    assert changed.source == "labels.csv"
    assert stored.is_file()
    with_indexes = collect_garbage(empty._registry, delete=True)
    assert with_indexes.files == ()
    assert stored.is_file()
    stored.write_bytes(stored.read_bytes()[:-1] + b"\x09")
    assert len(empty.verify_stored().files) == 1
    assert not empty.delete_label(ORDER, "subset").done
    assert stored.is_file()
    assert empty.delete_label(ORDER, "subset", yes=True).done
    assert not stored.exists()
    assert empty.labels() == ()


# -- files of others

HOSTILE = {
    "no-key.csv": "subset\nGithub\n",
    "beyond.csv": "sequence,subset\n3584,Github\n",
    "twice.csv": "sequence,subset\n1,Github\n1,ArXiv\n",
    "short.csv": "sequence,subset\n1\n",
    "no-number.jsonl": '{"sequence": "first", "subset": "Github"}\n',
    "fraction.jsonl": '{"sequence": 1.5, "subset": "Github"}\n',
    "list.jsonl": '{"sequence": 1, "subset": ["Github"]}\n',
    "no-object.jsonl": '{"sequence": 1, "subset": "a"}\n[1]\n',
    "deep.jsonl": '{"sequence": 1, "subset": "a"}\n' + "[" * 60_000,
    "long-line.jsonl": '{"sequence": 1, "subset": "' + "a" * 70_000 + '"}',
    "long-value.csv": f"sequence,subset\n1,{'a' * 201}\n",
    "control.jsonl": '{"sequence": 1, "subset": "a\\u001b[2J"}\n',
    "empty.csv": "",
    "nothing.csv": "sequence,subset\n1,\n",
    "named.csv": "sequence,a=b\n1,x\n",
    "labels.txt": "sequence,subset\n1,x\n",
    "many.csv": "sequence," + ",".join(f"l{number}" for number in range(33)) + "\n",
    "rows.csv": "sequence,subset\n" + "1,a\n" * 3585,
    "bytes.csv": b"sequence,subset\n1,\xff\n",
    "no.parquet": b"PAR1 and no more PAR1",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_file_that_is_none_of_labels_stores_nothing(empty: seenat.Catalog, tmp_path: Path, name: str) -> None:
    content = HOSTILE[name]
    (tmp_path / name).write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises((seenat.InvalidValue, seenat.CorruptFile), match=r"\.$"):
        empty.label(ORDER, tmp_path / name)
    left = tmp_path / "catalog.sqlite.results" / "labels"
    assert empty.labels() == ()
    assert not left.exists() or list(left.iterdir()) == []


def test_texts_that_unpack_to_gigabytes_are_refused(empty: seenat.Catalog, tmp_path: Path) -> None:
    rows = np.arange(300)
    long = pa.table({"sequence": rows, "subset": ["a" * 100_000 + str(number) for number in rows]})
    path = tmp_path / "prefixes.parquet"
    pq.write_table(long, path, use_dictionary=False, column_encoding={"subset": "DELTA_BYTE_ARRAY"})
    assert path.stat().st_size < 1_000_000
    with pytest.raises(seenat.CorruptFile, match="encoding 7"):
        empty.label(ORDER, path)


def test_more_values_than_a_label_has_are_refused(empty: seenat.Catalog, tmp_path: Path) -> None:
    from seenat.memorization.labels.codes import MOST_VALUES, CodesWriter

    writer = CodesWriter(tmp_path, "document", 4)
    for number in range(MOST_VALUES):
        writer.code_of(f"d{number}")
    with pytest.raises(seenat.InvalidValue, match="more than 65,535 values"):
        writer.code_of("one more")
    writer.close()
    with suppress(FileNotFoundError):
        assert list(tmp_path.glob("*.partial")) == []
