"""Files of results that nothing names: what killed writers left, and what belonged to results that were deleted.

Blocks are written under the catalog's write lock, which whoever looks holds. Published sets are written before their row is,
and so are labels, so a file counts as abandoned only an hour after it was written. An object of a store is put before its row too, and
by machines whose clocks differ: it counts a day after. No commit takes an object that it put more than an hour before
(`jobs.shard_writer`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import chain
from pathlib import Path

from sqlalchemy import Connection

from seenat.memorization.jobs.window_cache import SHARED
from seenat.memorization.labels.table import label_files
from seenat.memorization.results.array import ResultArray
from seenat.memorization.results.block_table import committed_objects, committed_places
from seenat.memorization.results.measurements import Measurement, lists_folder, results_folder
from seenat.memorization.results.objects.choose import array_of, parts_of
from seenat.memorization.results.trajectory_parts import TrajectoryParts
from seenat.memorization.upkeep.inventory import folder_array, measured, set_files
from seenat.registry.database.engine import Database
from seenat.registry.storage.local import PARTIAL
from seenat.registry.storage.stores.place import open_store
from seenat.registry.storage.stores.stored_file import StoredObject

__all__ = ["GRACE_SECONDS", "abandoned_objects", "abandoned_results", "aged_objects", "files_below"]

GRACE_SECONDS = 3600.0
"""A file that was written later than this long ago may still get its row."""
OBJECT_GRACE_SECONDS = 86400.0
"""The same of objects."""


def abandoned_results(database: Database, connection: Connection) -> Iterator[Path]:
    """Every file below the folder of results that nothing names.

    What describes an array that is named, and what is derived from it, counts as named; so do lists of sequences.
    """
    folder, arrays = results_folder(database), []
    for each in measured(connection):
        if each.measurement.store is not None:
            continue
        arrays.append(array := folder_array(database, each.measurement))
        yield from _abandoned_blocks(connection, each.measurement, array)
    kept = {
        lists_folder(database),
        *(array.group for array in arrays),
        *(TrajectoryParts(array).group for array in arrays),
    }
    named = chain(set_files(database, connection), label_files(database, connection))
    sets = {file.places[0] for file in named}
    for path in files_below(folder):
        is_kept = path in sets or not kept.isdisjoint(path.parents)
        if path.name.endswith(PARTIAL) or not is_kept:
            yield path


def aged_objects(database: Database, seconds: float = OBJECT_GRACE_SECONDS) -> list[StoredObject]:
    """Every object, older than a day or so many seconds, below the places of this catalog in stores, but for copies of windows: to be listed without holding the lock."""
    with database.read() as connection:
        urls = {each.measurement.store for each in measured(connection)} - {None}
    oldest = datetime.now(UTC) - timedelta(seconds=seconds)
    return [
        StoredObject(store, found.name, found.bytes)
        for store in (open_store(str(url)) for url in sorted(map(str, urls)))
        for found in store.listed()
        if found.modified < oldest and not found.name.startswith(f"{SHARED}/")
    ]


def abandoned_objects(database: Database, connection: Connection, aged: Iterable[StoredObject]) -> list[StoredObject]:
    """Those of some objects that nothing names; a second array of a measurement that is there counts as named."""
    named, derived = set(), set()
    for each in measured(connection):
        if each.measurement.store is not None:
            store = open_store(each.measurement.store)
            named |= {store.locate(name) for name in committed_objects(connection, each.measurement)}
            derived.add(parts_of(array_of(database, each.measurement)).place)
    return [found for found in aged if str(found) not in named and not any(map(_below(str(found)), derived))]


def _below(place: str) -> Callable[[str], bool]:
    return lambda folder: place.startswith(f"{folder}/")


def files_below(folder: Path) -> Iterator[Path]:
    """Every file below a folder that was not written within the last hour."""
    oldest = time.time() - GRACE_SECONDS
    for path in sorted(folder.rglob("*")) if folder.is_dir() else ():
        if not path.is_dir() and path.lstat().st_mtime < oldest:
            yield path


def _abandoned_blocks(connection: Connection, measurement: Measurement, array: ResultArray) -> Iterator[Path]:
    # As text: of 344,000 blocks, paths would take three times the memory.
    named = {str(place) for key in committed_places(connection, measurement) for place in array.places(*key)}
    yield from (
        path for path in files_below(array.folder / "c") if str(path) not in named and not path.name.endswith(PARTIAL)
    )
