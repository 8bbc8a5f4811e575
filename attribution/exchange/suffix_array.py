"""The suffix array of ids: the positions of all suffixes in lexicographic order, by prefix doubling in numpy.

Suffixes are first sorted by as many ids as fit into 63 bits; then those that are equal so far are sorted by the ranks of what
follows them, twice as far each time. A suffix that another begins with comes before it. Memory is about 48 bytes an id.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["suffix_array"]

_KEY_BITS = 63

_Array = npt.NDArray[np.int64]


def suffix_array(ids: npt.NDArray[np.unsignedinteger[Any]]) -> _Array:
    """The positions of the suffixes of ids, `[ids]`, by ascending suffix."""
    count = len(ids)
    keys, compared = _first_keys(ids)
    order = np.argsort(keys, kind="stable")
    keys = keys[order]
    new = np.ones(count, np.bool_)
    new[1:] = keys[1:] != keys[:-1]
    ranks = np.empty(count, np.int64)
    ranks[order] = _starts(np.arange(count), new)
    slots = np.flatnonzero(_shared(new))
    while len(slots):
        suffixes = order[slots]
        after = suffixes + compared
        following = np.where(after < count, ranks[np.minimum(after, count - 1)], -1)
        by_rank = np.lexsort((following, ranks[suffixes]))
        suffixes, following = suffixes[by_rank], following[by_rank]
        groups = ranks[suffixes]
        new = np.ones(len(slots), np.bool_)
        new[1:] = (groups[1:] != groups[:-1]) | (following[1:] != following[:-1])
        order[slots] = suffixes
        ranks[suffixes] = _starts(slots, new)
        slots = slots[_shared(new)]
        compared *= 2
    return order


def _first_keys(ids: npt.NDArray[np.unsignedinteger[Any]]) -> tuple[npt.NDArray[np.uint64], int]:
    """The first ids of each suffix as one number, and how many these are; 0 stands for what is beyond the end."""
    present, ranks = np.unique(ids, return_inverse=True)
    bits = max(1, len(present).bit_length())
    several = max(1, _KEY_BITS // bits)
    keys = np.zeros(len(ids), np.uint64)
    ranks = ranks.astype(np.uint64) + np.uint64(1)
    for place in range(several):
        keys <<= np.uint64(bits)
        keys[: max(0, len(ids) - place)] |= ranks[place:]
    return keys, several


def _starts(slots: _Array, new: npt.NDArray[np.bool_]) -> _Array:
    """For each slot, the first slot of its group."""
    starts: _Array = slots[np.maximum.accumulate(np.where(new, np.arange(len(slots)), 0))]
    return starts


def _shared(new: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Which are in groups of several."""
    last = np.append(new[1:], True)
    shared: npt.NDArray[np.bool_] = ~(new & last)
    return shared
