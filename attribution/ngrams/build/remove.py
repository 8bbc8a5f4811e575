"""Deleting indexes: first their rows, so that nothing reads them, then their files."""

from __future__ import annotations

import shutil
from collections.abc import Collection

from seenat.attribution.ngrams.index_table import indexes_folder, indexes_of, remove_index
from seenat.registry.catalog.orders import Order
from seenat.registry.database.engine import Database
from seenat.registry.storage.locks import exclusive

__all__ = ["remove_indexes"]


def remove_indexes(database: Database, order: Order, windows: Collection[int]) -> None:
    """Delete those of an order's indexes that have one of these windows."""
    folder = indexes_folder(database)
    with exclusive(folder):
        with database.write() as connection:
            chosen = [index for index in indexes_of(connection, order.digest) if index.window in windows]
            for index in chosen:
                remove_index(connection, index)
        for index in chosen:
            shutil.rmtree(folder / index.folder, ignore_errors=True)
