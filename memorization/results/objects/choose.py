"""Where a measurement lies: in a folder beside the catalog, or in the store that it was begun in."""

from __future__ import annotations

from seenat.memorization.results.array import ResultArray
from seenat.memorization.results.files.block_array import ArrayShape, BlockArray
from seenat.memorization.results.files.layout import LARGEST_CHUNK
from seenat.memorization.results.files.part_files import PartFiles
from seenat.memorization.results.measurements import Measurement, current_rows, results_folder
from seenat.memorization.results.objects.array import ObjectArray
from seenat.memorization.results.objects.parts import ObjectParts
from seenat.memorization.results.trajectory_parts import TrajectoryParts
from seenat.registry.database.engine import Database
from seenat.registry.storage.stores.cache import object_cache
from seenat.registry.storage.stores.place import open_store

__all__ = ["array_of", "parts_of"]


def array_of(
    database: Database, measurement: Measurement, remake: tuple[str, str] | None = None
) -> ResultArray | ObjectArray:
    """The array of a measurement; `remake` as for `BlockArray`. Raises `MissingExtra` for a store that cannot be spoken to."""
    shape = {
        "sequences": measurement.sequences,
        "block_sequences": measurement.block_sequences,
        "format_": measurement.format,
    }
    measure = measurement.protocol.value_type
    if measurement.store is None:
        folder = results_folder(database) / measurement.folder
        return ResultArray(folder, **shape, measure=measure, remake=remake)

    def read_steps() -> dict[int, int]:
        with database.read() as connection:
            return dict(current_rows(connection, measurement))

    store, cache = open_store(measurement.store), object_cache()
    whole = ArrayShape(**shape, measure=measure, remake=remake)
    return ObjectArray(store, measurement.folder, cache, read_steps, whole)


def parts_of(array: BlockArray, largest_chunk: int = LARGEST_CHUNK) -> PartFiles:
    """The trajectory parts of an array."""
    if isinstance(array, ObjectArray):
        return ObjectParts(array, largest_chunk)
    assert isinstance(array, ResultArray)
    return TrajectoryParts(array, largest_chunk)
