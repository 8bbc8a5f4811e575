"""Refuses sequences and positions that an order does not have, the same way for every format."""

from __future__ import annotations

import numpy as np

from seenat.registry.errors import InvalidValue
from seenat.registry.orders.geometry import Geometry
from seenat.registry.orders.source import Sequences

__all__ = ["check_positions", "checked_indices"]


def checked_indices(geometry: Geometry, indices: Sequences) -> Sequences:
    """The indices as int64; raises `InvalidValue` for anything but a list of integers, `UnknownSequence` beyond the order."""
    array = np.asarray(indices)
    # An empty list becomes float64, and is fine.
    if array.ndim != 1 or (array.size and array.dtype.kind not in "iu"):
        raise InvalidValue(f"Sequences are a one-dimensional array of integers, not {array.ndim}-D {array.dtype}.")
    if array.size and (array.min() < 0 or array.max() >= geometry.sequences):
        unknown = (array < 0) | (array >= geometry.sequences)
        raise geometry.unknown(int(array[unknown.argmax()]))
    return array.astype(np.int64, copy=False)


def check_positions(geometry: Geometry, start: int, stop: int) -> None:
    """Raise `InvalidValue` unless `[start, stop)` are positions of a sequence."""
    length = geometry.tokens_per_sequence
    if not 0 <= start <= stop <= length:
        raise InvalidValue(f"{start}:{stop} are not positions of a sequence; they go from 0 to {length}.")
