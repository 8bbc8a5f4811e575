"""Exports of batches: what is written, that it is whole or not there, and training on an order from the middle."""

from __future__ import annotations

import json
import os
import resource
import shutil
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from datasets.distributed import split_dataset_by_node

from seenat.registry.catalog.models import Model
from seenat.registry.catalog.orders import Order
from seenat.registry.errors import InvalidValue, NoRoom, UnknownBatch
from seenat.registry.exports.batches import export_batches
from seenat.registry.exports.files import npy_writer
from seenat.registry.open import open_catalog
from seenat.registry.orders.formats.open import open_order
from seenat.registry.orders.order_files import OrderFiles
from seenat.registry.storage.local import write_atomic
from seenat.registry.suites.register import register_suite
from seenat.registry.units import BatchRange

BATCH, COUNT = 4, 42
"""Of the small suite: 10 whole batches, which its models consume, and a short one."""


@pytest.fixture(scope="module")
def suite(
    small_suite_template: Path, catalog_file: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Order, Model]]:
    with open_catalog(str(shutil.copy(catalog_file, tmp_path_factory.mktemp("exports")))) as catalog:
        register_suite(catalog, small_suite_template / "SUITE.toml")
        yield catalog.order("mine-order"), catalog.model("mine-s")


@pytest.fixture(scope="module")
def order(suite: tuple[Order, Model]) -> Order:
    return suite[0]


@pytest.fixture(scope="module")
def model(suite: tuple[Order, Model]) -> Model:
    return suite[1]


@pytest.fixture(scope="module")
def rows(order: Order) -> npt.NDArray[Any]:
    return order.source().tokens(order.sequences)


def columns_of(path: Path) -> dict[str, npt.NDArray[Any]]:
    """Every column of a Parquet file or a dataset, in the order in which they lie."""
    table = pq.read_table(path) if path.is_file() else datasets.load_from_disk(str(path)).data.table
    ids = {name: np.array(table.column(name).to_pylist()) for name in table.column_names}
    assert table.schema.field("tokens").type.value_type == pa.uint16()
    return ids


