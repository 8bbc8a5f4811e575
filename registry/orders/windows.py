"""Ids from anywhere: the same number of ids from each of many sequences, at a different position in each."""

from __future__ import annotations

import numpy as np

from seenat.registry.errors import InvalidValue
from seenat.registry.orders.bounds import checked_indices
from seenat.registry.orders.source import Sequences, Tokens, TokenSource

__all__ = ["checked_windows", "windows_by_sequence"]

# Ids that are read together, 16 MiB of int64.
_IDS_AT_ONCE = 1 << 21


def checked_windows(
    source: TokenSource, indices: Sequences, offsets: Sequences, length: int
) -> tuple[Sequences, Sequences]:
    """Sequences and positions as int64; raises `UnknownSequence` or `InvalidValue` for those that the order does not have."""
    indices = checked_indices(source.geometry, indices)
    offsets = np.asarray(offsets, np.int64)
    if offsets.shape != indices.shape or length < 0:
        raise InvalidValue(f"Windows of {length} ids need a position for each sequence, not {offsets.shape}.")
    if offsets.size and (offsets.min() < 0 or offsets.max() + length > source.geometry.tokens_per_sequence):
        raise InvalidValue(
            f"A window of {length} ids begins between 0 and {source.geometry.tokens_per_sequence - length}, not from "
            f"{offsets.min()} to {offsets.max()}."
        )
    return indices, offsets


def windows_by_sequence(source: TokenSource, indices: Sequences, offsets: Sequences, length: int) -> Tokens:
    """`TokenSource.windows` for orders in which reading a part of a sequence costs as much as all of it."""
    indices, offsets = checked_windows(source, indices, offsets, length)
    windows = np.empty((len(indices), length), source.geometry.dtype)
    wanted, places = np.unique(indices, return_inverse=True)
    by_sequence = np.argsort(places, kind="stable")
    at_once = max(1, _IDS_AT_ONCE // source.geometry.tokens_per_sequence)
    for first in range(0, len(wanted), at_once):
        rows = source.take(wanted[first : first + at_once], 0, source.geometry.tokens_per_sequence)
        start, stop = np.searchsorted(places[by_sequence], (first, first + at_once))
        chosen = by_sequence[start:stop]
        windows[chosen] = rows[(places[chosen] - first)[:, None], offsets[chosen, None] + np.arange(length)]
    return windows
