"""Small orders in one file, and n-gram indexes over them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from seenat.attribution.duplicates.contents import ComparedOrder
from seenat.attribution.ngrams.codes import Codes
from seenat.attribution.ngrams.index import NgramIndex
from seenat.registry.orders.extents import Extent
from seenat.registry.orders.formats.flat import FlatOrder
from seenat.registry.orders.geometry import Geometry
from seenat.registry.units import SequenceRange
from support.indexed import indexed_rows

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


@contextmanager
def indexed(
    folder: Path,
    source: FlatOrder,
    window: int,
    cuts: Sequence[int] = (),
    seed: int | None = None,
    ranks: Codes | None = None,
) -> Iterator[NgramIndex]:
    """An index over an order, its shards cut at these sequences; the ranks are its own, or random with a seed, or given."""
    rows = source.tokens(source.geometry.all_sequences)
    if seed is not None:
        ranks = np.random.default_rng(seed).permutation(1 << 16).astype(np.uint16)
    # A cut at its end makes no shard.
    inside = [cut for cut in cuts if 0 < cut < len(rows)]
    with indexed_rows(folder, rows, window, inside, fingerprints=True, ranks=ranks) as made:
        yield made.index
