"""Matches in which some ids differ: substitutions, on one diagonal of a text and a sequence.

A *gapped match* holds an equal run of at least W + 3 ids, W the largest window of the indexes that answer. It begins and ends
with equal ids, between one and k ids in it differ, and neither end can be moved outwards with at most k. A *gapped span* is the
`[start, stop)` of a gapped match, at least as long as the shortest span asked for, that lies within no other's and within no
exact span; its exposures are the matches of just these ids.

Equal runs that are too frequent are not extended, nor those that are one id many times.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from seenat.attribution.ngrams.codes import Ids
from seenat.attribution.trace.anchors import Text, anchors_of
from seenat.attribution.trace.compare import Places, extended_left, extended_right
from seenat.attribution.trace.matches import Matches, matches_of
from seenat.attribution.trace.parts import AFTER, Part
from seenat.attribution.trace.runs import grams_within_runs
from seenat.registry.orders.source import TokenSource

__all__ = ["differing", "gapped_matches"]

_Numbers = npt.NDArray[np.int64]
_Ends = list[tuple[_Numbers, _Numbers]]
"""For 0, 1, ... differences: where the last equal ids beside them end, and how many differences that takes."""


def gapped_matches(
    source: TokenSource, ids: Ids, parts: Sequence[Part], minimum: int, most: int | None, gaps: int
) -> Matches:
    """The gapped matches of at least `minimum` ids with up to `gaps` differences, each once; also some that could be longer."""
    seeds = _seeds(source, ids, parts, most)
    lefts, rights = _ends(source, ids, seeds, gaps, leftwards=True), _ends(source, ids, seeds, gaps, leftwards=False)
    found = []
    for left in range(gaps + 1):
        (starts, before), (stops, after) = lefts[left], rights[gaps - left]
        kept = (before + after > 0) & (stops - starts >= minimum)
        found.append(Matches(seeds.sequences, seeds.diagonals, starts, stops)[kept])
    return Matches.joined(found).distinct()


def differing(source: TokenSource, ids: Ids, start: int, sequences: _Numbers, offsets: _Numbers) -> list[list[int]]:
    """Which places of the text differ, for each place at which `ids`, from `start` of it on, nearly stand."""
    there = source.windows(sequences, offsets, len(ids))
    return [(np.flatnonzero(row != ids) + start).tolist() for row in there]


def _seeds(source: TokenSource, ids: Ids, parts: Sequence[Part], most: int | None) -> Matches:
    """The exact matches that are extended."""
    least = max((part.index.window for part in parts), default=0) + AFTER
    if not least <= min(len(ids), source.geometry.tokens_per_sequence):
        return Matches.joined([])
    found = []
    for part in parts:
        text = Text(ids, part.index)
        anchors = anchors_of(text, least, most, part.shards, grams_within_runs(ids, least))
        found.append(matches_of(source, text, part, anchors, least))
    return Matches.joined(found)


def _ends(source: TokenSource, ids: Ids, seeds: Matches, gaps: int, *, leftwards: bool) -> _Ends:
    step, extended = (-1, extended_left) if leftwards else (1, extended_right)
    places = Places(seeds.sequences, seeds.diagonals + seeds.starts, seeds.starts)
    last = np.minimum(len(ids), source.geometry.tokens_per_sequence - seeds.diagonals)
    limits = np.maximum(0, -seeds.diagonals) if leftwards else last
    reached = seeds.starts if leftwards else seeds.stops
    ends: _Ends = [(reached, np.zeros(len(seeds), np.int64))]
    for taken in range(1, gaps + 1):
        beyond = np.where(reached == limits, limits, reached + step)
        reached = extended(source, ids, places, beyond)
        # Two differences side by side end nothing: what ends with equal ids has to reach over both.
        further = reached != beyond
        end, before = ends[-1]
        ends.append((np.where(further, reached, end), np.where(further, taken, before)))
    return ends
