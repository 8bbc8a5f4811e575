"""Importing a folder of published benchmark results.

A file is *imported*, with every number it holds, or *quarantined*, with the reason: it contradicts itself
(`seenat.registry.evaluations.harness_files`), its model is not in the catalog, its step not in the model's run, or a later run of
the same model, step and number of examples lies beside it. Either way its path and sha256 are kept.

Importing reads every file, judges it by the catalog of now, and writes only what differs from before: again, it adds
nothing; a file that changed is replaced; one whose model was unknown is taken once the catalog has the model. All of it is
one transaction. Files that are gone stay as they were imported.

Paths are kept relative to the folder `evals` above the files, if there is one, so that a part of it can be imported alone.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

from sqlalchemy import Connection, delete, select, update

from seenat.registry.answer import Answer
from seenat.registry.catalog.catalog import Catalog
from seenat.registry.catalog.models import Model
from seenat.registry.database.rows import insert_rows, now, pieces
from seenat.registry.database.tables.imports import evaluation_files, evaluations
from seenat.registry.errors import InvalidValue, UnknownModel
from seenat.registry.evaluations.duplicate_runs import DuplicateRun, record_coincidences
from seenat.registry.evaluations.harness_files import EvaluationRun, Rejected, read_run
from seenat.registry.storage.digests import sha256_of_bytes

__all__ = ["EvaluationImport", "Quarantined", "import_evaluations"]

_ROOT = "evals"


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


@dataclass(frozen=True, kw_only=True)
class _Verdict:
    """What becomes of a file."""

    path: str
    sha256: str
    status: str
    reason: str | None
    model_id: int | None = None
    step: int | None = None
    shots: int | None = None
    timestamp: str = ""
    values: dict[tuple[str, str], float] | None = None

    @property
    def row(self) -> dict[str, Any]:
        return {
            "path": self.path,
            "sha256": self.sha256,
            "status": self.status,
            "reason": self.reason,
            "model_id": self.model_id,
            "step": self.step,
            "shots": self.shots,
        }


def import_evaluations(
    catalog: Catalog, folder: Path, progress: Callable[[int, int], None] = lambda done, total: None
) -> EvaluationImport:
    """Import every .json file under a folder; `progress` gets the number of files read and of all.

    Raises `InvalidValue` for a folder without such files.
    """
    folder = folder.absolute()
    files = sorted(path for path in folder.rglob("*.json") if path.is_file())
    if not files:
        raise InvalidValue(f"{folder} holds no .json files; give the folder evals of a clone of EleutherAI/pythia.")
    judge = _Judge(catalog)
    verdicts = []
    for place, file in enumerate(files, 1):
        verdicts.append(judge.verdict(PurePosixPath(file.relative_to(_root(folder)).as_posix()), file.read_bytes()))
        progress(place, len(files))
    verdicts = _without_repetitions(verdicts)
    with catalog.database.write() as connection:
        added, replaced = _write(connection, verdicts)
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


def _root(folder: Path) -> Path:
    """The folder `evals` that a folder is or lies in; else its parent, so that its own name is part of each path."""
    return next((parent for parent in (folder, *folder.parents) if parent.name == _ROOT), folder.parent)


class _Judge:
    """Decides what becomes of each file; looks up each name once."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._known: dict[str, Model | None] = {}

    def verdict(self, path: PurePosixPath, data: bytes) -> _Verdict:
        """What becomes of a file by itself."""
        digest = sha256_of_bytes(data)
        run = read_run(path, data)
        placed = self._placed(run) if isinstance(run, EvaluationRun) else run
        if isinstance(placed, Rejected) or isinstance(run, Rejected):
            reason = placed.reason if isinstance(placed, Rejected) else ""
            return _Verdict(path=str(path), sha256=digest, status="quarantined", reason=reason)
        model, step = placed
        return _Verdict(
            path=str(path),
            sha256=digest,
            status="imported",
            reason=run.note,
            model_id=model.id,
            step=step,
            shots=run.shots,
            timestamp=run.timestamp,
            values=run.values,
        )

    def _placed(self, run: EvaluationRun) -> tuple[Model, int] | Rejected:
        """The model and step of a run."""
        model = self._model(run.model)
        if model is None:
            return Rejected(reason=f"the catalog has no model {run.model!r:.120}")
        of_folder = self._model(run.folder_model) if run.folder_model else None
        if of_folder is not None and of_folder.id != model.id:
            return Rejected(reason=f"it lies in the folder of {of_folder.name}, but is a run of {model.name}")
        labels = model.schedule.labels_per_step if run.is_label else 1
        step, rest = divmod(run.number, labels)
        if rest or step > model.schedule.steps:
            last = model.schedule.label(model.schedule.steps) if run.is_label else model.schedule.steps
            return Rejected(reason=f"{model.name} has no step {run.number}: its run goes to {last}")
        return model, step

    def _model(self, name: str) -> Model | None:
        if name not in self._known:
            self._known[name] = next(filter(None, map(self._look_up, _spellings(name))), None)
        return self._known[name]

    def _look_up(self, name: str) -> Model | None:
        try:
            return self._catalog.model(name)
        except (UnknownModel, InvalidValue):  # A name that has meant several models names none.
            return None


