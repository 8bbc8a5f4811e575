"""Small orders in memory's shape and n-gram indexes over them, built as the real ones are."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from seenat.attribution.duplicates.contents import ComparedOrder
from seenat.attribution.ngrams.build.shard_builder import ShardRecipe, build_shard
from seenat.attribution.ngrams.codes import code_ranks, codes_of
from seenat.attribution.ngrams.files.directory import IndexedShard, write_directory
from seenat.attribution.ngrams.files.shard_file import ShardLayout
from seenat.attribution.ngrams.index import NgramIndex
from seenat.attribution.ngrams.keys import position_bits
from seenat.registry.orders.extents import Extent
from seenat.registry.orders.formats.flat import FlatOrder
from seenat.registry.orders.geometry import Geometry
from seenat.registry.units import SequenceRange

__all__ = ["Rows", "compared", "flat_order", "indexed"]

Rows = npt.NDArray[np.integer[Any]]


def flat_order(folder: Path, rows: Rows) -> FlatOrder:
    """An order of these rows, in one file."""
    path = folder / "ids.bin"
    rows.tofile(path)
    geometry = Geometry(sequences=len(rows), tokens_per_sequence=rows.shape[1], dtype=str(rows.dtype))
    return FlatOrder(geometry, [Extent(path, 0, rows.nbytes)])


def compared(source: FlatOrder, sequences: SequenceRange | None = None, batch: int = 4) -> ComparedOrder:
    """All of an order, or a part, of batches of four sequences."""
    chosen = sequences or source.geometry.all_sequences
    return ComparedOrder(name="made-up", source=source, sequences=chosen, sequences_per_batch=batch)


def indexed(
    folder: Path, source: FlatOrder, window: int, cuts: Sequence[int] = (), seed: int | None = None
) -> NgramIndex:
    """An index over an order, its shards cut at these sequences; the ranks are its own, or random with a seed."""
    geometry = source.geometry
    ends = sorted({0, *cuts, geometry.sequences})
    bits = position_bits(max(stop - start for start, stop in pairwise(ends)) * geometry.tokens_per_sequence)
    ranks = code_ranks(codes_of(source.tokens(geometry.all_sequences)))
    if seed is not None:
        ranks = np.random.default_rng(seed).permutation(1 << 16).astype(np.uint16)
    recipe = ShardRecipe(window=min(window, geometry.tokens_per_sequence), bits=bits, fingerprints=True, ranks=ranks)
    shards = [_shard(folder, source, SequenceRange(start, stop), recipe) for start, stop in pairwise(ends)]
    write_directory(folder, shards)
    return NgramIndex(folder, shards, ranks, geometry.tokens_per_sequence)


def _shard(folder: Path, source: FlatOrder, sequences: SequenceRange, recipe: ShardRecipe) -> IndexedShard:
    path = folder / f"{sequences.start}.ngrams"
    built = build_shard(path, source, sequences, recipe, lambda _: None)
    layout = ShardLayout(
        first_sequence=sequences.start,
        sequences=len(sequences),
        window=recipe.window,
        bits=recipe.bits,
        samples=built.samples,
        fingerprints=True,
    )
    return IndexedShard(path, layout, built.digest)
