"""Files beside a catalog that nothing names: what killed processes left, and what belonged to what was deleted."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from seenat.registry.answer import Answer, TableAnswer

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from seenat.registry.catalog.catalog import Catalog as RegistryCatalog
    from seenat.registry.database.engine import Database

__all__ = ["Garbage", "GarbageFile", "collect_garbage"]


@dataclass(frozen=True, kw_only=True)
class GarbageFile(Answer):
    """A file that nothing names."""

    file: str
    bytes: int


@dataclass(frozen=True, kw_only=True)
class Garbage(TableAnswer):
    """Files that nothing names."""

    files: tuple[GarbageFile, ...]
    bytes: int
    """Of all of them."""
    deleted: bool

    table_field: ClassVar[str] = "files"


def collect_garbage(catalog: RegistryCatalog, *, delete: bool) -> Garbage:
    """Find files of results and indexes that nothing names and that are an hour old, and with `delete` delete them.

    No job commits meanwhile: it waits. Objects of stores are a day old, and are listed before and deleted after.
    """
    from seenat.memorization.upkeep.abandoned import abandoned_objects, aged_objects

    aged = aged_objects(catalog.database)
    with catalog.database.write() as connection:
        found = [GarbageFile(file=str(path), bytes=path.lstat().st_size) for path in _abandoned(catalog, connection)]
        if delete:
            for file in found:
                _delete(Path(file.file))
        objects = abandoned_objects(catalog.database, connection, aged)
    for each in objects if delete else ():
        each.store.delete(each.name)
    found += [GarbageFile(file=str(each), bytes=each.bytes) for each in objects]
    return Garbage(files=tuple(found), bytes=sum(file.bytes for file in found), deleted=delete)


def _abandoned(catalog: RegistryCatalog, connection: Connection) -> Iterator[Path]:
    from seenat.memorization.upkeep.abandoned import abandoned_results

    yield from dict.fromkeys(abandoned_results(catalog.database, connection))
    yield from _abandoned_indexes(catalog.database, connection)


def _abandoned_indexes(database: Database, connection: Connection) -> Iterator[Path]:
    from seenat.attribution.ngrams.files.directory import is_derived
    from seenat.attribution.ngrams.index_table import indexes_folder
    from seenat.attribution.ngrams.inventory import index_files
    from seenat.memorization.upkeep.abandoned import files_below

    named = {place for file in index_files(database, connection) for place in file.places if isinstance(place, Path)}
    folders = {path.parent for path in named}
    for path in files_below(indexes_folder(database)):
        is_kept = path.parent in folders and is_derived(path)
        if path not in named and not is_kept:
            yield path


def _delete(path: Path) -> None:
    path.unlink(missing_ok=True)
    with suppress(OSError):  # A folder goes with its last file.
        path.parent.rmdir()
