"""Equal sequences, and windows that are equal at the same positions, by digests: exact, whatever the length of the order.

The order is read once, in sequence. Memory is that of a part of the digests (`digest_parts`), and what is listed.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from seenat.attribution.duplicates.answers import DuplicateGroup, Duplicates, TimesCount
from seenat.attribution.duplicates.digest_parts import MEMORY, DigestParts, Records
from seenat.attribution.duplicates.places import LISTED, place_columns, places_of
from seenat.registry.errors import InvalidValue
from seenat.registry.orders.duplicate_sequences import Indices, content_digests
from seenat.registry.orders.source import TokenSource
from seenat.registry.units import HalfOpenRange, SequenceRange

__all__ = ["DUPLICATE_COLUMNS", "ComparedOrder", "Write", "duplicates", "no_rows"]

DUPLICATE_COLUMNS = ("content", "times", "number", "sequence", "offset", "batch", "step")
"""Columns of a file of duplicates: a row a sequence of a repeated content. `number` counts from 1 within a content."""

Write = Callable[[dict[str, Indices]], None]
"""Appends columns to a file."""


def no_rows(_columns: dict[str, Indices]) -> None:
    """Write nothing."""


@dataclass(frozen=True, kw_only=True)
class ComparedOrder:
    """A part of an order whose sequences are compared."""

    name: str
    source: TokenSource
    sequences: SequenceRange
    sequences_per_batch: int


@dataclass(frozen=True)
class _Groups:
    """The repeated contents of a part; `starts` are their first records."""

    sequences: Indices
    starts: Indices
    times: Indices

    @classmethod
    def of(cls, records: Records) -> tuple[_Groups, Indices]:
        """The repeated ones, and the times of all contents."""
        changes = (records["high"][1:] != records["high"][:-1]) | (records["low"][1:] != records["low"][:-1])
        starts = np.concatenate([np.zeros(min(1, len(records)), np.int64), np.flatnonzero(changes) + 1])
        times = np.diff(np.append(starts, len(records)))
        repeated = times > 1
        return cls(records["sequence"].astype(np.int64), starts[repeated], times[repeated]), times


def duplicates(
    compared: ComparedOrder,
    window: HalfOpenRange | None = None,
    *,
    limit: int = 20,
    write: Write = no_rows,
    progress: Callable[[int], None] = lambda _: None,
    memory: int = MEMORY,
) -> Duplicates:
    """Which sequences hold the same ids at all positions, or at those of `window`.

    `write` receives every sequence of a repeated content, `progress` the sequences of each block that was read; `limit` contents
    are listed. Raises `InvalidValue` for a window beyond a sequence, `NoRoom` where the temporary folder has none.
    """
    length = compared.source.geometry.tokens_per_sequence
    positions = HalfOpenRange(0, length) if window is None else window
    if not positions or positions.stop > length:
        raise InvalidValue(f"{positions} is not a window of a sequence; write START:STOP within 0:{length}.")
    counts: Counter[int] = Counter()
    most: list[tuple[int, int, tuple[int, ...]]] = []
    content = 0
    with DigestParts(len(compared.sequences), memory) as parts:
        for block, digests in content_digests(compared.source, compared.sequences, window):
            parts.add(block, digests)
            progress(len(block))
        for records in parts:
            groups, times = _Groups.of(records)
            counts.update(dict(zip(*(each.tolist() for each in np.unique(times, return_counts=True)), strict=True)))
            most = heapq.nlargest(limit, [*most, *_most_repeated(groups, limit)])
            if len(groups.starts):
                write(_columns(compared, positions, groups, content))
            content += len(groups.starts)
    return Duplicates(
        order=compared.name,
        sequences=compared.sequences,
        window=positions,
        contents=sum(counts.values()),
        repeated=sum(number for times_, number in counts.items() if times_ > 1),
        duplicates=sum((times_ - 1) * number for times_, number in counts.items()),
        by_times=tuple(TimesCount(times=times_, contents=counts[times_]) for times_ in sorted(counts)),
        groups=tuple(_group(compared, positions, times_, listed) for times_, _, listed in most),
    )


def _most_repeated(groups: _Groups, limit: int) -> list[tuple[int, int, tuple[int, ...]]]:
    """Times, minus the first sequence, and the first sequences of the most repeated contents, the first of them first."""
    first = groups.sequences[groups.starts]
    chosen = np.lexsort((first, -groups.times))[:limit]
    listed = (
        (times, groups.sequences[start : start + min(times, LISTED)].tolist())
        for times, start in zip(groups.times[chosen].tolist(), groups.starts[chosen].tolist(), strict=True)
    )
    return [(times, -sequences[0], tuple(sequences)) for times, sequences in listed]


def _group(compared: ComparedOrder, window: HalfOpenRange, times: int, listed: tuple[int, ...]) -> DuplicateGroup:
    sequences = np.array(listed, np.int64)
    offsets = np.full(len(sequences), window.start)
    return DuplicateGroup(times=times, places=places_of(sequences, offsets, compared.sequences_per_batch))


def _columns(compared: ComparedOrder, window: HalfOpenRange, groups: _Groups, content: int) -> dict[str, Indices]:
    """A row a sequence, by content and training order."""
    number = np.arange(groups.times.sum()) - np.repeat(np.cumsum(groups.times) - groups.times, groups.times)
    sequences = groups.sequences[np.repeat(groups.starts, groups.times) + number]
    places = place_columns(sequences, np.full(len(sequences), window.start), compared.sequences_per_batch)
    contents = np.arange(content, content + len(groups.starts))
    repeated = {name: np.repeat(each, groups.times) for name, each in (("content", contents), ("times", groups.times))}
    return {**repeated, "number": number + 1, **places}
