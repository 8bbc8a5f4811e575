"""Orders of made-up ids with their index, and the comparison of what it finds with what reading every place finds.

`PYTHONPATH=tests python -m support.indexed 100000 [SEED]` makes so many queries, 1,000 in a second.
"""

from __future__ import annotations

import itertools
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from seenat.attribution.ngrams.build.shard_builder import ShardRecipe, build_shard
from seenat.attribution.ngrams.codes import Codes, code_ranks, codes_of
from seenat.attribution.ngrams.files.directory import IndexedShard, write_directory
from seenat.attribution.ngrams.files.shard_file import ShardLayout
from seenat.attribution.ngrams.index import NgramIndex
from seenat.attribution.ngrams.keys import position_bits
from seenat.attribution.ngrams.search import Places, Region, find_by_index, find_by_reading, is_exact
from seenat.registry.orders.extents import Extent
from seenat.registry.orders.formats.flat import FlatOrder
from seenat.registry.orders.geometry import Geometry
from seenat.registry.orders.source import TokenSource
from seenat.registry.units import SequenceRange

__all__ = ["IndexedRows", "everywhere", "indexed_rows", "places_of"]

Rows = npt.NDArray[np.integer[Any]]
DTYPES = ("uint8", "uint16", "uint32", "int64")
WINDOWS = (1, 4, 5, 8, 16)


@dataclass(frozen=True)
class IndexedRows:
    """An order, and an index of all of it."""

    rows: Rows
    source: TokenSource
    index: NgramIndex

    def found(self, ids: Rows, start: int = 0, stop: int | None = None, offset: int = 0) -> set[tuple[int, int]]:
        """What the index finds of some ids within a region."""
        return places_of(
            find_by_index(self.index, self.source, ids, Region(start, len(self.rows) if stop is None else stop, offset))
        )

    def read(self, ids: Rows) -> set[tuple[int, int]]:
        """What reading finds."""
        return places_of(find_by_reading(self.source, ids, Region(0, len(self.rows))))


