"""From ids to every place where they stand in an order, in training order.

By an index the answer is exact for queries of at least its window; for shorter ones it is a lower bound, the places whose
sampled neighbourhood shows them. Reading the order is exact for any. A place is a sequence and a position in it; no
occurrence crosses the border of a sequence. Places come in portions, so that whoever wants the first page reads no more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from seenat.attribution.ngrams.codes import Codes, Ids, codes_of
from seenat.attribution.ngrams.index import NgramIndex
from seenat.attribution.ngrams.keys import KEY_CODES, Lookups, lookups
from seenat.attribution.ngrams.sampling import anchors
from seenat.registry.orders.source import TokenSource
from seenat.registry.units import SequenceRange

__all__ = ["Places", "Region", "equal_at", "find_by_index", "find_by_reading", "is_exact"]

# Candidates that are compared together: of 64 uint16 ids each, 8 MiB. The first page of a frequent query costs one such portion.
_AT_ONCE = 1 << 14
# Ids of candidates up to which comparing four of each first does not pay.
_FEW_IDS = 1 << 15
# Candidates up to which another anchor is not worth pricing.
_FEW = 256
# Anchors that are priced; the best of six rarest is nearly always the best of all.
_ANCHORS = 6
# Ids that are read together without an index, 2 MiB of uint16.
_READ_AT_ONCE = 1 << 20

_Numbers = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Places:
    """Places in an order, ascending by sequence and position."""

    sequences: _Numbers
    offsets: _Numbers

    def __len__(self) -> int:
        return len(self.sequences)

    def __getitem__(self, chosen: npt.NDArray[np.bool_ | np.intp] | slice) -> Places:
        return Places(self.sequences[chosen], self.offsets[chosen])

    @classmethod
    def joined(cls, portions: Iterable[Places]) -> Places:
        """Several as one, one after the other."""
        parts = [*portions, Places(np.empty(0, np.int64), np.empty(0, np.int64))]
        return cls(np.concatenate([part.sequences for part in parts]), np.concatenate([part.offsets for part in parts]))


@dataclass(frozen=True, slots=True)
class Region:
    """Where to look: the sequences `[start, stop)`, and of the first only positions from `offset` on."""

    start: int
    stop: int
    offset: int = 0

    def holds(self, places: Places) -> npt.NDArray[np.bool_]:
        """Which places lie in it."""
        after = (places.sequences > self.start) | ((places.sequences == self.start) & (places.offsets >= self.offset))
        inside: npt.NDArray[np.bool_] = after & (places.sequences < self.stop)
        return inside


def is_exact(index: NgramIndex, ids: Ids) -> bool:
    """Whether the index finds every occurrence of these ids in the sequences that it covers."""
    return len(ids) >= index.window


def find_by_index(index: NgramIndex, source: TokenSource, ids: Ids, region: Region) -> Iterator[Places]:
    """The places of some ids in a region, as far as the index covers it; see `is_exact`."""
    if not _is_sayable(source, ids):
        return
    ids = ids.astype(source.geometry.dtype, copy=False)
    if is_exact(index, ids):
        yield from _through(index, source, ids, region, _cheapest(index, ids))
    else:
        yield from _lower_bound(index, source, ids, region)


def _is_sayable(source: TokenSource, ids: Ids) -> bool:
    """Whether the order can hold these ids: its type can, and its sequences are long enough."""
    if not 0 < len(ids) <= source.geometry.tokens_per_sequence:
        return False
    if ids.dtype == source.geometry.dtype:
        return True
    bounds = np.iinfo(source.geometry.dtype)
    return bool(bounds.min <= int(ids.min()) and int(ids.max()) <= bounds.max)


@dataclass(frozen=True, slots=True)
class _LookUp:
    """One position of a query, looked up."""

    place: int
    wanted: Lookups
    """Of this one place."""
    start: _Numbers
    stop: _Numbers
    """Its samples in each shard."""

    @classmethod
    def cheapest_of(cls, index: NgramIndex, codes: Codes, places: npt.NDArray[np.intp]) -> _LookUp:
        """Of some places the one with the fewest samples."""
        wanted = lookups(codes, places, index.bits)
        start, stop = index.ranges(wanted)
        if len(places) == 1:
            return cls(int(places[0]), wanted, start[0], stop[0])
        best = int(np.argmin((stop - start).sum(axis=1)))
        return cls(int(places[best]), wanted[best : best + 1], start[best], stop[best])


def _cheapest(index: NgramIndex, ids: Ids) -> _LookUp:
    """The anchor with the fewest candidates among the most promising: those followed by a whole key, the rarest first."""
    ranks, codes = index.ranks(ids), codes_of(ids)
    # The rarest id that a whole key follows is the rarest of a window, where so many ids are a window or more.
    whole = len(ids) - KEY_CODES + 1
    if whole >= index.window:
        first = _LookUp.cheapest_of(index, codes, np.argmin(ranks[:whole], keepdims=True))
        # Comparing a middle's samples in each shard costs less than looking for fewer.
        if (first.stop - first.start).sum() <= _FEW + index.samples_a_middle * len(index.shards):
            return first
    places = anchors(ranks, index.window)
    promising = places[np.lexsort((ranks[places], len(ids) - places < KEY_CODES))]
    return _LookUp.cheapest_of(index, codes, promising[:_ANCHORS])


def _through(index: NgramIndex, source: TokenSource, ids: Ids, region: Region, look_up: _LookUp) -> Iterator[Places]:
    """The occurrences of some ids that have a sample at the position that was looked up."""
    counts = look_up.stop - look_up.start
    shards = np.flatnonzero((counts > 0) & index.shards_within(region.start, region.stop))
    for group in _groups(shards, counts):
        rows, offsets = index.candidates(group, look_up.start[group], look_up.stop[group], look_up.wanted)
        yield from _occurrences(source, ids, region, rows, offsets, look_up.place)


def _groups(shards: npt.NDArray[np.intp], counts: _Numbers) -> Iterator[npt.NDArray[np.intp]]:
    """Consecutive shards with about a portion of candidates, or one with more."""
    candidates = np.cumsum(counts[shards])
    if len(shards) and candidates[-1] > 4 * _AT_ONCE:
        yield from np.split(shards, np.flatnonzero(np.diff(candidates // (4 * _AT_ONCE))) + 1)
    elif len(shards):
        yield shards


def _occurrences(
    source: TokenSource, ids: Ids, region: Region, rows: _Numbers, offsets: _Numbers, anchor: int
) -> Iterator[Places]:
    """Those of the candidates for one id of a query around which the others stand, in portions."""
    length = source.geometry.tokens_per_sequence
    starts = offsets - anchor
    fits = (starts >= 0) & (starts + len(ids) <= length)
    # Candidates of one key ascend already, which this sort makes use of.
    places = np.sort((rows * length + starts)[fits], kind="stable")
    low, high = places.searchsorted((region.start * length + region.offset, region.stop * length))
    for first in range(low, high, _AT_ONCE):
        part = places[first : min(high, first + _AT_ONCE)]
        sequences = part // length
        found = Places(sequences, part - sequences * length)
        if len(found) * len(ids) > _FEW_IDS:
            found = found[equal_at(source, found, ids, anchor, anchor + KEY_CODES)]
        yield found[equal_at(source, found, ids)]


def equal_at(
    source: TokenSource, places: Places, ids: Ids, start: int = 0, stop: int | None = None
) -> npt.NDArray[np.bool_]:
    """At which places the ids `[start, stop)` of a query, or all of them, stand; within their sequence."""
    if not len(places):
        return np.zeros(0, np.bool_)
    due = ids[start:stop].astype(source.geometry.dtype)
    windows = source.windows(places.sequences, places.offsets + start, len(due))
    # As few and as wide numbers as fit are compared: a row of 32 uint16 ids is 8 of them.
    width = next(size for size in (8, 4, 2, 1) if due.nbytes % size == 0)
    rows = windows.view(f"u{width}").reshape(len(windows), -1)
    numbers = due.view(f"u{width}")
    # Most candidates differ in their first number already.
    equal: npt.NDArray[np.bool_] = rows[:, 0] == numbers[0]
    if len(numbers) > 1:
        alike = np.flatnonzero(equal)
        equal[alike] = (rows[alike] == numbers).all(axis=1)
    return equal


def _lower_bound(index: NgramIndex, source: TokenSource, ids: Ids, region: Region) -> Iterator[Places]:
    """Occurrences with a sample at any of their positions, all in one portion."""
    length, found, codes = source.geometry.tokens_per_sequence, [np.empty(0, np.int64)], codes_of(ids)
    for place in range(len(ids)):
        look_up = _LookUp.cheapest_of(index, codes, np.array([place]))
        for portion in _through(index, source, ids, region, look_up):
            found.append(portion.sequences * length + portion.offsets)  # noqa: PERF401
    yield Places(*np.divmod(np.unique(np.concatenate(found)), length))


def find_by_reading(
    source: TokenSource, ids: Ids, region: Region, progress: Callable[[int], None] = lambda count: None
) -> Iterator[Places]:
    """The places of some ids in a region, by reading all of it; `progress` gets the number of sequences of each piece."""
    if not _is_sayable(source, ids):
        return
    length = source.geometry.tokens_per_sequence
    at_once = max(1, _READ_AT_ONCE // length)
    last = length - len(ids) + 1
    for first in range(region.start, region.stop, at_once):
        piece = SequenceRange(first, min(first + at_once, region.stop))
        tokens = source.tokens(piece)
        rows, offsets = np.nonzero(tokens[:, :last] == ids[0])
        for place in range(1, len(ids)):
            equal = tokens[rows, offsets + place] == ids[place]
            rows, offsets = rows[equal], offsets[equal]
        found = Places(rows + first, offsets)
        progress(len(piece))
        yield found[region.holds(found)]
