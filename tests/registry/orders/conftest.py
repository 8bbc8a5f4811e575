"""Every layout in which an order can lie on disk, each as a function that writes rows and describes what it wrote."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from seenat.registry.errors import CorruptFile
from seenat.registry.orders.description import OrderFiles
from seenat.registry.orders.mmididx import write_order


@dataclass(frozen=True)
class Layout:
    dtype: str
    write: Callable[[Path, np.ndarray], OrderFiles]


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
}


@pytest.fixture(scope="session", params=LAYOUTS.values(), ids=LAYOUTS.keys())
def layout(request: pytest.FixtureRequest) -> Layout:
    return request.param


@pytest.fixture
def pair(tmp_path: Path) -> OrderFiles:
    """A sound MMIDIDX order of 5 sequences of 4 ids, to be damaged."""
    return one_pair(tmp_path, np.arange(20, dtype=np.uint16).reshape(5, 4))


@pytest.fixture(scope="session")
def refusal() -> Callable[..., str]:
    """Calls a function that must refuse a file, and gives the message."""

    def message(function: Callable[..., object], *arguments: object) -> str:
        with pytest.raises(CorruptFile) as caught:
            function(*arguments)
        return str(caught.value)

    return message