def _spellings(name: str) -> Iterable[str]:
    """A name as written, without its owner, and without the mark of the first models of the second release."""
    plain = name.rpartition("/")[2]
    return dict.fromkeys((name, plain, plain.replace("pythia-v1.1-", "pythia-")))


def _without_repetitions(verdicts: Sequence[_Verdict]) -> list[_Verdict]:
    """Of several runs of one checkpoint in one folder with one number of examples, only the latest stays imported."""
    groups: dict[tuple[object, ...], list[_Verdict]] = defaultdict(list)
    for verdict in verdicts:
        if verdict.status == "imported":
            groups[PurePosixPath(verdict.path).parent, verdict.model_id, verdict.step, verdict.shots].append(verdict)
    superseded = {}
    for group in groups.values():
        latest = max(group, key=lambda verdict: (verdict.timestamp, verdict.path))
        name = PurePosixPath(latest.path).name
        for verdict in group:
            if verdict is not latest:
                superseded[verdict.path] = (
                    f"{name} beside it is a later run of the same model, step and number of examples"
                )
    return [
        replace(verdict, status="quarantined", reason=superseded[verdict.path], values=None)
        if verdict.path in superseded
        else verdict
        for verdict in verdicts
    ]


def _write(connection: Connection, verdicts: Sequence[_Verdict]) -> tuple[int, int]:
    """Write what differs from what is stored; returns how many files are new and how many changed."""
    stored = {row.path: row for row in connection.execute(select(evaluation_files))}
    new = [verdict for verdict in verdicts if verdict.path not in stored]
    read_before = [verdict for verdict in verdicts if verdict.path in stored]
    changed = [
        verdict
        for verdict in read_before
        if verdict.row != {key: getattr(stored[verdict.path], key) for key in verdict.row}
    ]
    for ids in pieces(stored[verdict.path].id for verdict in changed):
        connection.execute(delete(evaluations).where(evaluations.c.file_id.in_(ids)))
    for verdict in changed:
        where = evaluation_files.c.path == verdict.path
        connection.execute(update(evaluation_files).where(where).values(**verdict.row, imported_at=now()))
    insert_rows(connection, evaluation_files, ({**verdict.row, "imported_at": now()} for verdict in new))
    _write_values(connection, [*new, *changed])
    return len(new), len(changed)


def _write_values(connection: Connection, verdicts: Sequence[_Verdict]) -> None:
    ids = {row.path: row.id for row in connection.execute(select(evaluation_files.c.path, evaluation_files.c.id))}
    rows = (
        {"file_id": ids[verdict.path], "task": task, "metric": metric, "value": value}
        for verdict in verdicts
        for (task, metric), value in (verdict.values or {}).items()
    )
    insert_rows(connection, evaluations, rows)
