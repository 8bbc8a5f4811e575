"""Importing a folder of published benchmark results.

Importing reads every file, judges it by the catalog of now (`seenat.registry.evaluations.judge`), and writes only what differs from
before: again, it adds nothing; a file that changed is replaced; one whose model was unknown is taken once the catalog has the
model. Path and sha256 of quarantined files are kept too. All of it is one transaction. Files that are gone stay as they
were imported.

Paths are kept relative to the folder `evals` above the files, or to the folder that holds a release's folder, if there is one:
so a part of it can be imported alone and is the same files.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from sqlalchemy import Connection, delete, select, update

from seenat.registry.access.import_log import note_import
from seenat.registry.answer import Answer
from seenat.registry.catalog.catalog import Catalog
from seenat.registry.database.rows import AnyRow, insert_rows, now, pieces
from seenat.registry.database.tables.imports import evaluation_files, evaluations
from seenat.registry.errors import InvalidValue
from seenat.registry.evaluations.duplicate_runs import DuplicateRun, record_coincidences
from seenat.registry.evaluations.harness_files import RELEASES
from seenat.registry.evaluations.json_file import read_bytes
from seenat.registry.evaluations.judge import Judge, Verdict, file_of, without_repetitions

__all__ = ["EvaluationImport", "Quarantined", "forget_evaluations", "import_evaluations"]

_ROOT = "evals"
# Files with the single answers of a run, beside its results.
_SAMPLES = "samples_"


@dataclass(frozen=True, kw_only=True)
class Quarantined(Answer):
    """A file whose numbers are not in the catalog, and why."""

    path: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class EvaluationImport(Answer):
    """What importing a folder did."""

    files: int
    added: int
    """Read for the first time, whatever became of them."""
    replaced: int
    """Read before, with another content or another outcome."""
    unchanged: int
    values: int
    """Numbers of the folder's files that are in the catalog now."""
    quarantined: tuple[Quarantined, ...]
    coincidences: tuple[DuplicateRun, ...]
    """Among all runs of the catalog."""


def import_evaluations(
    catalog: Catalog, folder: Path, progress: Callable[[int, int], None] = lambda done, total: None
) -> EvaluationImport:
    """Import every .json file under a folder; `progress` gets the number of files read and of all.

    Raises `InvalidValue` for a folder without such files.
    """
    folder = Path(os.path.abspath(folder))  # noqa: PTH100 - it also takes out `..`, and follows no links.
    files = sorted(_files(folder))
    if not files:
        raise InvalidValue(f"{folder} holds no .json files; give the folder evals of a clone of EleutherAI/pythia.")
    judge, root = Judge(catalog), _root(folder)
    verdicts = []
    for place, file in enumerate(files, 1):
        verdicts += judge.verdicts(PurePosixPath(file.relative_to(root).as_posix()), read_bytes(file))
        progress(place, len(files))
    verdicts = without_repetitions(verdicts)
    with catalog.database.write() as connection:
        added, replaced = _write(connection, verdicts)
        if added or replaced:
            detail = f"{added} files added, {replaced} replaced"
            note_import(connection, "added" if added else "replaced", "evals", root.name, str(folder), detail=detail)
        coincidences = record_coincidences(connection)
    return EvaluationImport(
        files=len(files),
        added=added,
        replaced=replaced,
        unchanged=len(files) - added - replaced,
        values=sum(len(verdict.values) for verdict in verdicts if verdict.values),
        quarantined=tuple(
            Quarantined(path=verdict.path, reason=str(verdict.reason))
            for verdict in verdicts
            if verdict.status == "quarantined"
        ),
        coincidences=coincidences,
    )


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*.json") if path.is_file() and not path.name.startswith(_SAMPLES))


def forget_evaluations(connection: Connection, model_ids: Sequence[int]) -> None:
    """Delete what was imported of some models."""
    of_models = select(evaluation_files.c.id).where(evaluation_files.c.model_id.in_(model_ids))
    connection.execute(delete(evaluations).where(evaluations.c.file_id.in_(of_models)))
    connection.execute(delete(evaluation_files).where(evaluation_files.c.model_id.in_(model_ids)))


def _root(folder: Path) -> Path:
    """The folder `evals` that a folder is or lies in; else what holds the release's; else its parent, whose part it is."""
    above = (folder, *folder.parents)
    evals = next((path for path in above if path.name == _ROOT), None)
    release = next((path.parent for path in above if path.name in RELEASES), None)
    return evals or release or folder.parent


def _write(connection: Connection, verdicts: Sequence[Verdict]) -> tuple[int, int]:
    """Write what differs from what is stored; returns how many files are new and how many changed."""
    stored = {row.path: row for row in connection.execute(select(evaluation_files))}
    new = [verdict for verdict in verdicts if verdict.path not in stored]
    changed = [verdict for verdict in verdicts if verdict.path in stored and _differs(verdict, stored[verdict.path])]
    gone = _outdated(stored, verdicts)
    for ids in pieces([*(stored[verdict.path].id for verdict in changed), *(row.id for row in gone)]):
        connection.execute(delete(evaluations).where(evaluations.c.file_id.in_(ids)))
    for ids in pieces(row.id for row in gone):
        connection.execute(delete(evaluation_files).where(evaluation_files.c.id.in_(ids)))
    for verdict in changed:
        where = evaluation_files.c.path == verdict.path
        connection.execute(update(evaluation_files).where(where).values(**verdict.row, imported_at=now()))
    _add_versions(connection, verdicts, stored)
    insert_rows(connection, evaluation_files, ({**verdict.row, "imported_at": now()} for verdict in new))
    _write_values(connection, [*new, *changed])
    added = {verdict.file for verdict in new} - set(map(file_of, stored))
    return len(added), len({verdict.file for verdict in [*new, *changed]} - added)


def _differs(verdict: Verdict, stored: AnyRow) -> bool:
    return any(getattr(stored, key) != value for key, value in verdict.row.items() if key != "versions")


def _add_versions(connection: Connection, verdicts: Sequence[Verdict], stored: Mapping[str, AnyRow]) -> None:
    """Add the versions of tasks to files that an older seenat imported, which are the same otherwise."""
    for verdict in verdicts:
        if verdict.versions and verdict.path in stored and stored[verdict.path].versions is None:
            where = evaluation_files.c.path == verdict.path
            connection.execute(update(evaluation_files).where(where).values(versions=verdict.versions))


def _outdated(stored: Mapping[str, AnyRow], verdicts: Sequence[Verdict]) -> list[AnyRow]:
    """Rows about files that are read now, but under other paths.

    Either the file had other numbers of examples, or it was imported under a path without its release's folder.
    """
    paths, files = {verdict.path for verdict in verdicts}, {verdict.file for verdict in verdicts}
    of_release = {(verdict.sha256, end) for verdict in verdicts for end in _ends_below_release(verdict.file)}
    return [
        row
        for path, row in stored.items()
        if path not in paths and (file_of(path) in files or (row.sha256, path) in of_release)
    ]


def _ends_below_release(file: str) -> Iterator[str]:
    first, *parts = file.split("/")
    return ("/".join(parts[start:]) for start in range(len(parts)) if first in RELEASES)


def _write_values(connection: Connection, verdicts: Sequence[Verdict]) -> None:
    ids = {row.path: row.id for row in connection.execute(select(evaluation_files.c.path, evaluation_files.c.id))}
    rows = (
        {"file_id": ids[verdict.path], "task": task, "metric": metric, "value": value}
        for verdict in verdicts
        for (task, metric), value in (verdict.values or {}).items()
    )
    insert_rows(connection, evaluations, rows)
