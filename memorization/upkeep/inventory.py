"""The files of results that a catalog names: blocks, lists of sequences, published sets, and labels.

The description of an array and its trajectory parts are not among them: both are derived, and made again.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from sqlalchemy import Connection, select

from seenat.memorization.labels.table import label_files
from seenat.memorization.results.array import ResultArray
from seenat.memorization.results.measurements import Measurement, lists_folder, measurement_by_id, results_folder
from seenat.memorization.results.objects.choose import array_of
from seenat.registry.database.engine import Database
from seenat.registry.database.tables.catalog import models
from seenat.registry.database.tables.imports import result_sets
from seenat.registry.database.tables.jobs import measurements
from seenat.registry.database.tables.results import blocks
from seenat.registry.storage.stores.place import open_store
from seenat.registry.storage.stores.stored_file import StoredFile, StoredObject

__all__ = ["MeasuredModel", "folder_array", "measured", "other_files", "result_files", "set_files"]

_ROWS_AT_ONCE = 5000


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredModel:
    """A measurement and the name of its model, whether or not the order still has the content that was measured."""

    measurement: Measurement
    model: str


def measured(connection: Connection) -> tuple[MeasuredModel, ...]:
    """Every measurement of the catalog, in the order in which they began."""
    query = select(measurements.c.id, models.c.name).join(models, models.c.id == measurements.c.model_id)
    return tuple(
        MeasuredModel(measurement=measurement_by_id(connection, id_), model=name)
        for id_, name in connection.execute(query.order_by(measurements.c.id)).all()
    )


def folder_array(database: Database, measurement: Measurement) -> ResultArray:
    """The files of a measurement as they lie in a folder, or would if they did not lie in a store."""
    array = array_of(database, replace(measurement, store=None))
    assert isinstance(array, ResultArray)
    return array


def result_files(database: Database, connection: Connection) -> Iterator[StoredFile]:
    """Every file of results that the catalog names, relative to the folder of all results."""
    folder = results_folder(database)
    for each in measured(connection):
        yield from _blocks(connection, folder, folder_array(database, each.measurement), each)
    yield from other_files(database, connection)


def other_files(database: Database, connection: Connection) -> Iterator[StoredFile]:
    """Those that are no blocks: lists of sequences, published sets and labels."""
    yield from _lists(results_folder(database), lists_folder(database))
    yield from set_files(database, connection)
    yield from label_files(database, connection)


def set_files(database: Database, connection: Connection) -> Iterator[StoredFile]:
    """The files of published results."""
    folder = results_folder(database)
    for name, file, digest in connection.execute(select(result_sets.c.name, result_sets.c.file, result_sets.c.digest)):
        yield StoredFile(name=file, places=(folder / file,), digest=digest, what=f"the published results {name}")


def _blocks(connection: Connection, folder: Path, array: ResultArray, each: MeasuredModel) -> Iterator[StoredFile]:
    query = select(blocks.c.array_row, blocks.c.block, blocks.c.digest, blocks.c.bytes, blocks.c.object)
    store = None if each.measurement.store is None else open_store(each.measurement.store)
    of_it = query.where(blocks.c.measurement_id == each.measurement.id)
    for row, block, digest, bytes_, object_ in connection.execute(
        of_it, execution_options={"yield_per": _ROWS_AT_ONCE}
    ):
        places = array.places(row, block)
        yield StoredFile(
            name=places[0].relative_to(folder).as_posix(),
            places=places if store is None else (StoredObject(store, object_ or "", bytes_),),
            digest=digest,
            what=f"block {block} of {each.model} by protocol {each.measurement.protocol.id} at row {row}",
        )


def _lists(folder: Path, lists: Path) -> Iterator[StoredFile]:
    """Lists bear their digest as their name."""
    for path in sorted(lists.glob("*.npy")):
        name = path.relative_to(folder).as_posix()
        yield StoredFile(name=name, places=(path,), digest=f"sha256:{path.stem}", what="a list of sequences")
