"""How far a text and an order agree around some places: reads of the order at many places, compared with the text.

A place is a sequence, an offset in it, and the place in the text that is held against it. All reads stay within their
sequence: near its ends they are moved inwards, and what they hold too much is not looked at.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from seenat.attribution.ngrams.codes import Ids
from seenat.attribution.ngrams.keys import KEY_CODES
from seenat.registry.orders.source import TokenSource

__all__ = ["Places", "extended_left", "extended_right", "holds", "is_promising"]

# Ids that are compared on each side first, and at most; every further read is twice as long.
_FIRST, _LONGEST = 16, 256
# Ids of an anchor, and at most so many on either side, that are compared first.
_HERE = KEY_CODES

_Numbers = npt.NDArray[np.int64]
_Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Places:
    """Places in an order, and those of the text that are held against them; each field `[places]`."""

    sequences: _Numbers
    offsets: _Numbers
    at: _Numbers
    """In the text."""

    def __len__(self) -> int:
        return len(self.sequences)

    def __getitem__(self, chosen: Any) -> Self:
        return type(self)(self.sequences[chosen], self.offsets[chosen], self.at[chosen])

    @property
    def diagonals(self) -> _Numbers:
        """The offset that the text's first id would have."""
        return self.offsets - self.at

    @classmethod
    def joined(cls, parts: list[Self]) -> Self:
        """Several as one."""
        empty = np.empty(0, np.int64)
        joined = [np.concatenate([empty, *(getattr(part, field.name) for part in parts)]) for field in fields(cls)]
        return cls(*joined)


def holds(source: TokenSource, ids: Ids, places: Places, before: int, after: int) -> _Flags:
    """At which places the `before` ids before the place of the text, and the `after` ids from it on, stand too."""
    length = source.geometry.tokens_per_sequence
    held = (places.offsets >= before) & (places.offsets + after <= length)
    fitting = np.flatnonzero(held)
    if len(fitting):
        within = places[fitting]
        equal = _equal(source, ids, within.sequences, within.offsets - before, within.at - before, before + after)
        held[fitting] = equal.all(axis=1)
    return held


def is_promising(source: TokenSource, ids: Ids, places: Places, minimum: int) -> _Flags:
    """Which places may lie in matches of so many ids, if the four ids there do: those agree, and some before or after.

    Of the other ids of a match at least half stand on one side. Places near an end of a sequence are all kept.
    """
    promising = np.ones(len(places), np.bool_)
    length = source.geometry.tokens_per_sequence
    beside = min(_HERE, (minimum - _HERE + 1) // 2)
    inner = np.flatnonzero((places.offsets >= beside) & (places.offsets + _HERE + beside <= length))
    if len(inner):
        there = source.windows(places.sequences[inner], places.offsets[inner] - beside, _HERE + 2 * beside)
        due = _windows_of(ids, places.at[inner] - beside, _HERE + 2 * beside)
        before, here, after = _agreeing(there, due, beside)
        promising[inner] = here & (before | after)
    return promising


def _agreeing(there: Ids, due: Ids, beside: int) -> tuple[_Flags, _Flags, _Flags]:
    """Whether the first ids, those in the middle and the last ids of each row agree."""
    if beside == _HERE:
        # As wide numbers as fit: a block of four uint16 ids is one.
        width = min(8, _HERE * there.itemsize)
        wide = (there.view(f"u{width}") == due.view(f"u{width}")).reshape(len(there), 3, -1)
        return wide[:, 0].all(axis=1), wide[:, 1].all(axis=1), wide[:, 2].all(axis=1)
    equal = there == due
    cuts = slice(0, beside), slice(beside, beside + _HERE), slice(beside + _HERE, None)
    before, here, after = (equal[:, cut].all(axis=1) for cut in cuts)
    return before, here, after


def extended_right(source: TokenSource, ids: Ids, places: Places, at: _Numbers) -> _Numbers:
    """Up to where in the text each diagonal agrees without a break from `at` on; `[places]`."""
    length = source.geometry.tokens_per_sequence
    diagonals, reached = places.diagonals, at.copy()
    limits = np.minimum(len(ids), length - diagonals)
    active, size = np.flatnonzero(reached < limits), min(_FIRST, length)
    while len(active):
        begin = diagonals[active] + reached[active]
        moved = np.maximum(begin + size - length, 0)
        equal = _equal(source, ids, places.sequences[active], begin - moved, reached[active] - moved, size)
        equal |= np.arange(size) < moved[:, None]
        agreeing = np.where(equal.all(axis=1), size, equal.argmin(axis=1)) - moved
        whole = agreeing == size
        reached[active] = np.minimum(reached[active] + agreeing, limits[active])
        active = active[whole & (reached[active] < limits[active])]
        size = min(2 * size, _LONGEST, length)
    return reached


def extended_left(source: TokenSource, ids: Ids, places: Places, at: _Numbers) -> _Numbers:
    """Down to where in the text each diagonal agrees without a break before `at`; `[places]`."""
    length = source.geometry.tokens_per_sequence
    diagonals, reached = places.diagonals, at.copy()
    limits = np.maximum(0, -diagonals)
    active, size = np.flatnonzero(reached > limits), min(_FIRST, length)
    while len(active):
        begin = diagonals[active] + reached[active] - size
        moved = np.maximum(-begin, 0)
        equal = _equal(source, ids, places.sequences[active], begin + moved, reached[active] - size + moved, size)
        equal |= np.arange(size) >= size - moved[:, None]
        agreeing = np.where(equal.all(axis=1), size, equal[:, ::-1].argmin(axis=1)) - moved
        whole = agreeing == size
        reached[active] = np.maximum(reached[active] - agreeing, limits[active])
        active = active[whole & (reached[active] > limits[active])]
        size = min(2 * size, _LONGEST, length)
    return reached


def _equal(source: TokenSource, ids: Ids, sequences: _Numbers, offsets: _Numbers, at: _Numbers, size: int) -> _Flags:
    equal: _Flags = source.windows(sequences, offsets, size) == _windows_of(ids, at, size)
    return equal


def _windows_of(ids: Ids, at: _Numbers, size: int) -> Ids:
    """`size` ids of the text from each place on, `[places, size]`; beyond its ends they may be any."""
    padded = np.zeros(len(ids) + 2 * size, ids.dtype)
    padded[size : size + len(ids)] = ids
    # One run of bytes for each id at which one can begin, so that a row is copied as a whole.
    runs = np.ndarray((len(ids) + size + 1,), f"V{size * ids.itemsize}", padded, strides=(ids.itemsize,))
    return runs[at + size].view(ids.dtype).reshape(len(at), size)
