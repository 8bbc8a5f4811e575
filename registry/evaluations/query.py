"""Imported benchmark results of a model, by task, number of examples, metric and step.

The harness writes a number and its standard error as two metrics, `acc` and `acc_stderr` (from version 0.4 on `acc,none` and
`acc_stderr,none`); here they are one row. Where several files hold the same number of one checkpoint, the one in a folder
`zero-shot` or `five-shot` is the row's value, or else the latest, and the others are its repetitions.

The baselines of the intervention study are a *series* of their own, with rows of their own: one of them contradicts the
zero-shot run of the same checkpoint (`seenat.registry.evaluations.duplicate_runs`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import ClassVar

from sqlalchemy import Connection, select

from seenat.registry.answer import Answer, TableAnswer
from seenat.registry.catalog.catalog import Catalog
from seenat.registry.catalog.models import Model
from seenat.registry.database.tables.catalog import checkpoints, evidence
from seenat.registry.database.tables.imports import evaluation_files, evaluations
from seenat.registry.errors import NotMeasured
from seenat.registry.evaluations.duplicate_runs import COINCIDENCE_SOURCE

__all__ = ["BenchmarkValue", "Benchmarks", "Remark", "benchmarks"]

_ERROR = "_stderr"
_FIRST = ("zero-shot", "five-shot")
# Folders whose runs are kept apart from all others.
_APART = ("baseline",)

_OF_FILE = [evaluation_files.c[name] for name in ("path", "step", "shots", "versions")]

# Task, metric, number of examples, step and series.
_Key = tuple[str, str, int, int, str | None]


@dataclass(frozen=True, kw_only=True)
class BenchmarkValue(Answer):
    """One number of one checkpoint."""

    json_names = (
        "task",
        "metric",
        "shots",
        "step",
        "value",
        "stderr=error",
        "file",
        "repetitions",
        "series",
        "version",
    )
    json_only_with: ClassVar[Mapping[str, str]] = {"series": "series", "version": "version"}

    task: str
    metric: str
    shots: int
    step: int
    value: float
    error: float | None
    """Standard error, where the file states it."""
    file: str
    repetitions: tuple[float, ...]
    """The same number in other files."""
    series: str | None = None
    """`baseline` where it is one of the intervention study's; None for all other runs."""
    version: str | None = None
    """Of the task, where the file states it."""


@dataclass(frozen=True, kw_only=True)
class Remark(Answer):
    """What comparing all results showed about a checkpoint."""

    step: int
    kind: str
    """`audit` or `identity`."""
    status: str | None
    statement: str


@dataclass(frozen=True, kw_only=True)
class Benchmarks(TableAnswer):
    """Results of a model."""

    json_names = ("model", "results=values", "remarks")
    table_field = "values"

    model: str
    values: tuple[BenchmarkValue, ...]
    """By task, metric, number of examples, series and step."""
    remarks: tuple[Remark, ...]
    """About the checkpoints that occur in `values`, by step."""


def benchmarks(
    catalog: Catalog, model: Model, *, task: str | None = None, metric: str | None = None, shots: int | None = None
) -> Benchmarks:
    """A model's results, all or those of a task (a shell pattern such as `hendrycksTest-*`), a metric, a number of examples.

    A metric without a filter, `acc`, is also that of every filter, `acc,none`.

    Raises `NotMeasured` when there is none.
    """
    with catalog.database.read() as connection:
        results = _values(connection, model, shots)
        chosen = [result for result in results if _fits(result, task, metric)]
        if not chosen:
            raise _nothing(model, results, task, metric, shots)
        remarks = _remarks(connection, model, {result.step for result in chosen})
    chosen.sort(key=lambda result: (result.task, result.metric, result.shots, result.series or "", result.step))
    return Benchmarks(model=model.name, values=tuple(chosen), remarks=remarks)


def _fits(value: BenchmarkValue, task: str | None, metric: str | None) -> bool:
    metrics = (None, value.metric, value.metric.partition(",")[0])
    return (task is None or fnmatchcase(value.task, task)) and metric in metrics


def _values(connection: Connection, model: Model, shots: int | None) -> list[BenchmarkValue]:
    query = (
        select(*_OF_FILE, evaluations)
        .join(evaluations, evaluations.c.file_id == evaluation_files.c.id)
        .where(evaluation_files.c.model_id == model.id, evaluation_files.c.status == "imported")
    )
    if shots is not None:
        query = query.where(evaluation_files.c.shots == shots)
    numbers: dict[_Key, dict[str, float]] = defaultdict(dict)
    versions: dict[str, Mapping[str, str]] = {}
    for row in connection.execute(query):
        series = next((part for part in row.path.split("/") if part in _APART), None)
        numbers[row.task, row.metric, row.shots, row.step, series][row.path] = row.value
        versions[row.path] = row.versions or {}
    return [
        _value(key, files, numbers.get((key[0], _error_of(key[1]), *key[2:]), {}), versions)
        for key, files in numbers.items()
        if not _is_error(key[1])
    ]


def _is_error(metric: str) -> bool:
    return metric.partition(",")[0].endswith(_ERROR)


def _error_of(metric: str) -> str:
    """The metric that is another one's standard error: `acc_stderr`, `acc_stderr,none`."""
    name, comma, filtered = metric.partition(",")
    return f"{name}{_ERROR}{comma}{filtered}"


def _value(
    key: _Key, files: Mapping[str, float], errors: Mapping[str, float], versions: Mapping[str, Mapping[str, str]]
) -> BenchmarkValue:
    task, metric, shots, step, series = key
    path, *others = sorted(sorted(files, reverse=True), key=lambda file: not set(_FIRST) & set(file.split("/")))
    return BenchmarkValue(
        task=task,
        metric=metric,
        shots=shots,
        step=step,
        value=files[path],
        error=errors.get(path),
        file=path,
        repetitions=tuple(files[other] for other in others),
        series=series,
        version=versions[path].get(task),
    )


def _remarks(connection: Connection, model: Model, steps: set[int]) -> tuple[Remark, ...]:
    rows = connection.execute(
        select(checkpoints.c.step, evidence)
        .join(evidence, evidence.c.checkpoint_id == checkpoints.c.id)
        .where(
            checkpoints.c.model_id == model.id,
            checkpoints.c.step.in_(steps),
            evidence.c.source == COINCIDENCE_SOURCE,
        )
        .order_by(checkpoints.c.step, evidence.c.statement)
    )
    return tuple(Remark(step=row.step, kind=row.kind, status=row.status, statement=row.statement) for row in rows)


def _nothing(
    model: Model, results: list[BenchmarkValue], task: str | None, metric: str | None, shots: int | None
) -> NotMeasured:
    if not results:
        examples = "" if shots is None else f" with {shots} examples"
        return NotMeasured(
            f"No benchmark results of {model.name}{examples} are in the catalog; `seenat import evals FOLDER` reads those of "
            "a clone of EleutherAI/pythia."
        )
    tasks = sorted({result.task for result in results})
    fitting = [result for result in results if _fits(result, task, None)]
    if fitting:
        metrics = sorted({result.metric for result in fitting})
        return NotMeasured(f"{model.name} has no metric {metric} there, but {', '.join(metrics)}.", metrics)
    nearest = get_close_matches(task or "", tasks, n=3, cutoff=0.3) or tasks[:3]
    return NotMeasured(
        f"{model.name} has no results of a task {task}; there are {', '.join(nearest)} and others.", nearest
    )
