"""All spans of a text in the covered part of an order, with their exposures: exact, whatever the indexes.

Of a span's exposures each is a match of just its ids. A longer match would be a longer span's, in which it would not be
maximal; so matches are grouped by `[start, stop)`, and the groups that lie within another one are dropped.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from seenat.attribution.ngrams.codes import Ids
from seenat.attribution.trace.anchors import Anchors, Text, anchors_of
from seenat.attribution.trace.gaps import gapped_matches
from seenat.attribution.trace.matches import Matches, matches_of, places_of
from seenat.attribution.trace.parts import Part
from seenat.attribution.trace.runs import beginnings_of_runs, grams_within_runs, long_runs
from seenat.registry.errors import InvalidValue
from seenat.registry.orders.source import TokenSource

__all__ = ["LONGEST_TEXT", "MOST_SAMPLES", "Span", "Stretch", "Trace", "checked_ids", "trace_spans"]

LONGEST_TEXT = 1 << 16
"""Most ids of a text: what is weighed of each takes about a kilobyte."""
MOST_SAMPLES = 20_000
"""Samples of an anchor that are read unless more are asked for."""

_Numbers = npt.NDArray[np.int64]
_Flags = npt.NDArray[np.bool_]
Stretch = tuple[int, int]
"""Ids `[start, stop)` of a text."""


@dataclass(frozen=True)
class Span:
    """The ids `[start, stop)` of a text, and where they stand in the order, in training order."""

    start: int
    stop: int
    sequences: _Numbers
    offsets: _Numbers
    is_run: bool = False
    """Whether it is one id many times; then its exposures are the order's runs of at least `minimum` of that id."""


@dataclass(frozen=True)
class Trace:
    """What of a text stands in some parts of an order."""

    spans: tuple[Span, ...]
    """By their place in the text; both starts and stops ascend."""
    frequent: tuple[Stretch, ...]
    """Stretches of m-grams that are too frequent to be looked for. A span that holds another m-gram too is found all the same."""
    gapped: tuple[Span, ...]
    """Spans in which some ids differ; see `gaps`."""


def trace_spans(
    parts: Sequence[Part],
    source: TokenSource,
    ids: Ids,
    minimum: int,
    *,
    most: int | None = MOST_SAMPLES,
    gaps: int = 0,
) -> Trace:
    """The spans of at least `minimum` ids, which the windows of the parts' indexes do not exceed.

    `most` bounds the samples that are read for an m-gram; None for no bound. With `gaps`, matches in which up to so many ids
    differ are looked for too. Raises `InvalidValue` for ids that the order cannot hold, and for a text that is too long.
    """
    ids = checked_ids(ids, np.dtype(source.geometry.dtype))
    found = [_exact(source, ids, part, minimum, most) for part in parts]
    spans = tuple(_maximal(Matches.joined([matches for matches, _ in found]), ids))
    gapped: Iterator[Span] = iter(())
    if gaps:
        gapped = _maximal(gapped_matches(source, ids, parts, minimum, most, gaps), ids)
    return Trace(
        spans=spans,
        frequent=tuple(each for each in _frequent(ids, minimum, found) if not _is_within(*each, spans)),
        gapped=tuple(each for each in gapped if not _is_within(each.start, each.stop, spans)),
    )


def checked_ids(ids: Ids, dtype: np.dtype[Any]) -> Ids:
    """The ids of a text in an order's own type; raises `InvalidValue` for one that it cannot hold, and for too many."""
    bounds = np.iinfo(dtype)
    if len(ids) > LONGEST_TEXT:
        raise InvalidValue(
            f"A text of {len(ids):,} ids is too long to be traced; cut it into {LONGEST_TEXT:,} or fewer."
        )
    if len(ids) and not bounds.min <= int(ids.min()) <= int(ids.max()) <= bounds.max:
        wrong = int(ids.min()) if int(ids.min()) < bounds.min else int(ids.max())
        raise InvalidValue(f"{wrong} is not an id of this order, whose ids are {dtype}.")
    return ids.astype(dtype)


def _exact(source: TokenSource, ids: Ids, part: Part, minimum: int, most: int | None) -> tuple[Matches, _Flags]:
    """The matches in one part, those of runs as if they were of the whole run; and which m-grams are too frequent."""
    if len(ids) < minimum or minimum > source.geometry.tokens_per_sequence:
        return Matches.joined([]), np.zeros(max(0, len(ids) - minimum + 1), np.bool_)
    text = Text(ids, part.index)
    anchors = anchors_of(text, minimum, most, part.shards, grams_within_runs(ids, minimum))
    found, frequent = [matches_of(source, text, part, anchors, minimum)], anchors.frequent
    for start, stop in long_runs(ids, minimum):
        alone = Text(ids[start : start + minimum], part.index)
        own = anchors_of(alone, minimum, most, part.shards, np.zeros(1, np.bool_))
        frequent[start : stop - minimum + 1] = own.frequent
        found.append(_of_a_run(source, alone, part, own, start, stop))
    return Matches.joined(found), frequent


def _of_a_run(source: TokenSource, text: Text, part: Part, anchors: Anchors, start: int, stop: int) -> Matches:
    """The runs of the order that are at least as long as a text of one id, as matches of a longer run."""
    places = places_of(text, part, anchors.places, anchors.depths)
    places = beginnings_of_runs(source, int(text.ids[0]), len(text.ids), places)
    starts, stops = (np.full(len(places), border, np.int64) for border in (start, stop))
    return Matches(places.sequences, places.offsets - starts, starts, stops)


def _maximal(matches: Matches, ids: Ids) -> Iterator[Span]:
    """The spans of some matches, ascending."""
    matches = matches[np.lexsort((matches.diagonals, matches.sequences, -matches.stops, matches.starts))]
    changed = (np.diff(matches.starts) != 0) | (np.diff(matches.stops) != 0)
    borders = [0, *(np.flatnonzero(changed) + 1).tolist(), len(matches)]
    reached = -1
    for first, last in itertools.pairwise(borders):
        if first == last or matches.stops[first] <= reached:
            continue
        start, stop = int(matches.starts[first]), int(matches.stops[first])
        reached, group = stop, matches[first:last]
        is_run = bool((ids[start:stop] == ids[start]).all())
        yield Span(start, stop, group.sequences, group.diagonals + start, is_run)


def _frequent(ids: Ids, minimum: int, found: Sequence[tuple[Matches, _Flags]]) -> list[Stretch]:
    if not found:
        return []
    return _stretches(np.any([flags for _, flags in found], axis=0), grams_within_runs(ids, minimum), minimum)


def _is_within(start: int, stop: int, spans: Sequence[Span]) -> bool:
    """Whether some ids lie within one of the spans."""
    return any(span.start <= start and stop <= span.stop for span in spans)


def _stretches(frequent: _Flags, in_runs: _Flags, minimum: int) -> list[Stretch]:
    """What frequent m-grams cover, with those in runs beside them, which are not looked for one by one.

    A match that was not found lies within one: none of its m-grams were read. What overlaps or touches is joined.
    """
    unread = np.flatnonzero(frequent | in_runs)
    groups = np.split(unread, np.flatnonzero(np.diff(unread) > 1) + 1)
    joined: list[Stretch] = []
    for group in (group for group in groups if frequent[group].any()):
        start, stop = int(group[0]), int(group[-1]) + minimum
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], stop)
        else:
            joined.append((start, stop))
    return joined
