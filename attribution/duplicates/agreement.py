"""How many ids agree at two places, forwards and backwards, up to the ends of their sequences."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from seenat.registry.orders.duplicate_sequences import Indices
from seenat.registry.orders.source import TokenSource

__all__ = ["agreeing", "ids_around"]

# Ids that are compared first, and pairs that are compared together.
_FIRST = 16
_PAIRS = 1 << 13


def agreeing(source: TokenSource, left: Indices, right: Indices, *, back: bool, most: int | None = None) -> Indices:
    """How many ids agree at each pair of positions: from them on, or before them; at most `most`.

    A position is `sequence * ids in a sequence + place in it`.
    """
    most = source.geometry.tokens_per_sequence if most is None else most
    counts = np.zeros(len(left), np.int64)
    for first in range(0, len(left), _PAIRS):
        part = slice(first, first + _PAIRS)
        counts[part] = _agreeing(source, left[part], right[part], back, most)
    return counts


def _agreeing(source: TokenSource, left: Indices, right: Indices, back: bool, most: int) -> Indices:
    counts, going, step = np.zeros(len(left), np.int64), np.arange(len(left)), min(_FIRST, most)
    while len(going) and step:
        done = int(counts[going[0]])
        shift = -done - step if back else done
        ours, theirs = (ids_around(source, places[going], shift, step) for places in (left, right))
        equal = (ours == theirs) & (ours >= 0)
        run = np.logical_and.accumulate(equal[:, ::-1] if back else equal, axis=1).sum(axis=1)
        counts[going] += run
        going = going[run == step]
        # Those still going have all agreed so far, so they stand at one distance.
        step = min(2 * step, 256, most - done - step)
    return counts


def ids_around(source: TokenSource, positions: Indices, shift: int, length: int) -> npt.NDArray[np.int64]:
    """The `length` ids from `shift` after each position on, `[positions, length]`; -1 beyond the ends of its sequence."""
    width = source.geometry.tokens_per_sequence
    sequences, offsets = np.divmod(positions, width)
    offsets = offsets + shift
    read = min(length, width)
    starts = np.clip(offsets, 0, width - read)
    ids = source.windows(sequences, starts, read).astype(np.int64)
    columns = (offsets - starts)[:, None] + np.arange(length)
    within = (columns >= 0) & (columns < read)
    return np.where(within, np.take_along_axis(ids, np.clip(columns, 0, read - 1), axis=1), -1)
