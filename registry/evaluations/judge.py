"""What becomes of each file of benchmark results: *imported*, or *quarantined* with the reason.

A file is quarantined when it contradicts itself (`seenat.registry.evaluations.harness_files`), its model is not in the catalog or
has another shape, its step is not in the model's run, or later runs of the same model, step and number of examples beside it
hold all of its numbers. A file whose tasks have different numbers of examples gives several verdicts, all imported.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import Any

from seenat.registry.catalog.catalog import Catalog
from seenat.registry.catalog.models import Model
from seenat.registry.errors import InvalidValue, UnknownModel
from seenat.registry.evaluations.harness_files import EvaluationRun, read_runs
from seenat.registry.evaluations.rejected import Rejected, shown
from seenat.registry.storage.digests import sha256_of_bytes

__all__ = ["Judge", "Verdict", "file_of", "without_repetitions"]

# Between the path of a file and the number of examples, where it holds several.
_PART = "#"
_PART_OF_FILE = re.compile(rf"{_PART}[0-9]+-shot$")
# Characters that the catalog has room for.
_LONGEST_PATH = 300


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What becomes of a file, or of the tasks in it that have one number of examples."""

    file: str
    """Its path, as text that every database takes."""
    sha256: str
    status: str
    reason: str | None
    part: bool = False
    """Whether other verdicts are about the rest of the file."""
    model_id: int | None = None
    step: int | None = None
    shots: int | None = None
    timestamp: str = ""
    values: Mapping[tuple[str, str], float] | None = None
    versions: Mapping[str, str] | None = None
    """Of the tasks that state one; None where none does."""

    @property
    def path(self) -> str:
        """Under which it is in the catalog."""
        return f"{self.file}{_PART}{self.shots}-shot" if self.part else self.file

    @property
    def row(self) -> dict[str, Any]:
        """Of the table of files."""
        return {
            "path": self.path,
            "sha256": self.sha256,
            "status": self.status,
            "reason": self.reason,
            "model_id": self.model_id,
            "step": self.step,
            "shots": self.shots,
            "versions": self.versions,
        }


def file_of(path: str) -> str:
    """The file that a path in the catalog is about, or about a part of."""
    return _PART_OF_FILE.sub("", path)


