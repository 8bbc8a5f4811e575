"""Models for evaluations, and what a catalog holds of files."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import select

from seenat.registry.catalog.catalog import Catalog
from seenat.registry.catalog.models import AliasSpec
from seenat.registry.catalog.specs import CheckpointSpec, ModelSpec, SuiteSpec
from seenat.registry.database.tables.catalog import models
from seenat.registry.database.tables.imports import evaluation_files, evaluations
from seenat.registry.evaluations.importer import EvaluationImport, import_evaluations
from seenat.registry.schedule import Schedule
from seenat.registry.suites.write import write_suite

__all__ = ["imported", "model", "quarantined", "record", "stored_values"]


def model(name: str, *, labels: int = 1, steps: int = 143_000, aliases: tuple[str, ...] = ()) -> ModelSpec:
    saved = tuple(range(0, steps + 1, steps // 143))
    return ModelSpec(
        name=name,
        order=None,
        schedule=Schedule(sequences_per_batch=1024 * labels, steps=steps, saved=saved, labels_per_step=labels),
        aliases=tuple(AliasSpec(name=alias) for alias in aliases),
        checkpoints=tuple(CheckpointSpec(step=step) for step in saved),
    )


def record(catalog: Catalog, *facts: ModelSpec, suite: str = "small") -> None:
    with catalog.database.write() as connection:
        write_suite(connection, SuiteSpec(name=suite, origin="test", orders=(), models=facts))


def imported(catalog: Catalog, folder: Path) -> dict[str, tuple[str, int]]:
    """The model and step of each imported file, by path."""
    import_evaluations(catalog, folder)
    with catalog.database.read() as connection:
        rows = connection.execute(
            select(evaluation_files, models.c.name).join(models, models.c.id == evaluation_files.c.model_id)
        )
        return {row.path: (row.name, row.step) for row in rows if row.status == "imported"}


def quarantined(done: EvaluationImport) -> dict[str, str]:
    return {one.path: one.reason for one in done.quarantined}


def stored_values(catalog: Catalog) -> dict[str, dict[tuple[str, str], float]]:
    with catalog.database.read() as connection:
        rows = connection.execute(
            select(evaluation_files.c.path, evaluations).join(
                evaluations, evaluations.c.file_id == evaluation_files.c.id
            )
        )
        outcome: dict[str, dict[tuple[str, str], float]] = {}
        for row in rows:
            outcome.setdefault(row.path, {})[row.task, row.metric] = row.value
        return outcome
