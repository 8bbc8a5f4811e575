"""From ids to every place where they stand in an order, in training order.

By an index the answer is exact for queries of at least its window; for shorter ones it is a lower bound, the places whose
sampled neighbourhood shows them. Reading the order is exact for any. A place is a sequence and a position in it; no
occurrence crosses the border of a sequence. Places come in portions, so that whoever wants the first page reads no more.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from seenat.attribution.ngrams.codes import Ids, codes_of
from seenat.attribution.ngrams.index import NgramIndex
from seenat.attribution.ngrams.keys import KEY_CODES, Lookups, lookups
from seenat.attribution.ngrams.sampling import anchors
from seenat.registry.orders.source import TokenSource
from seenat.registry.units import SequenceRange

__all__ = ["Places", "Region", "equal_at", "find_by_index", "find_by_reading", "is_exact"]

# Candidates that are compared together: of 64 uint16 ids each, 8 MiB. The first page of a frequent query costs one such portion.
_AT_ONCE = 1 << 14
# Candidates up to which comparing four ids first does not pay.
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
    ids = ids.astype(source.geometry.dtype)
    if is_exact(index, ids):
        yield from _through(index, source, ids, region, _rarest_anchors(index, ids))
    else:
        yield from _lower_bound(index, source, ids, region)


def _is_sayable(source: TokenSource, ids: Ids) -> bool:
    """Whether the order can hold these ids: its type can, and its sequences are long enough."""
    bounds = np.iinfo(source.geometry.dtype)
    fits = len(ids) <= source.geometry.tokens_per_sequence
    return fits and bool(len(ids)) and bounds.min <= int(ids.min()) and int(ids.max()) <= bounds.max


def _rarest_anchors(index: NgramIndex, ids: Ids) -> npt.NDArray[np.intp]:
    """The most promising anchors: those followed by enough ids for a whole key, the rarest first."""
    ranks = index.ranks(ids)
    places = anchors(ranks, index.window)
    return places[np.lexsort((ranks[places], len(ids) - places < KEY_CODES))][:_ANCHORS]


def _through(
    index: NgramIndex, source: TokenSource, ids: Ids, region: Region, places: npt.NDArray[np.intp]
) -> Iterator[Places]:
    """The occurrences of some ids that have a sample at one of these of their positions: by the one with fewest."""
    wanted = lookups(codes_of(ids), places, index.bits)
    best, start, stop = _cheapest(index, wanted)
    counts = stop - start
    shards = np.flatnonzero((counts > 0) & index.shards_within(region.start, region.stop))
    for group in _groups(shards, counts):
        rows, offsets = index.candidates(group, start[group], stop[group], wanted[best : best + 1])
        yield from _occurrences(source, ids, region, rows, offsets, int(places[best]))


def _cheapest(index: NgramIndex, wanted: Lookups) -> tuple[int, _Numbers, _Numbers]:
    """The look-up with the fewest candidates, and its samples in each shard."""
    start, stop = index.ranges(wanted[:1])
    # Comparing a middle's samples in each shard costs less than looking for fewer.
    few = _FEW + index.samples_a_middle * len(index.shards)
    if len(wanted.codes) > 1 and (stop - start).sum() > few:
        start, stop = index.ranges(wanted)
    best = int(np.argmin((stop - start).sum(axis=1)))
    return best, start[best], stop[best]


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
    for first in range(0, len(places), _AT_ONCE):
        found = Places(*np.divmod(places[first : first + _AT_ONCE], length))
        found = found[region.holds(found)]
        if len(found) > _FEW:
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
    equal: npt.NDArray[np.bool_] = (rows == due.view(f"u{width}")).all(axis=1)
    return equal


def _lower_bound(index: NgramIndex, source: TokenSource, ids: Ids, region: Region) -> Iterator[Places]:
    """Occurrences with a sample at any of their positions, all in one portion."""
    length, found = source.geometry.tokens_per_sequence, [np.empty(0, np.int64)]
    for place in range(len(ids)):
        for portion in _through(index, source, ids, region, np.array([place])):
            found.append(portion.sequences * length + portion.offsets)  # noqa: PERF401
    yield Places(*np.divmod(np.unique(np.concatenate(found)), length))


def find_by_reading(source: TokenSource, ids: Ids, region: Region) -> Iterator[Places]:
    """The places of some ids in a region, by reading all of it; yields after every piece, so that progress can be shown."""
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
        yield found[region.holds(found)]
