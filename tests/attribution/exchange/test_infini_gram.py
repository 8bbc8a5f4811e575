"""The files of infini-gram: a reader written from the engine's own way of searching finds what looking at the rows finds."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from support.small_index import Rows, compared, flat_order

from seenat.attribution.exchange.export import export_index
from seenat.registry.errors import InvalidValue
from seenat.registry.units import SequenceRange


@dataclass(frozen=True)
class Shard:
    """One file N of an index, read as the engine does: everything by bytes."""

    tokens: bytes
    table: bytes
    offsets: tuple[int, ...]
    metadata: bytes
    metadata_offsets: tuple[int, ...]
    width: int

    @classmethod
    def read(cls, folder: Path, number: int, width: int) -> Shard:
        def numbers(name: str) -> tuple[int, ...]:
            data = (folder / f"{name}.{number}").read_bytes()
            return tuple(int.from_bytes(data[at : at + 8], "little") for at in range(0, len(data), 8))

        tokens, table, metadata = (
            (folder / f"{name}.{number}").read_bytes() for name in ("tokenized", "table", "metadata")
        )
        return cls(tokens, table, numbers("offset"), metadata, numbers("metaoff"), width)

    def pointer(self, rank: int) -> int:
        size = len(self.table) // (len(self.tokens) // self.width)
        assert len(self.table) % (len(self.tokens) // self.width) == 0
        return int.from_bytes(self.table[rank * size : (rank + 1) * size], "little")

    def segment(self, query: bytes) -> range:
        """Ranks of the suffixes that begin with some bytes: the first that is not below, the first that is above."""
        ends = []
        for above in (False, True):
            low, high = -1, len(self.tokens) // self.width
            while high - low > 1:
                middle = (low + high) // 2
                at = self.pointer(middle)
                found = self.tokens[at : at + len(query)]
                if found < query or (above and found == query):
                    low = middle
                else:
                    high = middle
            ends.append(high)
        return range(*ends)

    def document(self, pointer: int) -> dict[str, int]:
        """The last document that begins at or before a byte, by its metadata."""
        number = int(np.searchsorted(self.offsets, pointer, side="right")) - 1
        ends = (*self.metadata_offsets, len(self.metadata))
        line = json.loads(self.metadata[ends[number] : ends[number + 1]])
        return {**line["metadata"], "offset": (pointer - self.offsets[number]) // self.width - 1}


def brute(rows: Rows, ids: Rows) -> list[tuple[int, int]]:
    windows = np.lib.stride_tricks.sliding_window_view(rows, len(ids), axis=1)
    return [(int(row), int(at)) for row, at in np.argwhere((windows == ids).all(axis=-1))]


@pytest.mark.parametrize(
    ("dtype", "width", "largest"), [("uint16", 2, 65_534), ("uint8", 2, 255), ("int32", 4, 2**31 - 1)]
)
@pytest.mark.parametrize("ids_a_file", [1 << 20, 200])
def test_its_engine_finds_every_place(tmp_path: Path, dtype: str, width: int, largest: int, ids_a_file: int) -> None:
    rng = np.random.default_rng(1)
    values = np.array([0, 1, 255, 256 % (largest + 1), largest, *rng.integers(0, largest, 3)])
    rows = values[rng.integers(0, len(values), (40, 19))].astype(dtype)
    rows[30] = rows[4]
    source = flat_order(tmp_path, rows)
    part = SequenceRange(4, 40)
    written = export_index(compared(source, part), tmp_path / "index", "infini-gram", ids_a_file=ids_a_file)
    files = written.metadata["files"]
    assert files == (1 if ids_a_file > 1000 else 4)
    shards = [Shard.read(tmp_path / "index", number, width) for number in range(files)]
    assert sum(len(shard.offsets) for shard in shards) == 36
    for length in (1, 2, 5, 19):
        for _ in range(12):
            row, at = int(rng.integers(0, 40)), int(rng.integers(0, 19 - length + 1))
            ids = rows[row, at : at + length]
            query = ids.astype(f"<u{width}").tobytes()
            found = [shard.document(shard.pointer(rank)) for shard in shards for rank in shard.segment(query)]
            expected = [place for place in brute(rows, ids) if place[0] in part]
            assert sorted((one["sequence"], one["offset"]) for one in found) == expected
            assert all(one["step"] == one["batch"] + 1 == one["sequence"] // 4 + 1 for one in found)


def test_the_separator_stands_before_each_document_and_is_refused_as_an_id(tmp_path: Path) -> None:
    rows = np.arange(12, dtype=np.uint16).reshape(3, 4)
    source = flat_order(tmp_path, rows)
    export_index(compared(source), tmp_path / "index", "infini-gram")
    stored = np.fromfile(tmp_path / "index" / "tokenized.0", "<u2").reshape(3, 5)
    assert (stored[:, 0] == 65_535).all()
    assert (stored[:, 1:] == rows).all()
    rows[1, 2] = 65_535
    (tmp_path / "other").mkdir()
    with pytest.raises(InvalidValue, match="hold the id 65535"):
        export_index(compared(flat_order(tmp_path / "other", rows)), tmp_path / "second", "infini-gram")
    assert not list(tmp_path.glob("second*"))


def test_folders_that_exist_and_other_formats_are_refused(tmp_path: Path) -> None:
    source = flat_order(tmp_path, np.zeros((2, 3), np.uint16))
    with pytest.raises(InvalidValue, match="exists already"):
        export_index(compared(source), tmp_path, "infini-gram")
    with pytest.raises(InvalidValue, match="not one of infini-gram, tokengrams"):
        export_index(compared(source), tmp_path / "new", "lucene")
