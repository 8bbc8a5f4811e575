"""Recovery: undo what writers left behind that were killed between writing a file and committing it."""

from __future__ import annotations

from sqlalchemy import Connection

from seenat.memorization.results.block_table import BlockKey, committed_digest
from seenat.memorization.results.commit import MeasurementStore

__all__ = ["recover", "recover_block"]


def recover(store: MeasurementStore, connection: Connection) -> None:
    """Keep the files that were committed, and put back what others held before; under the write lock.

    Nobody else writes meanwhile, so a file that is not recorded belongs to a writer that is gone.
    """
    array = store.array
    array.remove_partials()
    for row, block in array.rewritten():
        _keep_or_put_back(store, connection, row, block)


def recover_block(store: MeasurementStore, connection: Connection, row: int, block: int) -> None:
    """As `recover`, of one block, by who alone writes it: after a commit of which it is not known whether it came to be."""
    if (row, block) in store.array.rewritten():
        _keep_or_put_back(store, connection, row, block)


def _keep_or_put_back(store: MeasurementStore, connection: Connection, row: int, block: int) -> None:
    array = store.array
    if array.digest_of(row, block) == committed_digest(connection, BlockKey(store.measurement.id, row, block)):
        array.accept(row, block)
    else:
        array.restore(row, block)
