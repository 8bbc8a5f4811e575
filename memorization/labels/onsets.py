"""Counts and onsets of the sequences that labels choose: derived from values and rows, since commits count only whole batches."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from sqlalchemy import Connection

from seenat.memorization.labels.choose import Chosen
from seenat.memorization.protocol.protocol import NOT_MEASURED
from seenat.memorization.results.commit import MeasurementStore
from seenat.memorization.results.measurements import Measurement
from seenat.memorization.results.onset_rows import OnsetCount, onset_page
from seenat.memorization.results.read import read_values
from seenat.registry.database.rows import AnyRow
from seenat.registry.schedule import Schedule
from seenat.registry.units import SequenceRange

__all__ = ["ChosenCounts", "ChosenOnsets", "chosen_onsets", "counts_of_chosen"]

_ROWS_AT_ONCE = 20_000


class ChosenOnsets(NamedTuple):
    """The onsets of chosen sequences."""

    counts: dict[int, OnsetCount]
    """By step."""
    page: list[AnyRow]
    """One row more than was asked for, where there is one."""


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
    measured, memorized = (values != NOT_MEASURED) & chosen, (values == measurement.protocol.continuation) & chosen
    flags = (measured & seen, memorized & seen, measured & ~seen, memorized & ~seen, seen & chosen)
    return np.stack([np.count_nonzero(each, axis=1) for each in flags], axis=1).astype(np.int64)
