"""The files of results that no row speaks of: deleted under the writer's lock, since a commit may come between.

A folder of results is renamed first, which is one step, and then deleted without the lock.
"""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from seenat.memorization.jobs.job_table import specifications
from seenat.memorization.results.array import ResultArray
from seenat.memorization.results.block_table import BlockKey, committed_digest
from seenat.memorization.results.commit import MeasurementStore
from seenat.memorization.results.measurements import Measurement, is_recorded, lists_folder, results_folder
from seenat.memorization.results.objects.choose import parts_of
from seenat.registry.database.engine import Database
from seenat.registry.database.rows import AnyRow, pieces
from seenat.registry.storage.regular import remove_regular
from seenat.registry.storage.stores.place import open_store

__all__ = [
    "delete_block_files",
    "delete_folders",
    "delete_lists",
    "delete_objects",
    "delete_parts_in_stores",
    "folders_of",
    "leftovers",
    "lists_of",
    "weigh",
]

_DELETED = ".deleted-"
_PARTS = ".trajectories.zarr"
_AT_ONCE = 16
"""Objects that are deleted together."""


def folders_of(root: Path, folder: str) -> tuple[Path, Path]:
    """Where the values of a measurement lie, and where they lie a second time by sequence."""
    group = root / folder
    return group, group.with_suffix(_PARTS)


def weigh(folders: Iterable[Path]) -> tuple[int, int]:
    """How many files lie below some folders, and how many bytes they have."""
    sizes = [_size(Path(place, name)) for folder in folders for place, _, names in os.walk(folder) for name in names]
    return len(sizes), sum(sizes)


def _size(path: Path) -> int:
    try:
        return path.lstat().st_size
    except OSError:  # Somebody deleted it since.
        return 0


def delete_folders(database: Database, folders: Iterable[str]) -> None:
    """Delete the folders of measurements that are not recorded any more, and what earlier deletions left beside them."""
    root = results_folder(database)
    for folder in folders:
        with database.write() as connection:
            if not is_recorded(connection, folder):
                for path in folders_of(root, folder):
                    if path.is_dir():
                        path.rename(path.with_name(f"{path.name}{_DELETED}{secrets.token_hex(4)}"))
        parent = (root / folder).parent
        for left in parent.glob(f"*{_DELETED}*"):
            shutil.rmtree(left, ignore_errors=True)
        if parent.is_dir() and not any(parent.iterdir()):
            parent.rmdir()


def delete_block_files(store: MeasurementStore, found: Iterable[AnyRow]) -> None:
    """Delete the files of blocks, rows of `block_table`, that are not recorded any more."""
    parts = parts_of(store.array)
    if not isinstance(store.array, ResultArray):
        gone = list(found)
        delete_objects((store.measurement, row.object) for row in gone if row.object is not None)
        for block in {row.block for row in gone}:
            parts.remove(block)
        return
    for piece in pieces(found):
        with store.database.write() as connection:
            for row in piece:
                if committed_digest(connection, BlockKey(store.measurement.id, row.array_row, row.block)) is None:
                    store.array.remove(row.array_row, row.block)
                    parts.remove(row.block)  # It is made again from what is left.
    with store.database.write() as connection:
        store.describe(connection)


def delete_objects(objects: Iterable[tuple[Measurement, str]]) -> None:
    """Delete objects that no row names any more; no other row will, since a name is of one writer and one content."""
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        list(pool.map(_delete_object, objects))


def _delete_object(of: tuple[Measurement, str]) -> None:
    measurement, name = of
    if measurement.store is not None:
        open_store(measurement.store).delete(name)


def delete_parts_in_stores(database: Database, chosen: Iterable[Measurement]) -> None:
    """Delete the second arrays of measurements that lie in stores; whoever needs one makes it again."""
    for measurement in chosen:
        if measurement.store is not None:
            folder = measurement.folder.removesuffix(".zarr") + _PARTS
            delete_objects((measurement, found.name) for found in open_store(measurement.store).listed(folder))


def lists_of(specifications_: Iterable[object]) -> set[str]:
    """The digests of the lists of sequences that plans name."""
    return {digest for specification in specifications_ for digest in _digests(specification)}


def _digests(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(digest := value.get("digest"), str):
            yield digest
        for entry in value.values():
            yield from _digests(entry)


def delete_lists(database: Database, digests: Iterable[str]) -> None:
    """Delete those of some lists that no stored plan names."""
    with database.write() as connection:
        for digest in set(digests) - lists_of(specifications(connection)):
            remove_regular(lists_folder(database) / f"{digest.removeprefix('sha256:')}.npy")


def leftovers(database: Database) -> tuple[Path, ...]:
    """Folders of results that belong to no measurement: a deletion that was killed left them."""
    root = results_folder(database)
    found = [path for path in sorted(root.glob("*/*.zarr*")) if path.is_dir()]
    with database.read() as connection:
        return tuple(path for path in found if not is_recorded(connection, _folder(root, path)))


def _folder(root: Path, path: Path) -> str:
    name = path.name.removesuffix(_PARTS) + ".zarr" if path.name.endswith(_PARTS) else path.name
    return (path.parent / name).relative_to(root).as_posix()
