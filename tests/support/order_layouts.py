"""Every layout in which an order can lie on disk, each as a function that writes rows and describes what it wrote."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from seenat.registry.checkpoints.files import FileRecord
from seenat.registry.errors import CorruptFile
from seenat.registry.orders.formats.megatron_idx import write_order
from seenat.registry.orders.formats.open import open_order
from seenat.registry.orders.order_files import OrderFiles
from seenat.registry.orders.remote.order import open_remote
from seenat.registry.orders.source import TokenSource
from support.fake_hub import HubServer, client_of, serve
from support.neox_documents import map_files, write_documents

__all__ = ["Layout", "layout", "pair", "refusal"]


@dataclass(frozen=True)
class Layout:
    dtype: str
    write: Callable[[Path, np.ndarray], OrderFiles]
    on_hub: bool = False
    """Whether it is read from a hub, batches of three sequences and pieces of many."""
    is_flat: bool = True
    """Whether the bytes of a sequence lie in one place."""
    overlaps: bool = False
    """Whether a sequence begins with the last id of another."""
    open: Callable[[OrderFiles], TokenSource] = open_order


def cut(path: Path, places: Iterable[int]) -> tuple[Path, ...]:
    """Replace a file by shards that end at these bytes."""
    data = path.read_bytes()
    ends = sorted({0, len(data), *(min(place, len(data)) for place in places)})
    shards = []
    for number, (start, stop) in enumerate(pairwise(ends)):
        shard = path.with_name(f"{path.stem}-{number:05d}-of-{len(ends) - 2:05d}.bin")
        shard.write_bytes(data[start:stop])
        shards.append(shard)
    path.unlink()
    return tuple(shards)


def one_pair(folder: Path, rows: np.ndarray) -> OrderFiles:
    write_order(folder / "document.bin", folder / "document.idx", rows)
    return OrderFiles(
        name="one", format="mmididx", files=(folder / "document.bin",), index=folder / "document.idx", vocab_size=2**31
    )


def equal_shards(folder: Path, rows: np.ndarray) -> OrderFiles:
    """As Pythia: shards of one length that is no multiple of a sequence, and a shorter last one."""
    write_order(folder / "document.bin", folder / "document.idx", rows)
    length = max(2, rows.nbytes // 3 // 2 * 2)
    files = cut(folder / "document.bin", range(length, rows.nbytes, length))
    return OrderFiles(name="equal", format="mmididx", files=files, index=folder / "document.idx")


def awkward_shards(folder: Path, rows: np.ndarray) -> OrderFiles:
    """Shards that end within ids and within sequences, several to a sequence, and an empty one between."""
    write_order(folder / "document.bin", folder / "document.idx", rows)
    row = rows.nbytes // len(rows)
    files = cut(folder / "document.bin", (1, 2, 5, row - 1, row, row + 1, 2 * row, 3 * row + 3))
    empty = folder / "empty.bin"
    empty.touch()
    return OrderFiles(
        name="awkward", format="mmididx", files=(*files[:2], empty, *files[2:]), index=folder / "document.idx"
    )


def tiny_shards(folder: Path, rows: np.ndarray) -> OrderFiles:
    """Shards of 7 bytes, without the index."""
    write_order(folder / "document.bin", folder / "document.idx", rows)
    files = cut(folder / "document.bin", range(7, rows.nbytes, 7))
    return OrderFiles(
        name="tiny", format="mmididx", files=files, tokens_per_sequence=rows.shape[1], dtype=rows.dtype.name
    )


def raw(folder: Path, rows: np.ndarray) -> OrderFiles:
    rows.tofile(folder / "ids")
    return OrderFiles(
        name="raw", format="raw", files=(folder / "ids",), tokens_per_sequence=rows.shape[1], dtype=rows.dtype.name
    )


def raw_files(folder: Path, rows: np.ndarray) -> OrderFiles:
    rows.tofile(folder / "ids")
    files = cut(folder / "ids", (3, rows.nbytes // 2, rows.nbytes - 3))
    sequences, length = rows.shape
    return OrderFiles(
        name="raw", format="raw", files=files, sequences=sequences, tokens_per_sequence=length, dtype=rows.dtype.name
    )


def npy_rows(folder: Path, rows: np.ndarray) -> OrderFiles:
    np.save(folder / "order.npy", rows)
    return OrderFiles(name="npy", format="npy", files=(folder / "order.npy",), vocab_size=60_000)


def npy_files(folder: Path, rows: np.ndarray) -> OrderFiles:
    """Whole sequences, in three files of which one is empty and one has a header of version 2.0."""
    middle = len(rows) // 2
    parts = (rows[:middle], rows[:0], rows[middle:])
    files = tuple(folder / f"part{number}.npy" for number in range(3))
    for file, part, version in zip(files, parts, ((1, 0), (1, 0), (2, 0)), strict=True):
        with file.open("wb") as stream:
            np.lib.format.write_array(stream, part, version, allow_pickle=False)
    return OrderFiles(name="npy", format="npy", files=files, sequences=len(rows))


def npy_flat(folder: Path, rows: np.ndarray) -> OrderFiles:
    """Flat ids, in files that end within a sequence."""
    files = tuple(folder / f"part{number}.npy" for number in range(3))
    for file, part in zip(files, np.array_split(rows.reshape(-1), 3), strict=True):
        np.save(file, part)
    return OrderFiles(name="npy", format="npy", files=files, tokens_per_sequence=rows.shape[1])


def parquet_files(folder: Path, rows: np.ndarray, *, layout: str, group: int, dtype: str | None = None) -> OrderFiles:
    """Whole sequences, numbered, in three files of which one is empty, in row groups of a few."""
    tokens, sequence, batch = LAYOUT_COLUMNS[layout]
    files = tuple(folder / f"train-{number}.parquet" for number in range(3))
    numbers = np.arange(len(rows))
    middle = len(rows) // 2
    for file, part in zip(files, (slice(0, middle), slice(0, 0), slice(middle, None)), strict=True):
        lists = pa.array(
            list(rows[part].astype(dtype or rows.dtype)), pa.list_(pa.from_numpy_dtype(dtype or rows.dtype))
        )
        table = pa.table({sequence: numbers[part], batch: numbers[part] // 3, tokens: lists})
        pq.write_table(table, file, row_group_size=group)
    stated = rows.dtype.name if dtype else None
    return OrderFiles(name="parquet", format="parquet", files=files, dtype=stated, sequences_per_batch=3)


def parquet_file(folder: Path, rows: np.ndarray) -> OrderFiles:
    """Nothing but ids, in lists of a fixed length and one row group."""
    ids = pa.FixedSizeListArray.from_arrays(pa.array(rows.reshape(-1)), rows.shape[1])
    pq.write_table(pa.table({"tokens": ids}), folder / "order.parquet")
    return OrderFiles(name="parquet", format="parquet", files=(folder / "order.parquet",), vocab_size=60_000)


def index_map(folder: Path, rows: np.ndarray) -> OrderFiles:
    """Rows as samples in the order of a shuffle, out of documents that are cut where samples are not, some of them empty."""
    joined = np.concatenate((rows[:, :-1].reshape(-1), rows[-1, -1:]))
    random = np.random.default_rng(len(joined))
    places = np.sort(random.integers(0, len(joined), random.integers(1, 2 * len(rows) + 2)))
    return write_index_map(folder, np.split(joined, places), rows.shape[1])


def write_index_map(folder: Path, parts: list[np.ndarray], length: int) -> OrderFiles:
    """Files and maps by which these parts, joined as they are, are cut into samples in their own order."""
    documents = np.random.default_rng(len(parts)).permutation(len(parts))
    on_disk = [parts[part] for part in np.argsort(documents)]
    files = write_documents(folder, on_disk)
    ends = np.cumsum([len(part) for part in parts])
    begins = np.arange((int(ends[-1]) - 1) // (length - 1) + 1) * (length - 1)
    places = np.searchsorted(ends, begins, side="right")
    offsets = begins - (ends - [len(part) for part in parts])[places]
    sample_idx = np.stack([places, offsets], axis=1).astype(np.int32)
    sample_idx[0] = 0
    np.save(folder / "doc_idx.npy", documents.astype(np.int32))
    np.save(folder / "sample_idx.npy", sample_idx)
    np.save(folder / "shuffle_idx.npy", np.arange(len(sample_idx) - 1, dtype=np.uint32))
    return OrderFiles(name="map", format="neox-index-map", files=files, pack_impl="packed", **map_files(folder))


LAYOUT_COLUMNS = {"plain": ("tokens", "sequence", "batch"), "published": ("token_ids", "uid", "batch_idx")}

LAYOUTS = {
    "mmididx": Layout("uint16", one_pair),
    "mmididx-int32": Layout("int32", one_pair),
    "mmididx-equal-shards": Layout("uint16", equal_shards),
    "mmididx-awkward-shards": Layout("uint16", awkward_shards),
    "mmididx-awkward-shards-int32": Layout("int32", awkward_shards),
    "mmididx-tiny-shards-no-index": Layout("uint16", tiny_shards),
    "raw-uint8": Layout("uint8", raw),
    "raw-uint16": Layout("uint16", raw),
    "raw-uint32": Layout("uint32", raw),
    "raw-uint32-files": Layout("uint32", raw_files),
    "npy": Layout("uint16", npy_rows),
    "npy-int64": Layout("int64", npy_rows),
    "npy-files": Layout("uint32", npy_files),
    "npy-flat-files": Layout("uint16", npy_flat),
    "parquet": Layout("uint16", parquet_file, is_flat=False),
    "parquet-int64": Layout("int64", parquet_file, is_flat=False),
    "parquet-files": Layout("int32", partial(parquet_files, layout="plain", group=5), is_flat=False),
    "parquet-published": Layout(
        "uint16", partial(parquet_files, layout="published", group=1, dtype="int64"), is_flat=False
    ),
    "index-map": Layout("uint16", index_map, is_flat=False, overlaps=True),
    "index-map-int32": Layout("int32", index_map, is_flat=False, overlaps=True),
    "hub-equal-shards": Layout("uint16", equal_shards, on_hub=True),
    "hub-awkward-shards-int32": Layout("int32", awkward_shards, on_hub=True),
}


@pytest.fixture(scope="session", params=LAYOUTS.values(), ids=LAYOUTS.keys())
def layout(request: pytest.FixtureRequest) -> Iterator[Layout]:
    if not request.param.on_hub:
        yield request.param
        return
    with serve() as hub, client_of(hub):
        yield replace(request.param, open=partial(open_from_hub, hub))


def open_from_hub(hub: HubServer, order: OrderFiles) -> TokenSource:
    """Publish an order's folder, and open it there."""
    repository = f"org/{uuid.uuid4().hex}"
    commit = hub.add(f"datasets/{repository}", "main", order.files[0].parent)
    files = [FileRecord(name=file.name, bytes=file.stat().st_size) for file in order.files]
    geometry = open_order(order).geometry
    return open_remote(f"hf://datasets/{repository}@{commit}", files, geometry, 3, order.vocab_size)


@pytest.fixture
def pair(tmp_path: Path) -> OrderFiles:
    """A sound MMIDIDX order of 5 sequences of 4 ids, to be damaged."""
    return one_pair(tmp_path, np.arange(20, dtype=np.uint16).reshape(5, 4))


@pytest.fixture(scope="session")
def refusal() -> Callable[..., str]:
    """Calls a function that must refuse a file, and gives the message."""

    def message(function: Callable[..., object], *arguments: object, **options: object) -> str:
        with pytest.raises(CorruptFile) as caught:
            function(*arguments, **options)
        return str(caught.value)

    return message