@pytest.mark.parametrize("size", [BATCH, 5, 64])
@pytest.mark.parametrize("at_once", [1, 7, 1_024])
@pytest.mark.parametrize("form", ["npy", "parquet", "dataset"])
def test_what_is_written(
    order: Order,
    rows: npt.NDArray[Any],
    tmp_path: Path,
    size: int,
    at_once: int,
    form: str,
) -> None:
    last = -(-COUNT // size)
    batches, progress = BatchRange(min(1, last - 1), last), list[int]()
    path = tmp_path / "batches"
    written = export_batches(
        order, batches, path, format_=form, sequences_per_batch=size, progress=progress.append,
        rows_at_once=at_once, largest_file=200,
    )  # fmt: skip
    first = batches.start * size
    assert sum(progress) == written.rows == COUNT - first
    if form == "npy":
        np.testing.assert_array_equal(np.load(path), rows[first:], strict=True)
    else:
        numbers = np.arange(first, COUNT)
        columns = columns_of(path)
        assert list(columns) == ["sequence", "batch", "step", "tokens"]
        np.testing.assert_array_equal(columns["sequence"], numbers)
        np.testing.assert_array_equal(columns["batch"], numbers // size)
        np.testing.assert_array_equal(columns["step"], numbers // size + 1)
        np.testing.assert_array_equal(columns["tokens"], rows[first:])
    assert not list(tmp_path.rglob("*.partial"))


@pytest.mark.parametrize("form", ["npy", "parquet", "csv", "jsonl", "dataset"])
def test_says_what_it_was_made_from(order: Order, tmp_path: Path, form: str) -> None:
    path = tmp_path / ("out" if form == "dataset" else f"out.{form}")
    written = export_batches(order, BatchRange(3, 5), path, format_=form)
    if form in ("npy", "csv", "jsonl"):
        said = (tmp_path / f"out.{form}.json").read_bytes()
    elif form == "parquet":
        said = pq.read_schema(path).metadata[b"seenat"]
    else:
        said = (path / "seenat.json").read_bytes()
    assert json.loads(said) == written.metadata == {
        "order": "mine-order", "order_digest": order.digest, "suite": "mine", "batches": {"start": 3, "stop": 5},
        "sequences": {"start": 12, "stop": 20}, "sequences_per_batch": 4, "tokens_per_sequence": 9, "dtype": "uint16",
    }  # fmt: skip
    assert written.to_json() == {"written": str(path), "format": form, "rows": 8, **written.metadata}


@pytest.mark.parametrize("columns", ["plain", "published"])
def test_a_parquet_export_is_an_order(order: Order, rows: npt.NDArray[Any], tmp_path: Path, columns: str) -> None:
    files = []
    for start, stop in ((0, 5), (5, 11)):
        files.append(tmp_path / f"train-{stop:06}.parquet")
        export_batches(order, BatchRange(start, stop), files[-1], columns=columns)
    names = {"plain": ["sequence", "batch", "step", "tokens"], "published": ["uid", "batch_idx", "token_ids"]}
    assert pq.read_schema(files[0]).names == names[columns]
    described = OrderFiles(name="copy", format="parquet", files=tuple(files), sequences_per_batch=BATCH)
    source = open_order(described)
    assert source.geometry == order.geometry
    np.testing.assert_array_equal(source.tokens(source.geometry.all_sequences), rows, strict=True)


def test_a_row_group_is_whole_batches(order: Order, tmp_path: Path) -> None:
    export_batches(order, BatchRange(0, 11), tmp_path / "out.parquet", rows_at_once=10)
    footer = pq.read_metadata(tmp_path / "out.parquet")
    assert [footer.row_group(number).num_rows for number in range(footer.num_row_groups)] == [8, 8, 8, 8, 8, 2]


@pytest.mark.parametrize("form", ["npy", "parquet", "dataset"])
@pytest.mark.parametrize("reason", [KeyboardInterrupt, OSError])
def test_an_interrupted_export_leaves_nothing(
    order: Order, tmp_path: Path, form: str, reason: type[BaseException]
) -> None:
    progress: list[int] = []

    def stop(sequences: int) -> None:
        progress.append(sequences)
        partial = [path for path in tmp_path.iterdir() if path.suffix == ".partial"]
        assert len(partial) == 1, "it is being written under another name"
        if len(progress) == 3:
            raise reason

    for _ in range(2):
        progress.clear()
        with pytest.raises(reason):
            export_batches(order, BatchRange(0, 8), tmp_path / "out", format_=form, progress=stop, rows_at_once=1)
        assert list(tmp_path.iterdir()) == []
    export_batches(order, BatchRange(0, 8), tmp_path / "out", format_=form)


@pytest.mark.parametrize("form", ["npy", "parquet", "dataset"])
def test_nothing_is_written_over(order: Order, tmp_path: Path, form: str) -> None:
    path = tmp_path / "out"
    path.write_text("mine")
    with pytest.raises(InvalidValue, match=f"{path} exists already; write to another place, or replace it by --force"):
        export_batches(order, BatchRange(0, 1), path, format_=form)
    assert path.read_text() == "mine"
    assert len(list(tmp_path.iterdir())) == 1


def test_the_name_tells_the_format(order: Order, tmp_path: Path) -> None:
    forms = {"a.npy": "npy", "a.parquet": "parquet", "a.CSV": "csv", "a.jsonl": "jsonl", "a": "dataset"}
    for name, form in forms.items():
        assert export_batches(order, BatchRange(0, 1), tmp_path / name).format == form
    with pytest.raises(
        InvalidValue, match=r"a\.svg does not end in \.npy, \.parquet, \.csv, \.jsonl or nothing \(a new folder\)"
    ):
        export_batches(order, BatchRange(0, 1), tmp_path / "a.svg")
    with pytest.raises(InvalidValue, match=r"b\.csv is named as csv, and the format npy was asked for"):
        export_batches(order, BatchRange(0, 1), tmp_path / "b.csv", format_="npy")
    with pytest.raises(InvalidValue, match="'both' are not columns that are known; choose plain or published"):
        export_batches(order, BatchRange(0, 1), tmp_path / "b.parquet", columns="both")


def test_refuses_batches_that_are_not_there(order: Order, model: Model, tmp_path: Path) -> None:
    with pytest.raises(UnknownBatch, match="no batch 11: it holds batches 0 to 10 of 4 sequences"):
        export_batches(order, BatchRange(3, 12), tmp_path / "out.npy")
    with pytest.raises(InvalidValue, match="3:3 holds no batches; write START:STOP, from 0 to 11"):
        export_batches(order, BatchRange(3, 3), tmp_path / "out.npy")
    with pytest.raises(UnknownBatch):
        model.dataset(from_step=0, to_step=12)
    assert list(tmp_path.iterdir()) == []


def test_memory_is_that_of_a_block(tmp_path: Path) -> None:
    """40 MB of ids, 2 MB at a time; Python's own count, which NumPy's arrays are part of."""
    ids = tmp_path / "ids.bin"
    with ids.open("wb") as file:
        file.truncate(20_000 * 1_000 * 2)
    source = open_order(OrderFiles(name="long", format="raw", files=(ids,), tokens_per_sequence=1_000, dtype="uint16"))
    order = Order(
        id=1, name="long", suite="mine", geometry=source.geometry, sequences_per_batch=100, vocab_size=None, eos_id=None,
        format="raw", location=str(tmp_path), tokenizer=None, digest=None, files=(),
    )  # fmt: skip
    object.__setattr__(order, "source", lambda: source)
    allocated: list[int] = []
    for path in ("a.npy", "a.parquet", "a"):
        tracemalloc.start()
        before = pa.total_allocated_bytes()
        export_batches(
            order, BatchRange(0, 200), tmp_path / path, progress=lambda _, before=before: allocated.append(pa.total_allocated_bytes() - before)
        )  # fmt: skip
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 16 << 20
    assert max(allocated) < 16 << 20


# -- training


def test_training_goes_on_from_a_step(model: Model, rows: npt.NDArray[Any]) -> None:
    examples = list(model.dataset(from_step=3))
    assert [example["sequence"] for example in examples] == list(range(3 * BATCH, 10 * BATCH))
    np.testing.assert_array_equal([example["input_ids"] for example in examples], rows[12:40, :-1])
    np.testing.assert_array_equal([example["labels"] for example in examples], rows[12:40, 1:])


def test_steps_are_the_batches_between_them(order: Order) -> None:
    assert [example["sequence"] for example in order.dataset(steps=(9, 11))] == list(range(36, 42)), (
        "the last one is short"
    )
    assert [example["sequence"] for example in order.dataset(steps=(0, 1))] == [0, 1, 2, 3]


@pytest.mark.filterwarnings("ignore:This DataLoader will create", "ignore:This process .* is multi-threaded")
@pytest.mark.parametrize("workers", [0, 3])
def test_a_loader_gives_every_batch_whole_and_in_its_place(model: Model, rows: npt.NDArray[Any], workers: int) -> None:
    loader = torch.utils.data.DataLoader(
        model.dataset(from_step=2).with_format("torch"), batch_size=BATCH, num_workers=workers
    )
    batches = [batch["input_ids"] for batch in loader]
    np.testing.assert_array_equal(torch.stack(batches), rows[8:40, :-1].reshape(8, BATCH, -1))


def test_ranks_share_every_batch(model: Model) -> None:
    stream = model.dataset(from_step=4, to_step=6, sequences_per_shard=BATCH // 2)
    assert stream.num_shards == 4
    shares = [[example["sequence"] for example in split_dataset_by_node(stream, rank, 2)] for rank in range(2)]
    assert shares == [[16, 17, 20, 21], [18, 19, 22, 23]]


@pytest.mark.parametrize("done", [0, 3, 4, 9])
def test_training_resumes_from_a_state(model: Model, done: int) -> None:
    stream = model.dataset(from_step=5)
    examples = iter(stream)
    for _ in range(done):
        next(examples)
    state = stream.state_dict()
    resumed = model.dataset(from_step=5)
    resumed.load_state_dict(json.loads(json.dumps(state)))
    assert [example["sequence"] for example in resumed] == list(range(20 + done, 40))


def test_a_stream_reads_when_it_is_iterated(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = model.dataset()
    read: list[Any] = []
    source = type(model.order.source())
    tokens: Callable[..., Any] = source.tokens
    monkeypatch.setattr(source, "tokens", lambda self, sequences: (read.append(sequences), tokens(self, sequences))[1])
    for example in stream:
        if example["sequence"] == 5:
            break
    assert [str(sequences) for sequences in read] == ["0:4", "4:8"]


@pytest.fixture
def full_disk() -> Iterator[None]:
    """A limit on the size of files, which refuses to write as a full disk does."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (256, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("form", ["npy", "parquet", "csv", "jsonl", "dataset"])
def test_a_full_disk_leaves_nothing(order: Order, tmp_path: Path, full_disk: None, form: str) -> None:
    with pytest.raises(
        NoRoom, match=r"out cannot be written: .*; make room on its disk, then run the same command again\.$"
    ):
        export_batches(order, BatchRange(0, 8), tmp_path / "out", format_=form)
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_leaves_nothing_of_an_array(tmp_path: Path, full_disk: None) -> None:
    with (
        pytest.raises(NoRoom, match=r"out\.npy cannot be written: "),
        npy_writer(tmp_path / "out.npy", (10, 100), np.uint16, {}) as append,
    ):
        append(np.zeros((10, 100), np.uint16))
    with pytest.raises(NoRoom, match=r"out\.svg cannot be written: "):
        write_atomic(tmp_path / "out.svg", bytes(1_000))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("-", "- means standard output"),
        (os.fsdecode(b"\xff.npy"), r"\xff.npy has bytes in its name that are not UTF-8"),
    ],
)
@pytest.mark.parametrize("form", ["npy", "parquet", "dataset"])
def test_names_that_no_file_is_written_to(
    order: Order, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str, name: str, said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InvalidValue) as refused:
        export_batches(order, BatchRange(0, 8), Path(name), format_=form)
    assert said in str(refused.value)
    assert str(refused.value).isprintable()
    assert list(tmp_path.iterdir()) == []


def test_a_link_that_leads_nowhere_is_not_replaced(order: Order, tmp_path: Path) -> None:
    (tmp_path / "out.npy").symlink_to(tmp_path / "gone")
    with pytest.raises(InvalidValue, match="exists already"):
        export_batches(order, BatchRange(0, 8), tmp_path / "out.npy")
