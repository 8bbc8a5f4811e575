"""Which part of an order is searched, by what, and how completely.

Each sequence that counts belongs to one segment: searched by an index that finds every occurrence of so many ids, read as a
whole, searched by an index that finds some, or not searched.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from seenat.attribution.ngrams.index import NgramIndex
from seenat.attribution.ngrams.open import OpenIndexes
from seenat.registry.units import SequenceRange, merged_ranges, uncovered

__all__ = ["Segment", "segments"]


@dataclass(frozen=True)
class Segment:
    """Consecutive sequences, and how they are searched."""

    sequences: SequenceRange
    index: NgramIndex | None
    """None where they are read."""
    exact: bool


def segments(
    opened: OpenIndexes, ids: int, wanted: SequenceRange, scanned: SequenceRange | None, read_freely: int
) -> list[Segment]:
    """The segments in which so many ids are looked for, ascending; what none of them holds is not searched.

    `scanned` is read where no index is exact; without it everything there, where it is a local order's and at most
    `read_freely` ids.
    """
    parts: list[Segment] = []
    left = [wanted]
    # Keys of four ids fit behind any anchor of a query that is three ids longer than the window: that index is the fastest.
    by_speed = sorted(opened.indexes, key=lambda index: (index.window + 3 > ids, -index.window))
    for index in by_speed:
        if index.window <= ids:
            left = _assign(parts, left, merged_ranges(index.covered), index, exact=True)
    if scanned is None and opened.order.is_local:
        unread = sum(map(len, left)) * opened.source.geometry.tokens_per_sequence
        scanned = wanted if unread <= read_freely else None
    if scanned is not None:
        left = _assign(parts, left, [scanned], None, exact=True)
    for index in sorted(opened.indexes, key=lambda index: index.window):
        left = _assign(parts, left, merged_ranges(index.covered), index, exact=False)
    return sorted(parts, key=lambda part: part.sequences)


def _assign(
    parts: list[Segment],
    left: list[SequenceRange],
    covered: Iterable[SequenceRange],
    index: NgramIndex | None,
    *,
    exact: bool,
) -> list[SequenceRange]:
    """Make segments of what is left and covered; returns what is left then."""
    chosen = [common for part in covered for gap in left if (common := part.intersection(gap))]
    parts.extend(Segment(part, index, exact) for part in chosen)
    return [rest for gap in left for rest in uncovered(gap, sorted(chosen))]
