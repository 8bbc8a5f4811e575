"""What samples are sorted by: a 64-bit key of four codes and the position.

    63        48 47        32 31          B B            0
    code of p    code of p+1  hash of p+2,  position p in
                              p+3           the shard

B bits hold a position in the largest shard of the index. Codes beyond the end of a sequence are 0. Keys are distinct, so
their order does not depend on how they are sorted, and among equal codes positions ascend.

A shard keeps of a key its *middle*, the bits 16 to 47 without those of the position, for every 32nd sample. A query of at
least four ids from its anchor on looks for one middle, of two or three for a range of them, of one for all.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from seenat.attribution.ngrams.codes import Codes

__all__ = [
    "KEY_CODES",
    "LARGEST_BITS",
    "Keys",
    "Lookups",
    "fingerprints_of",
    "lookups",
    "middles_of",
    "position_bits",
    "positions_of",
    "sample_keys",
]

KEY_CODES = 4
"""Codes that make a key."""

LARGEST_BITS = 32
"""Most bits of a position, so that it is stored in four bytes."""

Keys = npt.NDArray[np.uint64]
_Middles = npt.NDArray[np.int64]


def position_bits(positions: int) -> int:
    """B, the bits of the positions in a shard of this many ids."""
    return max(1, (positions - 1).bit_length())


def sample_keys(following: Keys, positions: npt.NDArray[np.int64], bits: int) -> Keys:
    """The keys of samples: their four codes, the first lowest, as one number, and their positions."""
    keys = _hash((following >> np.uint64(32)).astype(np.uint32)).astype(np.uint64)
    keys &= ~_low(bits)
    keys |= following << np.uint64(48)
    keys |= (following & np.uint64(0xFFFF0000)) << np.uint64(16)
    keys |= positions.astype(np.uint64)
    return keys


def middles_of(keys: Keys, bits: int) -> npt.NDArray[np.uint32]:
    """The middle of each key."""
    return (keys >> np.uint64(16)).astype(np.uint32) & _middle_mask(bits)


def positions_of(keys: Keys, bits: int) -> npt.NDArray[np.uint32]:
    """The position of each key."""
    return keys.astype(np.uint32) & np.uint32((1 << bits) - 1)


def fingerprints_of(middles: npt.NDArray[np.uint32]) -> npt.NDArray[np.uint8]:
    """A byte of each middle: a candidate of another middle has another one 255 times in 256."""
    mixed = middles * np.uint32(0x9E3779B1)
    return ((mixed >> np.uint32(24)) ^ (mixed >> np.uint32(13))).astype(np.uint8)


@dataclass(frozen=True, slots=True)
class Lookups:
    """What some anchors of a query look for; each field `[anchors]`."""

    codes: Codes
    """The first code."""
    lowest: _Middles
    highest: _Middles
    """The middles from one to the other, both included."""
    exact: npt.NDArray[np.bool_]
    """Whether a single middle is looked for, so that fingerprints can be compared."""

    def __getitem__(self, chosen: Any) -> Lookups:
        return Lookups(self.codes[chosen], self.lowest[chosen], self.highest[chosen], self.exact[chosen])


def lookups(
    query: Codes, places: npt.NDArray[np.intp], bits: int, depths: npt.NDArray[np.intp] | int = KEY_CODES
) -> Lookups:
    """What to look for at some positions of a query, by at most so many codes from each position on."""
    padded = np.zeros(len(query) + KEY_CODES, np.uint32)
    padded[: len(query)] = query
    second = padded[places + 1] << np.uint32(16)
    pairs = padded[places + 2] | padded[places + 3] << np.uint32(16)
    middles = ((second | _hash(pairs) >> np.uint32(16)) & _middle_mask(bits)).astype(np.int64)
    known = np.minimum(len(query) - places, depths)
    exact = known >= KEY_CODES
    if exact.all():
        return Lookups(query[places], middles, middles, exact)
    second = second.astype(np.int64)
    lowest = np.where(exact, middles, np.where(known > 1, second, 0))
    highest = np.where(exact, middles, np.where(known > 1, second | 0xFFFF, 0xFFFFFFFF))
    return Lookups(query[places], lowest, highest, exact)


def _hash(pairs: npt.NDArray[np.uint32]) -> npt.NDArray[np.uint32]:
    """Two codes mixed so that each high bit depends on both (constants of common 32-bit finalizers)."""
    mixed = pairs * np.uint32(0x9E3779B1)
    mixed ^= mixed >> np.uint32(15)
    mixed *= np.uint32(0x2C1B3C6D)
    mixed ^= mixed >> np.uint32(13)
    return mixed


def _low(bits: int) -> np.uint64:
    return np.uint64((1 << bits) - 1)


def _middle_mask(bits: int) -> np.uint32:
    return np.uint32(0xFFFFFFFF ^ ((1 << max(0, bits - 16)) - 1))