@contextmanager
def indexed_rows(
    folder: Path,
    rows: Rows,
    window: int,
    cuts: Sequence[int] = (),
    *,
    fingerprints: bool = False,
    ranks: Codes | None = None,
    pieces: int = 1,
    source: TokenSource | None = None,
    few: int = 64,
) -> Iterator[IndexedRows]:
    """An index of `rows`, in shards that end at `cuts` and at the end; the order is cut into files within ids.

    Its reader is `source`, where one is given. Up to `few` look-ups times shards are bisected one by one.
    """
    source = source or _source(folder, rows, pieces)
    borders = sorted({0, *cuts, len(rows)})
    longest = max(stop - start for start, stop in itertools.pairwise(borders))
    recipe = ShardRecipe(
        window=min(window, rows.shape[1]),
        bits=position_bits(longest * rows.shape[1]),
        fingerprints=fingerprints,
        ranks=code_ranks(codes_of(rows[: max(1, len(rows) // 2)])) if ranks is None else ranks,
    )
    shards = []
    for start, stop in itertools.pairwise(borders):
        path = folder / f"{start}.ngrams"
        built = build_shard(path, lambda: source, SequenceRange(start, stop), recipe, lambda count: None)
        layout = ShardLayout(
            first_sequence=start,
            sequences=stop - start,
            window=recipe.window,
            bits=recipe.bits,
            samples=built.samples,
            fingerprints=fingerprints,
        )
        layout.check(path)
        shards.append(IndexedShard(path, layout, built.digest))
    write_directory(folder, shards)
    with NgramIndex(folder, shards, recipe.ranks, rows.shape[1], few) as index:
        yield IndexedRows(rows, source, index)


def _source(folder: Path, rows: Rows, pieces: int) -> FlatOrder:
    data, extents = rows.tobytes(), []
    ends = [len(data) * (place + 1) // pieces for place in range(pieces)]
    for place, (start, stop) in enumerate(zip([0, *ends], ends, strict=False)):
        path = folder / f"{place}.bin"
        path.write_bytes(data[start:stop])
        extents.append(Extent(path, 0, stop - start))
    geometry = Geometry(sequences=len(rows), tokens_per_sequence=rows.shape[1], dtype=str(rows.dtype))
    return FlatOrder(geometry, extents)


def places_of(portions: Iterator[Places]) -> set[tuple[int, int]]:
    """Sequences and positions; each place comes once, and places ascend."""
    places = Places.joined(portions)
    pairs = list(zip(places.sequences.tolist(), places.offsets.tolist(), strict=True))
    assert pairs == sorted(set(pairs))
    return set(pairs)


def everywhere(rows: Rows, ids: Rows) -> set[tuple[int, int]]:
    """Brute force: every place is looked at."""
    if not 0 < len(ids) <= rows.shape[1]:
        return set()
    windows = np.lib.stride_tricks.sliding_window_view(rows, len(ids), axis=1)
    return {(int(row), int(place)) for row, place in np.argwhere((windows == ids).all(axis=-1))}


def compare(random: np.random.Generator, queries: int) -> int:
    """Make an order and an index as chance will have it, and compare so many queries; returns how many were exact."""
    length, sequences = int(random.integers(1, 40)), int(random.integers(1, 60))
    dtype, exact = str(random.choice(DTYPES)), 0
    ids = _vocabulary(random, dtype)
    # Few ids, often the one before again: long runs, ties and repetitions.
    rows = ids[random.integers(0, len(ids), (sequences, length))]
    if random.random() < 0.3:
        rows = np.repeat(rows, 3, axis=1)[:, :length]
    cuts = random.integers(0, sequences + 1, int(random.integers(0, 4))).tolist()
    ranks = random.permutation(1 << 16).astype(np.uint16) if random.random() < 0.5 else None
    with (
        tempfile.TemporaryDirectory() as folder,
        indexed_rows(
            Path(folder),
            rows,
            int(random.choice(WINDOWS)),
            cuts,
            fingerprints=bool(random.integers(0, 2)),
            ranks=ranks,
            pieces=int(random.integers(1, 4)),
            few=int(random.choice([0, 4, 64])),
        ) as order,
    ):
        for _ in range(queries):
            query = _query(random, rows, ids, order.index.window)
            due, found = everywhere(rows, query), order.found(query)
            assert order.read(query) == due
            assert found == due if is_exact(order.index, query) else found <= due, (query, order.index.window)
            exact += is_exact(order.index, query)
    return exact


def _vocabulary(random: np.random.Generator, dtype: str) -> Rows:
    """A few ids, the smallest and the largest of their type among them."""
    largest = min(int(np.iinfo(dtype).max), 1 << 40)
    ids = random.integers(0, largest, int(random.choice([2, 3, 5, 30])), endpoint=True)
    ids[0], ids[-1] = 0, largest
    return ids.astype(dtype)


def _query(random: np.random.Generator, rows: Rows, ids: Rows, window: int) -> Rows:
    """Ids of the order or others, most of them about as long as the window and as the window and a key."""
    length = int(random.choice([window - 1, window, window + 2, window + 3, random.integers(1, 25)]))
    length = max(1, min(length, rows.shape[1] + 1))
    if random.random() < 0.6 and length <= rows.shape[1]:
        start = int(random.integers(0, rows.shape[1] - length + 1))
        return rows[int(random.integers(0, len(rows))), start : start + length].copy()
    return ids[random.integers(0, len(ids), length)]


if __name__ == "__main__":
    wanted, seed = int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0
    generator, total = np.random.default_rng(seed), 0
    for _ in range(-(-wanted // 50)):
        total += compare(generator, 50)
    print(f"{-(-wanted // 50) * 50:,} queries equal brute force; the index was exact for {total:,}")
