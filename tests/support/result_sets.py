"""Result sets in a catalog, for the tests of what others published."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from seenat.memorization.published.result_sets import ResultSet, result_sets_of
from seenat.registry.catalog.catalog import Catalog
from seenat.registry.catalog.specs import CheckpointSpec, ModelSpec, SuiteSpec
from seenat.registry.schedule import Schedule
from seenat.registry.suites.write import write_suite

__all__ = ["contents", "record_model", "result_set"]


def result_set(catalog: Catalog, name: str) -> ResultSet:
    """The only result set of a model."""
    with catalog.database.read() as connection:
        (found,) = result_sets_of(catalog.database, connection, [catalog.model(name).id])
    return found


def contents(folder: Path) -> list[Path]:
    """All files below a folder."""
    return sorted(path for path in folder.rglob("*") if path.is_file())


def record_model(catalog: Catalog, name: str, saved: Sequence[int] = (0, 6, 12)) -> None:
    """A model of 12 steps of 8 sequences."""
    schedule = Schedule(sequences_per_batch=8, steps=12, saved=tuple(saved))
    checkpoints = tuple(CheckpointSpec(step=step) for step in saved)
    facts = ModelSpec(name=name, order=None, schedule=schedule, checkpoints=checkpoints)
    with catalog.database.write() as connection:
        write_suite(connection, SuiteSpec(name="small", origin="test", orders=(), models=(facts,)))