class Judge:
    """Decides what becomes of each file; looks up each name once."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._known: dict[str, Model | None] = {}

    def verdicts(self, path: PurePosixPath, data: bytes | Rejected) -> list[Verdict]:
        """What becomes of a file by itself, given by its bytes or why it has none."""
        file = _text_of(path)
        digest = sha256_of_bytes(b"" if isinstance(data, Rejected) else data)
        outcome = data if isinstance(data, Rejected) else self._placed_runs(path, data)
        if isinstance(outcome, Rejected):
            return [Verdict(file=file, sha256=digest, status="quarantined", reason=outcome.reason)]
        return [
            Verdict(
                file=file,
                sha256=digest,
                status="imported",
                reason=run.note,
                part=len(outcome) > 1,
                model_id=model.id,
                step=step,
                shots=run.shots,
                timestamp=run.timestamp,
                values=run.values,
                versions=run.versions or None,
            )
            for run, model, step in outcome
        ]

    def _placed_runs(self, path: PurePosixPath, data: bytes) -> list[tuple[EvaluationRun, Model, int]] | Rejected:
        runs = read_runs(path, data)
        if isinstance(runs, Rejected):
            return runs
        placed = self._placed(runs[0])  # Runs of one file differ in nothing else than their examples.
        return placed if isinstance(placed, Rejected) else [(run, *placed) for run in runs]

    def _placed(self, run: EvaluationRun) -> tuple[Model, int] | Rejected:
        """The model and step of a run."""
        model, of_folder = self._model(run.model), self._first_known(run.folder_models)
        if model is None:
            return Rejected(reason=f"the catalog has no model {run.model!r:.120}")
        if of_folder is not None and of_folder.id != model.id:
            return Rejected(reason=f"it lies in the folder of {of_folder.name}, but is a run of {model.name}")
        return (
            self._of_owner(run, model)
            or self._of_release(run, model)
            or self._of_shape(run, model)
            or self._at_step(run, model)
        )

    def _of_owner(self, run: EvaluationRun, model: Model) -> Rejected | None:
        owner, repository = run.model.rpartition("/")[0], model.repository
        if not owner or repository is None or owner.lower() == repository.partition("/")[0].lower():
            return None
        return Rejected(
            reason=f"it measured {shown(run.model)}, and {model.name} is {repository}: their weights may differ"
        )

    def _of_release(self, run: EvaluationRun, model: Model) -> Rejected | None:
        namesake = self._model(run.namesake) if run.namesake else None
        if namesake is None or namesake.id == model.id:
            return None
        return Rejected(
            reason=f"it may be of {model.name} or of {namesake.name}: only a folder pythia-v0 or pythia-v1 above that of the "
            "model says of which release a GPT-NeoX run is"
        )

    def _of_shape(self, run: EvaluationRun, model: Model) -> Rejected | None:
        for name, value in run.shape.items():
            known = model.architecture.get(name)
            if known is not None and known != value:
                return Rejected(reason=f"its configuration has {value} {name}, and {model.name} has {known}")
        return None

    def _at_step(self, run: EvaluationRun, model: Model) -> tuple[Model, int] | Rejected:
        labels = model.schedule.labels_per_step if run.is_label else 1
        step, rest = divmod(run.number, labels)
        if rest or step > model.schedule.steps:
            last = model.schedule.label(model.schedule.steps) if run.is_label else model.schedule.steps
            return Rejected(reason=f"{model.name} has no step {run.number}: its run goes to {last}")
        return model, step

    def _first_known(self, names: Iterable[str]) -> Model | None:
        return next(filter(None, map(self._model, names)), None)

    def _model(self, name: str) -> Model | None:
        if name not in self._known:
            self._known[name] = next(filter(None, map(self._look_up, _spellings(name))), None)
        return self._known[name]

    def _look_up(self, name: str) -> Model | None:
        try:
            return self._catalog.model(name) if name.isprintable() else None
        except (UnknownModel, InvalidValue):  # A name that has meant several models names none.
            return None


def _spellings(name: str) -> Iterable[str]:
    """A name as written, without its owner, and without the mark of the first models of the second release."""
    plain = name.rpartition("/")[2]
    return dict.fromkeys((name, plain, plain.replace("pythia-v1.1-", "pythia-")))


def _text_of(path: PurePosixPath) -> str:
    """A path as text that the catalog has room for.

    What is no UTF-8 in it is escaped. Such a path, and the end of one that is too long, comes after a digest, so that no two are
    the same.
    """
    text = bytes(path).decode("utf-8", "backslashreplace")
    room = _LONGEST_PATH - len(f"{_PART}9999-shot")
    if len(text) <= room and text == str(path):
        return text
    digest = sha256_of_bytes(bytes(path)).rpartition(":")[2][:16]
    return f"{digest}...{text[-(room - len(digest) - len('...')) :]}"


def without_repetitions(verdicts: Sequence[Verdict]) -> list[Verdict]:
    """Of several runs of one checkpoint in one folder with one number of examples, only the latest of each number stays."""
    groups: dict[tuple[object, ...], list[Verdict]] = defaultdict(list)
    for verdict in verdicts:
        if verdict.status == "imported":
            groups[PurePosixPath(verdict.file).parent, verdict.model_id, verdict.step, verdict.shots].append(verdict)
    superseded = {path: reason for group in groups.values() for path, reason in _superseded(group).items()}
    return [
        replace(verdict, status="quarantined", reason=superseded[verdict.path], values=None, versions=None)
        if verdict.path in superseded
        else verdict
        for verdict in verdicts
    ]


def _superseded(group: Sequence[Verdict]) -> dict[str, str]:
    """The runs all of whose numbers later runs hold too, with the reason."""
    reasons: dict[str, str] = {}
    later: dict[tuple[str, str], str] = {}
    for verdict in sorted(group, key=lambda verdict: (verdict.timestamp, verdict.path), reverse=True):
        values = verdict.values or {}
        if values.keys() <= later.keys():
            name = PurePosixPath(later[next(iter(values))]).name
            reasons[verdict.path] = (
                f"{shown(name)} beside it is a later run of the same model, step and number of examples"
            )
        else:
            later |= dict.fromkeys(values.keys() - later.keys(), verdict.file)
    return reasons
