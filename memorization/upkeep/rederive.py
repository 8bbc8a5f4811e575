"""Whether what SQL says of results follows from their files: onsets and counts derived again, block after block.

The files are what was measured, so where the two differ the rows are wrong, and are replaced. A block whose file is gone or
damaged says nothing: it is named, and its rows stay until it is measured again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import Connection

from seenat.memorization.results.block_table import committed_blocks, committed_rows, counts_of_batches
from seenat.memorization.results.commit import MeasurementStore
from seenat.memorization.results.onset_rows import clear_onsets, onset_rows_of
from seenat.memorization.results.recovery import recover
from seenat.memorization.results.refresh import refresh_onsets
from seenat.memorization.upkeep.inventory import measured
from seenat.registry.answer import Answer
from seenat.registry.catalog.catalog import Catalog
from seenat.registry.units import BatchRange

__all__ = ["ResultFault", "verify_results"]


@dataclass(frozen=True, kw_only=True)
class ResultFault(Answer):
    """A block of which the catalog says what its files do not."""

    model: str
    protocol: str
    start: int
    """Its first sequence."""
    stop: int
    steps: tuple[int, ...]
    """Where the file is gone or damaged: the steps at which; empty where rows do not follow from files."""
    fault: str
    mended: bool


class _Unchanged(Exception):
    """Ends a transaction that was to change nothing."""


def verify_results(catalog: Catalog, repair: bool, progress: Callable[[int, int], None]) -> tuple[ResultFault, ...]:
    """Derive onsets and counts of every block again; `progress` gets (blocks done, all). With `repair`, replace wrong rows.

    Results over an order that has another content by now are left out: nothing answers from them.
    """
    stores = _stores(catalog)
    places = []
    for store in stores:
        if repair:
            _prepare(store)
        with catalog.database.read() as connection:
            places += [(store, block) for block in committed_blocks(connection, store.measurement)]
    faults: list[ResultFault] = []
    for done, (store, block) in enumerate(places):
        progress(done, len(places))
        faults += _verify_block(store, block, repair)
    progress(len(places), len(places))
    return tuple(faults)


def _stores(catalog: Catalog) -> list[MeasurementStore]:
    with catalog.database.read() as connection:
        found = measured(connection)
    stores = [MeasurementStore(catalog.database, catalog.model(each.model), each.measurement) for each in found]
    return [store for store in stores if store.model.order.digest == store.measurement.order_digest]


def _prepare(store: MeasurementStore) -> None:
    """Undo what killed writers left, and mend what the array says of itself."""
    with store.database.write() as connection:
        recover(store, connection)
    refresh_onsets(store)


def _verify_block(store: MeasurementStore, block: int, repair: bool) -> list[ResultFault]:
    """What is wrong with a block: files that are lost, or else rows that differ from what follows from its files."""
    lost: list[int] = []
    differs = False
    try:
        with store.database.write() as connection:
            lost = _lost_rows(store, connection, block)
            differs = not lost and _derives_otherwise(store, connection, block)
            if not (repair and differs):
                raise _Unchanged
    except _Unchanged:
        pass
    if lost:
        steps = tuple(sorted(step for row, step in store.array.steps.items() if row in lost))
        return [_fault(store, block, steps, "its file is gone or damaged", mended=False)]
    if differs:
        return [_fault(store, block, (), "its onsets or counts do not follow from its files", mended=repair)]
    return []


def _lost_rows(store: MeasurementStore, connection: Connection, block: int) -> list[int]:
    files = committed_rows(connection, store.measurement, block)
    return [row for row, file in files.items() if not store.array.holds(row, block, file)]


def _derives_otherwise(store: MeasurementStore, connection: Connection, block: int) -> bool:
    """Replace what is derived of a block, and say whether it was something else."""
    before = _derived(store, connection, block)
    clear_onsets(connection, store.measurement, block)
    store.replace_onsets(connection, block)
    for row in committed_rows(connection, store.measurement, block):
        store.replace_counts(connection, row, block, store.committed(connection, row, block).values)
    return before != _derived(store, connection, block)


def _derived(store: MeasurementStore, connection: Connection, block: int) -> list[tuple[object, ...]]:
    size, span = store.model.schedule.sequences_per_batch, store.measurement.block(block)
    batches = BatchRange(span.start // size, -(-span.stop // size))
    rows = [
        *onset_rows_of(connection, store.measurement, block),
        *counts_of_batches(connection, store.measurement, batches),
    ]
    return [tuple(row) for row in rows]


def _fault(store: MeasurementStore, block: int, steps: tuple[int, ...], fault: str, *, mended: bool) -> ResultFault:
    span = store.measurement.block(block)
    return ResultFault(
        model=store.model.name,
        protocol=store.measurement.protocol.id,
        start=span.start,
        stop=span.stop,
        steps=steps,
        fault=fault,
        mended=mended,
    )
