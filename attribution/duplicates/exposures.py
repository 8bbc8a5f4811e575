"""How often, and when, each memorized sequence had been seen before its onset.

An *exposure* of a memorized sequence is a sequence that the run consumed and that holds the same measured window, the ids that
the protocol reads: at the same positions or, with an index, at any offset. The sequence itself is one of its exposures once it
was consumed. The onset lies after the last checkpoint at which the sequence was not memorized, and by the first at which it was;
so the number of exposures at the onset lies between those at these two.

The order is read once, up to the last onset, and only what holds a memorized window is kept: about 150 bytes of memory a memorized
sequence and 50 an exposure, whatever the length of the order. With an index, each different window is one look-up instead.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from sqlalchemy import Connection

from seenat.attribution.ngrams.index import NgramIndex
from seenat.attribution.ngrams.search import Region, find_by_index, is_exact
from seenat.memorization.adaptive.coverage import AdaptivePlan, read_coverage
from seenat.memorization.protocol.protocol import Protocol
from seenat.memorization.results.measurements import Measurement, find_measurement
from seenat.memorization.results.onset_rows import onset_page
from seenat.memorization.results.refresh import check_onsets
from seenat.registry.catalog.catalog import Catalog
from seenat.registry.catalog.models import Model
from seenat.registry.errors import InvalidValue, NotMeasured
from seenat.registry.orders.duplicate_sequences import Digests, Indices, content_digests, digests_of_rows
from seenat.registry.orders.source import TokenSource
from seenat.registry.units import HalfOpenRange, SequenceRange

__all__ = ["MOST_FOUND", "Exposed", "MemorizedRows", "exposures_by_index", "exposures_by_position", "memorized_rows"]

# Rows of the onset table that are read together.
_PAGE = 1 << 16
# Sequences whose windows are read together.
_WINDOWS_AT_ONCE = 1 << 16
MOST_FOUND = 1_000_000
"""A window at more places than this is counted in its first ones only."""


@dataclass(frozen=True, kw_only=True)
class MemorizedRows:
    """The memorized sequences of a model, by onset and sequence, and what is known of the measurement."""

    model: Model
    protocol: Protocol
    adaptive: tuple[AdaptivePlan, ...]
    sequence: Indices
    onset: Indices
    bracket_low: Indices
    """-1 where no checkpoint before was measured."""

    @property
    def window(self) -> HalfOpenRange:
        """The positions that the protocol reads."""
        return HalfOpenRange(*self.protocol.window)

    @property
    def until(self) -> int:
        """The step of the last onset."""
        return int(self.onset[-1])

    @property
    def seen(self) -> SequenceRange:
        """The sequences that the last of the checkpoints had consumed."""
        return SequenceRange(0, int(self.consumed(self.onset[-1:])[0]))

    def consumed(self, steps: Indices) -> Indices:
        """How many sequences of the order the run had consumed at each step; none at step -1."""
        limits = np.maximum(steps, 0) * self.model.schedule.sequences_per_batch
        consumed: Indices = np.minimum(limits, self.model.order.geometry.sequences)
        return consumed


def memorized_rows(
    catalog: Catalog, model: Model, protocol: str | None = None, until: int | None = None
) -> MemorizedRows:
    """The sequences that a model had memorized by a step, or ever.

    Raises `NotMeasured` where there is none, `StaleResults` where files were replaced since onsets were derived, and
    `UnknownOrder` where the run left its order before.
    """
    with catalog.database.read() as connection:
        measurement = find_measurement(connection, model, protocol)
        check_onsets(connection, model, measurement)
        coverage = read_coverage(catalog.database, connection, model, measurement)
        last = model.schedule.steps if until is None else until
        rows = [np.empty((0, 3), np.int64), *_pages(connection, measurement, last)]
    sequence, onset, low = np.concatenate(rows).T
    if not len(sequence):
        raise NotMeasured(
            f"{model.name} had memorized nothing that was measured by step {last:,}; measure more of it with "
            f"`seenat memorize {model.name}{measurement.protocol.options}`."
        )
    model.check_unaltered(max(0, int(onset[-1]) - 1))
    return MemorizedRows(
        model=model,
        protocol=measurement.protocol,
        adaptive=coverage.adaptive,
        sequence=sequence,
        onset=onset,
        bracket_low=low,
    )


def _pages(connection: Connection, measurement: Measurement, last: int) -> Iterator[Indices]:
    after: tuple[int, int] | None = None
    while page := onset_page(connection, measurement, by=last, limit=_PAGE, after=after):
        after = page[-1].first_step, page[-1].sequence
        lows = (-1 if row.bracket_low is None else row.bracket_low for row in page)
        rows = [(row.sequence, row.first_step, low) for row, low in zip(page, lows, strict=True)]
        yield np.array(rows, np.int64)


# -- exposures


@dataclass(frozen=True, kw_only=True)
class Exposed:
    """The exposures of memorized sequences, up to the last onset."""

    content: Indices
    """The content of each memorized sequence, `[memorized]`."""
    places: Indices
    """Sequences that hold each content, ascending, one content after the other."""
    starts: Indices
    """Where each content begins in `places`, and their number: `[contents + 1]`."""
    cut: Indices
    """Contents of which only the first places are here."""

    def by(self, limits: Indices) -> Indices:
        """How many exposures of each memorized sequence lie below a limit of its own."""
        span = max(int(self.places.max(initial=0)), int(limits.max(initial=0))) + 1
        keys = np.repeat(np.arange(len(self.starts) - 1), np.diff(self.starts)) * span + self.places
        return np.searchsorted(keys, self.content * span + limits) - self.starts[self.content]


def exposures_by_position(
    source: TokenSource, rows: MemorizedRows, progress: Callable[[int], None] = lambda _: None
) -> Exposed:
    """Exposures at the same positions, by reading the order up to the last onset; `progress` gets the sequences of each block."""
    known, content = np.unique(_digests(source, rows), axis=0, return_inverse=True)
    content = content.reshape(-1)
    found, sequences = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    for block, digests in content_digests(source, rows.seen, rows.window):
        held, places = _contents(known, digests)
        found.append(held)
        sequences.append(places + block.start)
        progress(len(block))
    held, places = np.concatenate(found), np.concatenate(sequences)
    order = np.argsort(held, kind="stable")
    starts = np.searchsorted(held[order], np.arange(len(known) + 1))
    return Exposed(content=content, places=places[order], starts=starts, cut=np.empty(0, np.int64))


def _digests(source: TokenSource, rows: MemorizedRows) -> Digests:
    """The digests of the memorized windows, `[memorized, 2]`."""
    window, digests = rows.window, np.empty((len(rows.sequence), 2), np.uint64)
    for first in range(0, len(digests), _WINDOWS_AT_ONCE):
        part = slice(first, first + _WINDOWS_AT_ONCE)
        digests[part] = digests_of_rows(source.take(rows.sequence[part], window.start, window.stop))
    return digests


def _contents(known: Digests, digests: Digests) -> tuple[Indices, Indices]:
    """Which of the known digests, ascending, are among some others, and at which places of those."""
    place = np.searchsorted(known[:, 0], digests[:, 0])
    contents, places = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    going = np.flatnonzero(place < len(known))
    while len(going := going[known[np.minimum(place[going], len(known) - 1), 0] == digests[going, 0]]):
        equal = known[place[going], 1] == digests[going, 1]
        contents.append(place[going][equal])
        places.append(going[equal])
        # Another digest may begin with the same 64 bits.
        place[going] += 1
        going = going[(place[going] < len(known)) & ~equal]
    found = np.concatenate(places)
    order = np.argsort(found, kind="stable")
    return np.concatenate(contents)[order], found[order]


def exposures_by_index(
    index: NgramIndex,
    source: TokenSource,
    rows: MemorizedRows,
    *,
    most_found: int = MOST_FOUND,
    progress: Callable[[int], None] = lambda _: None,
) -> Exposed:
    """Exposures at any offset, by a look-up a window; `progress` gets the number of windows done.

    Raises `InvalidValue` where the index does not find windows so short.
    """
    window = rows.window
    windows = source.take(rows.sequence, window.start, window.stop)
    known, content = np.unique(windows, axis=0, return_inverse=True)
    if not is_exact(index, known[0]):
        raise InvalidValue(
            f"The measured window has {len(window)} ids, and this index finds runs of at least {index.window}; index "
            f"{rows.model.order.name} with a smaller --window."
        )
    holders, cut = [np.empty(0, np.int64)], []
    for number, ids in enumerate(known):
        found = [np.empty(0, np.int64)]
        for places in find_by_index(index, source, ids, Region(0, rows.seen.stop)):
            found.append(places.sequences)
            if sum(map(len, found)) > most_found:
                cut.append(number)
                break
        holders.append(np.unique(np.concatenate(found)))
        progress(1)
    starts = np.cumsum([len(each) for each in holders])
    return Exposed(
        content=content.reshape(-1), places=np.concatenate(holders), starts=starts, cut=np.array(cut, np.int64)
    )
