"""Whole lists of what was memorized, as blocks of columns: the rows of `memorized` and `earlier`, without an object a row.

What is asked for is checked before the first block, once. Each block is read in a transaction of its own, so that whoever takes
them slowly holds nothing; what is committed meanwhile may be in later blocks, as it may be in later pages.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from seenat.memorization.labels.choose import Where, open_chosen
from seenat.memorization.labels.onsets import batch_counts
from seenat.memorization.queries.earlier import check_same_order
from seenat.memorization.queries.memorized import check_measured, check_measured_by
from seenat.memorization.results.commit import MeasurementStore
from seenat.memorization.results.measurements import current_rows, find_measurement
from seenat.memorization.results.onset_rows import Scaled, earlier_columns, onset_columns, onset_runs
from seenat.memorization.results.refresh import check_onsets
from seenat.registry.catalog.catalog import Catalog
from seenat.registry.catalog.models import Model
from seenat.registry.columns import Columns, known, limited
from seenat.registry.units import BatchRange

__all__ = ["BLOCK_ROWS", "all_batches", "all_earlier", "all_first"]

BLOCK_ROWS = 8192
"""About so many rows a block: half a megabyte of text."""

Numbers = npt.NDArray[np.int64]


def all_first(
    catalog: Catalog,
    model: Model,
    by: int,
    *,
    protocol: str | None = None,
    limit: int | None = None,
    after: tuple[int, int] | None = None,
    where: Where = None,
    rows: int = BLOCK_ROWS,
) -> Iterator[Columns]:
    """Every row of `first_memorized` behind `after` that `where` chooses, at most `limit`, so many `rows` a block; raises what that raises."""
    with catalog.database.read() as connection:
        measurement = find_measurement(connection, model, protocol)
        check_measured_by(model, by, measurement, [step for _, step in current_rows(connection, measurement)])
        check_onsets(connection, model, measurement)
        runs = onset_runs(connection, measurement, by=by, after=after, rows=rows)
    chosen = open_chosen(catalog.database, model.order, where)

    def blocks() -> Iterator[Columns]:
        for run in runs:
            with catalog.database.read() as connection:
                table = onset_columns(connection, measurement, run)
            if chosen is not None:
                table = table[:, chosen.among(table[0])]
            for start in range(0, table.shape[1], rows):
                yield _first(model, run.step, *table[:, start : start + rows])

    return limited(blocks(), limit)


def _first(model: Model, step: int, sequence: Numbers, low: Numbers, last: Numbers, lost: Numbers) -> Columns:
    return Columns(
        {
            ("sequence",): sequence,
            ("onset", "bracket_low"): known(low),
            ("onset", "step"): np.full(len(sequence), step),
            ("seen",): sequence < step * model.schedule.sequences_per_batch,
            ("last_step",): last,
            ("times_lost",): lost,
        }
    )


def all_earlier(
    catalog: Catalog,
    model: Model,
    other: Model,
    *,
    protocol: str | None = None,
    limit: int | None = None,
    after: int | None = None,
    where: Where = None,
    rows: int = BLOCK_ROWS,
) -> Iterator[Columns]:
    """Every row of `memorized_earlier` above `after` that `where` chooses, at most `limit`, so many `rows` a block; raises what that raises."""
    check_same_order(model, other)
    with catalog.database.read() as connection:
        first = find_measurement(connection, model, protocol)
        second = find_measurement(connection, other, first.protocol.id)
        for measurement, of in ((first, model), (second, other)):
            check_onsets(connection, of, measurement)
    here = Scaled(first.id, model.schedule.sequences_per_batch)
    there = Scaled(second.id, other.schedule.sequences_per_batch)
    chosen = open_chosen(catalog.database, model.order, where)

    def blocks() -> Iterator[Columns]:
        start = -1 if after is None else after
        while True:
            with catalog.database.read() as connection:
                table = earlier_columns(connection, here, there, start, rows)
            if not table.shape[1]:
                return
            start = int(table[0, -1])
            yield _earlier(model, other, *(table if chosen is None else table[:, chosen.among(table[0])]))

    return limited(blocks(), limit)


def _earlier(
    model: Model, other: Model, sequence: Numbers, step: Numbers, low: Numbers, other_step: Numbers, other_low: Numbers
) -> Columns:
    here, there = model.schedule.sequences_per_batch, other.schedule.sequences_per_batch
    steps: Any = other_step - step if here == there else [None] * len(sequence)
    return Columns(
        {
            ("sequence",): sequence,
            ("onset", "bracket_low"): known(low),
            ("onset", "step"): step,
            ("other_onset", "bracket_low"): known(other_low),
            ("other_onset", "step"): other_step,
            ("steps",): steps,
            ("sequences",): other_step * there - step * here,
            ("surely",): (other_low >= 0) & (step * here <= other_low * there),
        }
    )


def all_batches(
    catalog: Catalog,
    model: Model,
    step: int,
    batches: BatchRange,
    *,
    protocol: str | None = None,
    where: Where = None,
) -> Iterator[Columns]:
    """Every row of `memorized_by_batch`; raises what that raises."""
    with catalog.database.read() as connection:
        measurement = find_measurement(connection, model, protocol)
        rows = {step: row for row, step in current_rows(connection, measurement)}
        check_measured(model, measurement.protocol, step, rows)
    store = MeasurementStore(catalog.database, model, measurement)
    chosen = open_chosen(catalog.database, model.order, where)

    def blocks() -> Iterator[Columns]:
        for start in range(batches.start, batches.stop, BLOCK_ROWS):
            part = BatchRange(start, min(start + BLOCK_ROWS, batches.stop))
            with catalog.database.read() as connection:
                counts = batch_counts(store, connection, rows[step], part, chosen)
            batch, measured, memorized = np.array(counts, np.int64).reshape(-1, 3).T
            yield Columns(
                {("batch",): batch, ("seen",): batch < step, ("measured",): measured, ("memorized",): memorized}
            )

    return limited(blocks(), None)
