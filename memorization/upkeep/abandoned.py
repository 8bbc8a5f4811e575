"""Files of results that nothing names: what killed writers left, and what belonged to results that were deleted.

Blocks are written under the catalog's write lock, which whoever looks holds. Published sets are written before their row is,
and so are labels, so a file counts as abandoned only an hour after it was written.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from sqlalchemy import Connection

from seenat.memorization.labels.table import label_files
from seenat.memorization.results.array import ResultArray
from seenat.memorization.results.block_table import committed_places
from seenat.memorization.results.measurements import Measurement, lists_folder, results_folder
from seenat.memorization.results.trajectory_parts import TrajectoryParts
from seenat.memorization.upkeep.inventory import array_of, measured, set_files
from seenat.registry.database.engine import Database
from seenat.registry.storage.local import PARTIAL

__all__ = ["GRACE_SECONDS", "abandoned_results", "files_below"]

GRACE_SECONDS = 3600.0
"""A file that was written later than this long ago may still get its row."""


def abandoned_results(database: Database, connection: Connection) -> Iterator[Path]:
    """Every file below the folder of results that nothing names.

    What describes an array that is named, and what is derived from it, counts as named; so do lists of sequences.
    """
    folder, arrays = results_folder(database), []
    for each in measured(connection):
        arrays.append(array := array_of(database, each.measurement))
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
