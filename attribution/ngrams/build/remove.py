"""Deleting indexes: first their rows, so that nothing reads them, then their files."""

from __future__ import annotations

import shutil
from collections.abc import Collection

from seenat.attribution.ngrams.index_table import indexes_folder, indexes_of, remove_index
from seenat.registry.catalog.orders import Order
from seenat.registry.database.engine import Database
from seenat.registry.storage.locks import exclusive

__all__ = ["remove_content", "remove_indexes"]


def remove_indexes(database: Database, order: Order, windows: Collection[int]) -> None:
    """Delete those of an order's indexes that have one of these windows."""
    _remove(database, order.digest, windows)


def remove_content(database: Database, digest: str) -> None:
    """Delete all indexes of a content, by the digest of an order that had it."""
    _remove(database, digest, None)


def _remove(database: Database, digest: str | None, windows: Collection[int] | None) -> None:
    folder = indexes_folder(database)
    with database.read() as connection:
        if not indexes_of(connection, digest):
            return
    with exclusive(folder):
        with database.write() as connection:
            found = indexes_of(connection, digest)
            chosen = [index for index in found if windows is None or index.window in windows]
            for index in chosen:
                remove_index(connection, index)
        for index in chosen:
            shutil.rmtree(folder / index.folder, ignore_errors=True)
