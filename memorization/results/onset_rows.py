"""The tables `memorized_sequences` and `onset_counts`: every statement that reads or writes them.

A row lies by its sequence, beside the rows of its block. `onset_counts` says in which blocks a step has onsets, so that a
page in the order of onsets reads those blocks only, and a count reads no sequence at all: at most steps times blocks rows,
344,000 for all of Pythia's order at 154 checkpoints.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import repeat
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    Select,
    and_,
    bindparam,
    case,
    cast,
    delete,
    func,
    select,
    tuple_,
)

from seenat.memorization.results.measurements import Measurement
from seenat.memorization.results.trajectory import OnsetColumns
from seenat.registry.database.bulk_insert import bulk_insert
from seenat.registry.database.rows import AnyRow, read_numbers
from seenat.registry.database.tables.results import memorized_sequences, onset_counts
from seenat.registry.schedule import Schedule

__all__ = [
    "OnsetCount",
    "OnsetRun",
    "PairedCounts",
    "Scaled",
    "clear_onsets",
    "count_onsets",
    "delete_onsets",
    "earlier_columns",
    "onset_columns",
    "onset_page",
    "onset_rows_of",
    "onset_runs",
    "onsets_between",
    "paired_counts",
    "replace_onsets",
]

_COLUMNS = ("measurement_id", "sequence", "first_step", "bracket_low", "last_step", "times_memorized", "times_lost")
_COUNT_COLUMNS = ("measurement_id", "first_step", "block", "sequences", "lost")
# One place a statement: PostgreSQL, before it has looked at new tables, reads them whole to join them, in seconds.
_IN_PLACE = and_(
    memorized_sequences.c.measurement_id == bindparam("measurement"),
    memorized_sequences.c.sequence >= bindparam("start"),
    memorized_sequences.c.sequence < bindparam("stop"),
    memorized_sequences.c.first_step == bindparam("step"),
)
_OF_PLACE = (
    select(memorized_sequences).where(_IN_PLACE).order_by(memorized_sequences.c.sequence).limit(bindparam("limit"))
)
_THERE = memorized_sequences.alias("there")
"""The rows of a second measurement."""
_COUNT_OF_PLACE = select(func.count()).select_from(memorized_sequences).where(_IN_PLACE)


def _known(low: ColumnElement[Any]) -> ColumnElement[Any]:
    """The low end of a bracket, -1 where nothing was measured before the onset."""
    return func.coalesce(low, -1)


_OF_RUN = (
    select(
        memorized_sequences.c.sequence,
        _known(memorized_sequences.c.bracket_low),
        memorized_sequences.c.last_step,
        memorized_sequences.c.times_lost,
    )
    .where(_IN_PLACE)
    .order_by(memorized_sequences.c.sequence)
)


_BETWEEN = (
    select(
        memorized_sequences.c.sequence,
        memorized_sequences.c.first_step,
        _known(memorized_sequences.c.bracket_low),
    )
    .where(
        memorized_sequences.c.measurement_id == bindparam("measurement"),
        memorized_sequences.c.sequence >= bindparam("start"),
        memorized_sequences.c.sequence < bindparam("stop"),
    )
    .order_by(memorized_sequences.c.sequence)
)


class Scaled(NamedTuple):
    """A measurement, and how many sequences its model reads a step: what makes steps of two models comparable."""

    id: int
    scale: int


class OnsetCount(NamedTuple):
    """The sequences whose onset is at one step."""

    sequences: int
    lost: int
    """Those among them that a later measured step had not memorized."""
    unseen: int
    """Those among them that the run had not read by this step."""


def replace_onsets(connection: Connection, measurement: Measurement, block: int, table: OnsetColumns) -> None:
    """Replace a block's onsets; the columns of `table` are the block's sequences."""
    span = measurement.block(block)
    rows = and_(
        memorized_sequences.c.measurement_id == measurement.id,
        memorized_sequences.c.sequence >= span.start,
        memorized_sequences.c.sequence < span.stop,
    )
    connection.execute(
        delete(onset_counts).where(
            onset_counts.c.measurement_id == measurement.id,
            onset_counts.c.first_step.in_(select(memorized_sequences.c.first_step).where(rows).distinct()),
            onset_counts.c.block == block,
        )
    )
    connection.execute(delete(memorized_sequences).where(rows))
    bulk_insert(connection, memorized_sequences, _COLUMNS, _rows(measurement, span.start, table))
    bulk_insert(connection, onset_counts, _COUNT_COLUMNS, _counts(measurement, block, table))


def clear_onsets(connection: Connection, measurement: Measurement, block: int) -> None:
    """Delete all rows about the onsets of a block, also counts of steps at which no sequence has its onset.

    It reads the counts of all blocks; `replace_onsets` deletes those of the steps that its sequences name.
    """
    span, sequence = measurement.block(block), memorized_sequences.c.sequence
    is_in = and_(memorized_sequences.c.measurement_id == measurement.id, sequence >= span.start, sequence < span.stop)
    connection.execute(delete(onset_counts).filter_by(measurement_id=measurement.id, block=block))
    connection.execute(delete(memorized_sequences).where(is_in))


def onset_rows_of(connection: Connection, measurement: Measurement, block: int) -> list[AnyRow]:
    """Every row about the onsets of a block: those of its sequences, and behind them its counts by step."""
    span, count = measurement.block(block), onset_counts.c
    sequence = memorized_sequences.c.sequence
    is_in = and_(memorized_sequences.c.measurement_id == measurement.id, sequence >= span.start, sequence < span.stop)
    is_of = and_(count.measurement_id == measurement.id, count.block == block)
    return [
        *connection.execute(select(memorized_sequences).where(is_in).order_by(sequence)),
        *connection.execute(select(onset_counts).where(is_of).order_by(count.first_step)),
    ]


def delete_onsets(connection: Connection, measurement: Measurement) -> None:
    """Delete all onsets of a measurement."""
    connection.execute(delete(onset_counts).where(onset_counts.c.measurement_id == measurement.id))
    connection.execute(delete(memorized_sequences).where(memorized_sequences.c.measurement_id == measurement.id))


def count_onsets(
    connection: Connection, measurement: Measurement, schedule: Schedule, by: int | None = None
) -> dict[int, OnsetCount]:
    """How many sequences have their onset at each step, up to step `by` if given; steps without any are left out."""
    step, block, sequences = onset_counts.c.first_step, onset_counts.c.block, onset_counts.c.sequences
    # A block is seen, unseen, or at the border of what the step had seen; only there is it counted row by row.
    border = cast(step, BigInteger) * schedule.sequences_per_batch // measurement.block_sequences
    counts = select(
        step,
        func.sum(sequences),
        func.sum(onset_counts.c.lost),
        func.sum(case((block > border, sequences), else_=0)),
        func.sum(case((block == border, 1), else_=0)),
    ).where(onset_counts.c.measurement_id == measurement.id)
    if by is not None:
        counts = counts.where(step <= by)
    by_step = {}
    for at, count, lost, unseen, has_border in connection.execute(counts.group_by(step).order_by(step)).all():
        if has_border:
            unseen += _unseen_in_border(connection, measurement, at, at * schedule.sequences_per_batch)
        by_step[at] = OnsetCount(int(count), int(lost), int(unseen))  # PostgreSQL's sums are decimals.
    return by_step


def _unseen_in_border(connection: Connection, measurement: Measurement, step: int, start: int) -> int:
    """The sequences from `start` to the end of its block whose onset is at a step."""
    stop = measurement.block(start // measurement.block_sequences).stop
    place = {"measurement": measurement.id, "step": step, "start": start, "stop": stop}
    return int(connection.execute(_COUNT_OF_PLACE, place).scalar_one())


def onset_page(
    connection: Connection,
    measurement: Measurement,
    *,
    by: int,
    limit: int,
    after: tuple[int, int] | None = None,
) -> list[AnyRow]:
    """The first `limit` rows by onset and sequence with an onset up to step `by`, behind `after`, an onset and a sequence."""
    page: list[AnyRow] = []
    for step, block in _places(connection, measurement, by, limit, after):
        span = measurement.block(block)
        start = max(span.start, after[1] + 1) if after is not None and step == after[0] else span.start
        place = {"measurement": measurement.id, "step": step, "start": start, "stop": span.stop}
        page += connection.execute(_OF_PLACE, {**place, "limit": limit - len(page)})
        if len(page) >= limit:
            break
    return page


class OnsetRun(NamedTuple):
    """Consecutive sequences among which are all rows of some blocks whose onset is at one step."""

    step: int
    start: int
    stop: int
    rows: int
    """How many have their onset there, those before the place of `onset_runs` included."""


def onset_runs(
    connection: Connection, measurement: Measurement, *, by: int, after: tuple[int, int] | None, rows: int
) -> list[OnsetRun]:
    """Where all that `onset_page` would give lies, in its order: blocks together up to so many rows, a block at least."""
    runs: list[OnsetRun] = []
    for step, block, count in connection.execute(_places_by(measurement, by, after)):
        span = measurement.block(block)
        last = runs[-1] if runs else None
        if last is not None and last.step == step and last.rows + count <= rows:
            runs[-1] = last._replace(stop=span.stop, rows=last.rows + count)
        else:
            start = max(span.start, after[1] + 1) if after is not None and step == after[0] else span.start
            runs.append(OnsetRun(step, start, span.stop, count))
    return runs


def onset_columns(connection: Connection, measurement: Measurement, run: OnsetRun) -> npt.NDArray[np.int64]:
    """The rows of a run, `[4, rows]`: sequence, low end of the bracket or -1, last step, times lost; by sequence."""
    place = {"measurement": measurement.id, "step": run.step, "start": run.start, "stop": run.stop}
    return read_numbers(connection, _OF_RUN, place)


def onsets_between(connection: Connection, measurement: Measurement, start: int, stop: int) -> npt.NDArray[np.int64]:
    """The rows of consecutive sequences, `[3, rows]`: sequence, onset, low end of its bracket or -1; by sequence."""
    return read_numbers(connection, _BETWEEN, {"measurement": measurement.id, "start": start, "stop": stop})


class PairedCounts(NamedTuple):
    """The sequences that two measurements have an onset of, by which of the two is earlier."""

    earlier: int
    same: int
    later: int


def paired_counts(connection: Connection, first: Scaled, second: Scaled) -> PairedCounts:
    """How many sequences the first measurement has an earlier onset of, the same, or a later one, in sequences seen."""
    here, there = memorized_sequences, _THERE
    at, other_at = _seen(here.c.first_step, first), _seen(there.c.first_step, second)
    cases = (at < other_at, at == other_at, at > other_at)
    query = select(*(func.sum(case((is_case, 1), else_=0)) for is_case in cases)).select_from(
        here.join(there, here.c.sequence == there.c.sequence)
    )
    query = query.where(here.c.measurement_id == first.id, there.c.measurement_id == second.id)
    return PairedCounts(*(int(count or 0) for count in connection.execute(query).one()))


def earlier_columns(
    connection: Connection, first: Scaled, second: Scaled, after: int, limit: int
) -> npt.NDArray[np.int64]:
    """The first `limit` sequences above `after` of which the first measurement has the earlier onset.

    `[5, rows]`: sequence, onset and low end of its bracket or -1, both of the second measurement.
    """
    here, there = memorized_sequences.c, _THERE.c
    query = (
        select(
            here.sequence,
            here.first_step,
            _known(here.bracket_low),
            there.first_step,
            _known(there.bracket_low),
        )
        .select_from(memorized_sequences.join(_THERE, here.sequence == there.sequence))
        .where(here.measurement_id == first.id, there.measurement_id == second.id, here.sequence > after)
        .where(_seen(here.first_step, first) < _seen(there.first_step, second))
    )
    return read_numbers(connection, query.order_by(here.sequence).limit(limit))


def _seen(step: Column[int], measured: Scaled) -> ColumnElement[int]:
    return cast(step, BigInteger) * measured.scale


def _places(
    connection: Connection, measurement: Measurement, by: int, limit: int, after: tuple[int, int] | None
) -> list[tuple[int, int]]:
    """Steps and blocks that hold the next `limit` onsets, in order.

    Each has one at least, except the first, in which all may lie before `after`; so one place more is asked for.
    """
    rows = connection.execute(_places_by(measurement, by, after).limit(limit + 1))
    return [(step, block) for step, block, _ in rows]


def _places_by(measurement: Measurement, by: int, after: tuple[int, int] | None) -> Select[*tuple[Any, ...]]:
    """Steps, blocks, and how many rows each pair has, in order, from the place on at which the one behind `after` lies."""
    counts = onset_counts.c
    places = select(counts.first_step, counts.block, counts.sequences).where(
        counts.measurement_id == measurement.id, counts.first_step <= by
    )
    if after is not None:
        step, sequence = after
        place = (step, sequence // measurement.block_sequences)
        places = places.where(tuple_(counts.first_step, counts.block) >= place)
    return places.order_by(counts.first_step, counts.block)


def _rows(measurement: Measurement, start: int, table: OnsetColumns) -> Iterator[tuple[int | None, ...]]:
    lows = [None if low < 0 else low for low in table.bracket_low.tolist()]
    return zip(
        repeat(measurement.id, len(lows)),
        (table.column + start).tolist(),
        table.first_step.tolist(),
        lows,
        table.last_step.tolist(),
        table.times_memorized.tolist(),
        table.times_lost.tolist(),
        strict=True,
    )


def _counts(measurement: Measurement, block: int, table: OnsetColumns) -> Iterator[tuple[int, ...]]:
    sequences = Counter(table.first_step.tolist())
    lost = Counter(table.first_step[table.times_lost > 0].tolist())
    return ((measurement.id, step, block, count, lost[step]) for step, count in sequences.items())
