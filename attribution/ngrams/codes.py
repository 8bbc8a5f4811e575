"""Ids as 16-bit codes, and how rare each code is.

The index knows codes only. Ids of at most 16 bits are their own codes; larger ones share 65,536 codes by a hash. Two ids of
one code cost a look-up some time and never change its answer, because what is found is compared with the ids themselves.
So too with the ranks: any table of ranks gives the same answers, and one that fits the order gives them fast.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from seenat.registry.errors import InvalidValue

__all__ = ["CODES", "Codes", "Ids", "code_ranks", "codes_of", "ids_of"]

CODES = 1 << 16
"""How many codes there are."""

Ids = npt.NDArray[np.integer[Any]]
Codes = npt.NDArray[np.uint16]

# The golden ratio times 2^32: multiplying by it spreads consecutive ids over all codes.
_SPREAD = np.uint32(0x9E3779B1)


def codes_of(ids: Ids) -> Codes:
    """The code of each id, in the same shape."""
    if ids.dtype.itemsize <= 2:
        return ids.astype(np.uint16, copy=False)
    spread = ids.astype(np.uint32, copy=False) * _SPREAD
    spread >>= np.uint32(16)
    return spread.astype(np.uint16)


def ids_of(query: Sequence[int]) -> npt.NDArray[np.int64]:
    """The ids that somebody asks for; raises `InvalidValue` for a number that no order holds, whatever its type of ids."""
    try:
        return np.array(query, np.int64)
    except OverflowError:
        wrong = max(query, key=abs)
        raise InvalidValue(f"{wrong} is not an id: no order has one so large.") from None


def code_ranks(codes: Codes) -> Codes:
    """The rank of each code by how often it stands in a sample of codes, `[65536]`: 0 is the rarest, ties go by code."""
    counts = np.bincount(codes.reshape(-1), minlength=CODES)
    ranks = np.empty(CODES, np.uint16)
    ranks[np.argsort(counts, kind="stable")] = np.arange(CODES, dtype=np.uint16)
    return ranks
