"""From anchors to matches: their samples, those around which enough ids agree, and how far each match reaches."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from seenat.attribution.ngrams.keys import KEY_CODES
from seenat.attribution.trace.anchors import Anchors, Text, in_blocks, sample_ranges
from seenat.attribution.trace.compare import Places, extended_left, extended_right, holds, is_promising
from seenat.attribution.trace.parts import Part
from seenat.attribution.trace.runs import within_runs
from seenat.registry.orders.source import TokenSource

__all__ = ["Matches", "matches_of", "places_of"]

# Samples that are compared together: their places take 24 MiB.
_AT_ONCE = 1 << 20

_Numbers = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Matches:
    """Where a text and an order agree; each field `[matches]`."""

    sequences: _Numbers
    diagonals: _Numbers
    """The offset in the sequence that the text's first id would have; it may be negative."""
    starts: _Numbers
    """In the text."""
    stops: _Numbers

    def __len__(self) -> int:
        return len(self.sequences)

    def __getitem__(self, chosen: Any) -> Self:
        return type(self)(self.sequences[chosen], self.diagonals[chosen], self.starts[chosen], self.stops[chosen])

    @classmethod
    def joined(cls, parts: list[Self]) -> Self:
        """Several as one."""
        names = ("sequences", "diagonals", "starts", "stops")
        return cls(
            *(np.concatenate([np.empty(0, np.int64), *(getattr(each, name) for each in parts)]) for name in names)
        )

    def distinct(self) -> Self:
        """Each once, by sequence, diagonal and start."""
        order = np.lexsort((self.starts, self.diagonals, self.sequences))
        sorted_ = self[order]
        same = np.zeros(len(order), np.bool_)
        same[1:] = (
            (np.diff(sorted_.sequences) == 0) & (np.diff(sorted_.diagonals) == 0) & (np.diff(sorted_.starts) == 0)
        )
        return sorted_[~same]


def matches_of(source: TokenSource, text: Text, part: Part, anchors: Anchors, minimum: int) -> Matches:
    """The matches of at least `minimum` ids that hold one of these anchors, in a part of the order; each once.

    Those within a run of the text are left out.
    """
    found = []
    for portion in _portions(anchors):
        places = [
            _worth_comparing(source, text, part, anchors.places[portion][chosen], depth, minimum)
            for depth in (1, 2, KEY_CODES)
            if len(chosen := np.flatnonzero(anchors.depths[portion] == depth))
        ]
        found.append(_reaching(source, text, Places.joined(places), minimum))
    matches = found[0] if len(found) == 1 else Matches.joined(found).distinct()
    return matches[~within_runs(text.ids, matches.starts, matches.stops, minimum)]


def places_of(text: Text, part: Part, at: npt.NDArray[np.intp], depths: npt.NDArray[np.intp]) -> Places:
    """The places in a part of the order that may hold what stands at some places of the text."""
    shards, found = part.shards, []
    for block in in_blocks(len(at), len(shards)):
        wanted = text.lookups(at[block], depths[block])
        start, stop = sample_ranges(text, at[block], depths[block])
        some, within = np.nonzero(shards & (stop > start))
        rows, offsets, counts = text.index.candidates_of_many(
            within, start[some, within], stop[some, within], wanted[some]
        )
        found.append(Places(rows, offsets, np.repeat(at[block][some], counts)))
    places = Places.joined(found)
    return places[part.holds(places.sequences)]


def _worth_comparing(
    source: TokenSource, text: Text, part: Part, at: npt.NDArray[np.intp], depth: int, minimum: int
) -> Places:
    """The places of anchors that are looked up by so many ids, without those that lie in no match of `minimum` ids."""
    places = places_of(text, part, at, np.full(len(at), depth))
    if depth == KEY_CODES:
        return places[is_promising(source, text.ids, places, minimum)]
    # So few ids are looked up where an m-gram ends: after 1, or after 2 or 3, which begin it one place apart.
    before = minimum - 1 if depth == 1 else max(0, minimum - 3)
    return places[holds(source, text.ids, places, before, depth)]


def _portions(anchors: Anchors) -> Iterator[slice]:
    """Consecutive anchors of about a portion of samples, or one of more."""
    number = np.cumsum(anchors.samples) // _AT_ONCE
    borders = [0, *(np.flatnonzero(np.diff(number)) + 1).tolist(), len(anchors.places)]
    yield from (slice(a, b) for a, b in itertools.pairwise(borders) if a < b)


def _reaching(source: TokenSource, text: Text, places: Places, minimum: int) -> Matches:
    """The matches through some places; a match is compared once, by the first of its places."""
    places = places[np.lexsort((places.at, places.diagonals, places.sequences))]
    found: list[Matches] = []
    while len(places):
        fresh = np.ones(len(places), np.bool_)
        fresh[1:] = (np.diff(places.sequences) != 0) | (np.diff(places.diagonals) != 0)
        first = places[fresh]
        stops = extended_right(source, text.ids, first, first.at)
        starts = extended_left(source, text.ids, first, first.at)
        matches = Matches(first.sequences, first.diagonals, starts, stops)
        # Of a place whose own id differs nothing is said here: what ends before it has a place of its own.
        found.append(matches[(stops > first.at) & (stops - starts >= minimum)])
        beyond = places.at >= np.maximum(stops, first.at + 1)[np.cumsum(fresh) - 1]
        places = places[beyond]
    return Matches.joined(found)
