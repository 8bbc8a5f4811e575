"""What a reader may be asked for, checked the same way by every format."""

from __future__ import annotations

import numpy as np

from seenat.registry.errors import InvalidValue
from seenat.registry.orders.geometry import Geometry
from seenat.registry.orders.source import Sequences

__all__ = ["check_positions", "checked_indices"]


def checked_indices(geometry: Geometry, indices: Sequences) -> Sequences:
    """The indices as int64; raises `InvalidValue` for anything but a list of integers, `UnknownSequence` beyond the order."""
    given = np.asarray(indices)
    if given.ndim != 1 or (given.size and given.dtype.kind not in "iu"):
        raise InvalidValue(f"Sequences are a one-dimensional array of integers, not {given.ndim}-D {given.dtype}.")
    unknown = (given < 0) | (given >= geometry.sequences)
    if unknown.any():
        raise geometry.unknown(int(given[unknown.argmax()]))
    return given.astype(np.int64, copy=False)


def check_positions(geometry: Geometry, start: int, stop: int) -> None:
    """Raise `InvalidValue` unless `[start, stop)` are positions of a sequence."""
    length = geometry.tokens_per_sequence
    if not 0 <= start <= stop <= length:
        raise InvalidValue(f"{start}:{stop} are not positions of a sequence; they go from 0 to {length}.")
