"""Counts and onsets of the sequences that labels choose: derived from values and rows, since commits count only whole batches."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from sqlalchemy import Connection

from seenat.memorization.labels.choose import Chosen
from seenat.memorization.results.block_table import counts_by_batch
from seenat.memorization.results.commit import MeasurementStore
from seenat.memorization.results.measurements import Measurement
from seenat.memorization.results.onset_rows import OnsetCount, PairedCounts, Scaled, onset_page, onsets_between
from seenat.memorization.results.read import read_values
from seenat.registry.database.rows import AnyRow
from seenat.registry.schedule import Schedule
from seenat.registry.units import BatchRange, SequenceRange

__all__ = [
    "ChosenCounts",
    "ChosenOnsets",
    "ChosenPairs",
    "batch_counts",
    "chosen_onsets",
    "chosen_pairs",
    "counts_of_chosen",
]

_ROWS_AT_ONCE = 20_000
_SEQUENCES_AT_ONCE = 1 << 17


class ChosenOnsets(NamedTuple):
    """The onsets of chosen sequences."""

    counts: dict[int, OnsetCount]
    """By step."""
    page: list[AnyRow]
    """One row more than was asked for, where there is one."""


class ChosenPairs(NamedTuple):
    """The onsets of chosen sequences by two measurements."""

    counts: PairedCounts
    only_first: int
    only_second: int
    page: npt.NDArray[np.int64]
    """As `earlier_columns` has it, one row more than was asked for, where there is one."""


class ChosenCounts(NamedTuple):
    """What was measured of chosen sequences at one checkpoint."""

    measured: int
    memorized: int
    unseen_measured: int
    unseen_memorized: int
    seen: int
    """Chosen sequences that it had seen, measured or not."""


def chosen_onsets(
    connection: Connection,
    measurement: Measurement,
    schedule: Schedule,
    chosen: Chosen,
    *,
    by: int,
    limit: int,
    after: tuple[int, int] | None = None,
) -> ChosenOnsets:
    """The onsets up to step `by` of chosen sequences: all counted, and the first `limit` behind `after`, and one more."""
    sequences, lost, unseen = Counter[int](), Counter[int](), Counter[int]()
    page: list[AnyRow] = []
    for rows in _pages(connection, measurement, by):
        kept = chosen.among(np.array([row.sequence for row in rows], np.int64))
        for row in (rows[place] for place in np.flatnonzero(kept)):
            sequences[row.first_step] += 1
            lost[row.first_step] += row.times_lost > 0
            unseen[row.first_step] += row.sequence >= row.first_step * schedule.sequences_per_batch
            if len(page) <= limit and (after is None or (row.first_step, row.sequence) > tuple(after)):
                page.append(row)
    counts = {step: OnsetCount(count, lost[step], unseen[step]) for step, count in sequences.items()}
    return ChosenOnsets(counts, page)


def _pages(connection: Connection, measurement: Measurement, by: int) -> Iterator[list[AnyRow]]:
    """All rows by onset and sequence, some at a time."""
    after = None
    while rows := onset_page(connection, measurement, by=by, limit=_ROWS_AT_ONCE, after=after):
        yield rows
        after = (rows[-1].first_step, rows[-1].sequence)


def chosen_pairs(
    connection: Connection,
    first: tuple[Measurement, Scaled],
    second: tuple[Measurement, Scaled],
    sequences: SequenceRange,
    chosen: Chosen,
    *,
    limit: int,
    after: int,
) -> ChosenPairs:
    """Both onsets of chosen sequences of an order: all counted, and the first `limit` earlier ones above `after`, and one more."""
    counts, listed, found = np.zeros(5, np.int64), 0, [np.empty((5, 0), np.int64)]
    for start in range(sequences.start, sequences.stop, _SEQUENCES_AT_ONCE):
        stop = min(start + _SEQUENCES_AT_ONCE, sequences.stop)
        tables = [onsets_between(connection, measurement, start, stop) for measurement, _ in (first, second)]
        here, there = (table[:, chosen.among(table[0])] for table in tables)
        _, in_here, in_there = np.intersect1d(here[0], there[0], assume_unique=True, return_indices=True)
        pairs = np.concatenate([here[:, in_here], there[1:, in_there]])
        sooner = pairs[3] * second[1].scale - pairs[1] * first[1].scale
        both = len(in_here)
        alone = here.shape[1] - both, there.shape[1] - both
        counts += [(sooner > 0).sum(), (sooner == 0).sum(), (sooner < 0).sum(), *alone]
        wanted = pairs[:, (sooner > 0) & (pairs[0] > after)][:, : limit + 1 - listed]
        listed += wanted.shape[1]
        found.append(wanted)
    earlier, same, later, only_first, only_second = counts.tolist()
    return ChosenPairs(PairedCounts(earlier, same, later), only_first, only_second, np.concatenate(found, axis=1))


def batch_counts(
    store: MeasurementStore, connection: Connection, row: int, batches: BatchRange, chosen: Chosen | None
) -> list[tuple[int, int, int]]:
    """Of each batch with measured sequences at a row, all or those chosen: the batch, how many, and how many were memorized."""
    if chosen is None:
        return counts_by_batch(connection, store.measurement, row, batches)
    return list(_batch_counts_of_chosen(store, connection, row, batches, chosen))


def _batch_counts_of_chosen(
    store: MeasurementStore, connection: Connection, row: int, batches: BatchRange, chosen: Chosen
) -> Iterator[tuple[int, int, int]]:
    size, end = store.model.schedule.sequences_per_batch, store.model.order.sequences.stop
    at_once, protocol = max(1, _SEQUENCES_AT_ONCE // size), store.measurement.protocol
    for first in range(batches.start, batches.stop, at_once):
        span = SequenceRange(first * size, min(min(first + at_once, batches.stop) * size, end))
        flags = chosen.in_range(span)
        if not flags.any():
            continue
        values = read_values(store, connection, [row], span.start, span.stop)
        batch, length = np.arange(len(span)) // size, -(-len(span) // size)
        measured = np.bincount(batch[flags & protocol.value_type.measured(values)[0]], minlength=length)
        memorized = np.bincount(batch[flags & protocol.memorized(values)[0]], minlength=length)
        for place in np.flatnonzero(measured).tolist():
            yield first + place, int(measured[place]), int(memorized[place])


def counts_of_chosen(
    store: MeasurementStore, connection: Connection, rows: list[tuple[int, int]], chosen: Chosen
) -> list[ChosenCounts]:
    """What was measured of chosen sequences at each of some rows of an array with their steps."""
    order, size = store.model.order.sequences, store.measurement.block_sequences
    limits = np.array([step * store.model.schedule.sequences_per_batch for _, step in rows], np.int64)[:, None]
    total = np.zeros((len(rows), 5), np.int64)
    for start in range(order.start, order.stop, size):
        span = SequenceRange(start, min(start + size, order.stop))
        flags = chosen.in_range(span)
        if flags.any():
            values = read_values(store, connection, [row for row, _ in rows], span.start, span.stop)
            total += _counts(values, flags, np.arange(span.start, span.stop) < limits, store.measurement)
    return [ChosenCounts(*counts) for counts in total.tolist()]


def _counts(
    values: npt.NDArray[np.integer],
    chosen: npt.NDArray[np.bool_],
    seen: npt.NDArray[np.bool_],
    measurement: Measurement,
) -> npt.NDArray[np.int64]:
    """`[checkpoints, 5]`, in the order of `ChosenCounts`."""
    protocol = measurement.protocol
    measured, memorized = protocol.value_type.measured(values) & chosen, protocol.memorized(values) & chosen
    flags = (measured & seen, memorized & seen, measured & ~seen, memorized & ~seen, seen & chosen)
    return np.stack([np.count_nonzero(each, axis=1) for each in flags], axis=1).astype(np.int64)
