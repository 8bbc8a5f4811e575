"""How improbable some ids are if each were drawn by its frequency alone: what spans are ranked by.

The *rarity* of a span is the sum of -ln p over its ids. It grows with the length of a span and with how rare its ids are, and
ranks spans as OLMoTrace does (https://arxiv.org/abs/2504.07096). p is estimated from the first ids of the order, each counted
once more than it occurs; ids of more than 16 bits share counts by their codes.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from seenat.attribution.ngrams.codes import CODES, Ids, codes_of
from seenat.registry.orders.source import TokenSource
from seenat.registry.units import SequenceRange

__all__ = ["rarities"]

# Ids that are counted, half a megabyte of uint16: an id of one in 10,000 is counted 26 times.
_COUNTED = 1 << 18


def rarities(source: TokenSource, ids: Ids, stretches: list[tuple[int, int]]) -> list[float]:
    """The rarity of each stretch `[start, stop)` of some ids, to two decimals; reads the order's first ids."""
    if not stretches:
        return []
    surprise = _surprise_of_codes(source)[codes_of(ids.astype(source.geometry.dtype))]
    total = np.concatenate([[0.0], np.cumsum(surprise)])
    return [round(float(total[stop] - total[start]), 2) for start, stop in stretches]


def _surprise_of_codes(source: TokenSource) -> npt.NDArray[np.float64]:
    """-ln p of each code, `[65536]`."""
    geometry = source.geometry
    sequences = min(geometry.sequences, -(-_COUNTED // geometry.tokens_per_sequence))
    counts = np.bincount(codes_of(source.tokens(SequenceRange(0, sequences))).reshape(-1), minlength=CODES) + 1
    surprise: npt.NDArray[np.float64] = np.log(counts.sum()) - np.log(counts)
    return surprise
