"""Making a catalog of a back-up, in a SQLite file or a PostgreSQL database that holds nothing yet.

Every file is compared with its digest while it is copied. The rows come last, in one transaction: a restoring that is killed
leaves no catalog, and may be repeated.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from sqlalchemy import Connection, select

from seenat.keeping.backup_folder import CATALOG, INDEXES, RESULTS, read_description, read_sums
from seenat.registry.answer import Answer
from seenat.registry.database.engine import Database, parse_url
from seenat.registry.database.url import is_file
from seenat.registry.errors import CorruptFile, InvalidValue
from seenat.registry.storage.stores.stored_file import StoredFile, copy_stored

__all__ = ["Restored", "restore"]

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, kw_only=True)
class Restored(Answer):
    """A catalog that was made of a back-up."""

    catalog: str
    folder: str
    made_at: str | None
    """When the back-up was made."""
    files: int
    """Files of results and indexes."""


def restore(
    folder: str | Path, url: str | None = None, *, progress: Progress = lambda _what, _done, _all: None
) -> Restored:
    """Make the catalog at `url`, that of `seenat.open`, of a back-up; `progress` gets (what, done, all).

    Raises `InvalidValue` where that catalog exists already or the folder is no back-up, `CorruptFile` for a file that is not the one
    that was backed up, `NoRoom`, and `StaleSchema` for a back-up of a newer version.
    """
    folder = Path(folder)
    facts, digests = read_description(folder), read_sums(folder)
    place = parse_url(url)
    if is_file(place):
        Path(str(place.database)).parent.mkdir(parents=True, exist_ok=True)
    with closing(Database(place)) as database:
        _check_new(database)
        files = {name: digest for name, digest in digests.items() if name != CATALOG}
        with _cleared_if_it_fails(database):
            for done, (name, digest) in enumerate(sorted(files.items())):
                progress("files", done, len(files))
                copy_stored(_file(folder, name, digest), _target(database, name))
            progress("files", len(files), len(files))
            _restore_rows(folder, digests[CATALOG], database, progress)
        made_at = facts.get("made_at")
        return Restored(
            catalog=str(database),
            folder=str(folder),
            made_at=made_at if isinstance(made_at, str) else None,
            files=len(files),
        )


def _check_new(database: Database) -> None:
    with database.read() as connection:
        if database.revision(connection) is not None:
            raise InvalidValue(
                f"There is a catalog at {database} already, and a back-up is restored to a new one only; set "
                "SEENAT_DATABASE_URL or SEENAT_HOME to another place."
            )


@contextmanager
def _cleared_if_it_fails(database: Database) -> Iterator[None]:
    """Delete what lies beside a catalog that did not come to be, unless something lay there before."""
    new = [folder for folder in _folders(database).values() if not folder.exists()]
    try:
        yield
    except BaseException:
        for folder in new:
            shutil.rmtree(folder, ignore_errors=True)
        raise


def _folders(database: Database) -> dict[str, Path]:
    """Where the files of each part of a back-up belong."""
    from seenat.attribution.ngrams.index_table import indexes_folder
    from seenat.memorization.results.measurements import results_folder

    return {RESULTS: results_folder(database), INDEXES: indexes_folder(database)}


def _file(folder: Path, name: str, digest: str) -> StoredFile:
    return StoredFile(name=name, places=(folder / name,), digest=digest, what="a file of the back-up")


def _target(database: Database, name: str) -> Path:
    part, *rest = PurePosixPath(name).parts
    return _folders(database)[part].joinpath(*rest)


def _restore_rows(folder: Path, digest: str, database: Database, progress: Progress) -> None:
    from seenat.attribution.ngrams.inventory import record_copied
    from seenat.registry.database.copy_rows import copy_rows
    from seenat.registry.database.schema import migrate
    from seenat.registry.database.tables.home_path import keep_paths_below

    with tempfile.TemporaryDirectory(prefix="seenat-restore-") as place:
        path = Path(place) / CATALOG
        copy_stored(_file(folder, CATALOG, digest), path)
        with closing(Database(parse_url(str(path)))) as copy:
            keep_paths_below(copy.engine, folder.absolute() / CATALOG)
            with copy.write() as connection:  # That of an older version is brought to this one's schema first.
                migrate(copy, connection)
            with copy.read() as source, database.write() as target:
                _check_folders(source, folder)
                migrate(database, target)
                copy_rows(source, target, lambda done, total: progress("rows", done, total))
                record_copied(database, target)


def _check_folders(connection: Connection, folder: Path) -> None:
    """Raise `CorruptFile` for rows that name files outside the catalog's own folders."""
    from seenat.registry.database.tables.imports import result_sets
    from seenat.registry.database.tables.indexes import indexes
    from seenat.registry.database.tables.jobs import measurements
    from seenat.registry.database.tables.labels import labels

    for column in (measurements.c.folder, result_sets.c.file, indexes.c.folder, labels.c.file):
        for name in connection.execute(select(column)).scalars():
            path = PurePosixPath(name)
            if path.is_absolute() or ".." in path.parts or not path.parts:
                raise CorruptFile(
                    f"{folder / CATALOG} names the files {name!r}, which lie outside a catalog; it is not restored."
                )
