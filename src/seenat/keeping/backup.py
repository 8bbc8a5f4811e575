"""Backing up a catalog with its results and indexes, while others read it and measure.

The rows are copied first, as one transaction sees them, and then the files that these rows name. A block that was committed
again meanwhile has another digest than the rows say: then the rows are copied again, and what has changed. What is missing twice
in a row is damaged in the catalog itself, and left out by name.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from importlib.metadata import version
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from seenat.keeping.backup_folder import CATALOG, INDEXES, RESULTS, describe_backup, write_sums
from seenat.registry.answer import TableAnswer
from seenat.registry.database.engine import HEAD, Database, parse_url
from seenat.registry.database.rows import now
from seenat.registry.errors import CorruptFile
from seenat.registry.storage.digests import sha256_of_file
from seenat.registry.storage.local import PARTIAL
from seenat.registry.storage.outputs import check_output, whole_or_absent
from seenat.registry.storage.stored_file import StoredFile, copy_stored

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from seenat.registry.catalog.catalog import Catalog as RegistryCatalog

__all__ = ["Backup", "back_up"]

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, kw_only=True)
class Backup(TableAnswer):
    """A back-up that was made."""

    folder: str
    files: int
    """Files of results and indexes that were copied."""
    bytes: int
    """Of these, and of the rows."""
    damaged: tuple[str, ...]
    """What the catalog names and no file holds: left out."""

    table_field: ClassVar[str] = "damaged"


def back_up(
    catalog: RegistryCatalog, folder: Path, *, indexes: bool, force: bool = False, progress: Progress
) -> Backup:
    """Copy a catalog into a new folder; `progress` gets (what, done, all). Without `indexes`, these are left out.

    Raises `InvalidValue` for a folder that exists, unless it is a back-up and `force`, and `NoRoom` where the disk is full; then nothing is left.
    """
    check_output(folder, force=force)
    with whole_or_absent(folder, force=force) as building:
        building.mkdir()
        copying = _Copying(catalog.database, building, indexes, progress)
        damaged = copying.run()
        _describe_arrays(building, catalog.database)
        digests = _all_digests(building, copying.digests)
        write_sums(building, digests)
        sizes = [(building / name).stat().st_size for name in digests]
        facts = {"seenat": version("seenat"), "schema": HEAD, "made_at": now(), "catalog": str(catalog.database)}
        describe_backup(building, {**facts, "files": len(sizes), "bytes": sum(sizes), "damaged": damaged})
    return Backup(folder=str(folder), files=len(copying.digests), bytes=sum(sizes), damaged=damaged)


class _Copying:
    """Copies rows and files until the two belong together."""

    def __init__(self, database: Database, building: Path, indexes: bool, progress: Progress) -> None:
        self._database, self._building, self._indexes, self._progress = database, building, indexes, progress
        self.digests: dict[str, str] = {}
        """Of each file that was copied, by its name in the back-up."""

    def run(self) -> tuple[str, ...]:
        """Copy everything, and return what is damaged."""
        missing: dict[str, str] | None = None
        while True:
            before = missing
            self._copy_rows()
            missing = self._copy_files()
            if not missing or missing == before:
                return tuple(missing.values())

    def _copy_rows(self) -> None:
        from seenat.registry.database.copy_rows import copy_rows
        from seenat.registry.database.schema import migrate

        with closing(_copy_of(self._building)) as copy, self._database.read() as source, copy.write() as target:
            migrate(copy, target)
            copy_rows(source, target, lambda done, total: self._progress("rows", done, total))

    def _copy_files(self) -> dict[str, str]:
        """Copy what the rows name and is not copied yet; returns what no file holds, by its digest."""
        with closing(_copy_of(self._building)) as copy, copy.read() as connection:
            files = {f"{part}/{file.name}": file for part, file in self._named(connection)}
        for name in self.digests.keys() - files.keys():
            (self._building / name).unlink(missing_ok=True)
            del self.digests[name]
        missing: dict[str, str] = {}
        for done, (name, file) in enumerate(files.items()):
            self._progress("files", done, len(files))
            if self.digests.get(name) != file.digest and not self._copy(name, file):
                missing[file.digest] = file.what
        self._progress("files", len(files), len(files))
        return missing

    def _named(self, connection: Connection) -> Iterator[tuple[str, StoredFile]]:
        from seenat.attribution.ngrams.inventory import index_files
        from seenat.memorization.upkeep.inventory import result_files

        results = ((RESULTS, file) for file in result_files(self._database, connection))
        of_indexes = ((INDEXES, file) for file in index_files(self._database, connection) if self._indexes)
        return chain(results, of_indexes)

    def _copy(self, name: str, file: StoredFile) -> bool:
        self.digests.pop(name, None)
        try:
            copy_stored(file, self._building / name)
        except CorruptFile:
            return False
        self.digests[name] = file.digest
        return True


def _copy_of(building: Path) -> Database:
    return Database(parse_url(str(building / CATALOG)))


def _describe_arrays(building: Path, source: Database) -> None:
    """Let the arrays of a copy say what they are, and take over what is derived from them."""
    from seenat.memorization.results.commit import MeasurementStore
    from seenat.memorization.results.trajectory_parts import TrajectoryParts
    from seenat.memorization.upkeep.inventory import array_of, measured
    from seenat.registry.catalog.catalog import Catalog

    with closing(_copy_of(building)) as copy:
        catalog = Catalog(copy)
        with copy.read() as connection:
            for each in measured(connection):
                store = MeasurementStore(copy, catalog.model(each.model), each.measurement)
                store.describe(connection)
                parts = TrajectoryParts(array_of(source, each.measurement)).group
                _copy_derived(parts, TrajectoryParts(store.array).group)


def _copy_derived(source: Path, target: Path) -> None:
    """Copy a folder of what is derived, where there is one; not if it changes meanwhile, since it can be made again."""
    if not source.is_dir():
        return
    try:
        shutil.copytree(source, target, ignore=shutil.ignore_patterns(f"*{PARTIAL}"))
    except (shutil.Error, FileNotFoundError):
        shutil.rmtree(target, ignore_errors=True)


def _all_digests(building: Path, known: dict[str, str]) -> dict[str, str]:
    """The digest of every file of a back-up, by its name."""
    files = (path for path in building.rglob("*") if path.is_file())
    names = ((path.relative_to(building).as_posix(), path) for path in files)
    return {name: known[name] if name in known else sha256_of_file(path) for name, path in names}
