"""Which positions of an order are sampled, and which of them a query shows.

With the ranks of the ids as a curve, the sampled positions are those at which the curve equals its opening by W: the
minimum over every window of W, then the maximum of these minima over the windows that hold the position. All ties are kept,
so whether a position is sampled depends on the ids of the windows around it alone. No window crosses the border of a
sequence.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from seenat.attribution.ngrams.codes import Codes

__all__ = ["anchors", "is_sampled"]

_Array = npt.NDArray[Any]


def is_sampled(ranks: Codes, window: int) -> npt.NDArray[np.bool_]:
    """Which positions of whole sequences are sampled, `[sequences, ids]`, from the ranks of their ids.

    Sequences have at least `window` ids.
    """
    if window == 1:
        return np.ones(ranks.shape, np.bool_)
    minima = _over_windows(np.minimum, ranks, window)
    # No rank is below 0, so beyond the ends of a sequence it takes part in no maximum.
    padded = np.zeros((*ranks.shape[:-1], ranks.shape[-1] + window - 1), ranks.dtype)
    padded[..., window - 1 : -(window - 1)] = minima
    sampled: npt.NDArray[np.bool_] = _over_windows(np.maximum, padded, window) == ranks
    return sampled


def anchors(ranks: Codes, window: int) -> npt.NDArray[np.intp]:
    """Positions of a query that are sampled in each of its occurrences, ascending; none where it is shorter than a window."""
    if len(ranks) < window:
        return np.empty(0, np.intp)
    return np.flatnonzero(is_sampled(ranks, window))


def _over_windows(operation: Callable[[_Array, _Array], _Array], values: _Array, window: int) -> _Array:
    """The minimum or maximum over each window of the last axis, in log2(window) passes."""
    covered = 1
    while 2 * covered <= window:
        values = operation(values[..., :-covered], values[..., covered:])
        covered *= 2
    rest = window - covered
    return operation(values[..., :-rest], values[..., rest:]) if rest else values
