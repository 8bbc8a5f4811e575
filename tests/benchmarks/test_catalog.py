"""The plan of every query that the documents show: on both databases none reads a big table from one end to the other."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import text

from seenat.registry.catalog.catalog import Catalog

ROOT = Path(__file__).parents[2]
ONSETS = 32_000


@pytest.fixture
def material(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The catalog of the benchmark, and its questions; neither is installed with seenat."""
    monkeypatch.syspath_prepend(ROOT)
    parts = ("full_catalog", "catalog_questions")
    yield SimpleNamespace(**{part: importlib.import_module(f"benchmarks.material.{part}") for part in parts})
    for name in [name for name in sys.modules if name.partition(".")[0] == "benchmarks"]:
        del sys.modules[name]


def test_the_plans_of_documented_queries_use_indexes(catalog: Catalog, material: Any) -> None:
    full, asking = material.full_catalog, material.catalog_questions
    filled = full.fill(catalog, ONSETS, batches=2000, blocks_a_row=20)
    full.analyze(catalog.database)
    questions = [*asking.sql_questions(catalog.database), *asking.result_questions(catalog.database, filled)]
    plans: dict[str, list[str]] = {}
    for question in questions:
        with asking.asked() as statements:
            assert question.ask(), question.name
        with catalog.database.read() as connection:
            for statement in statements:
                plans.setdefault(question.name, []).extend(asking.plan_of(connection, statement))
    assert len(plans) == 17
    assert {name: plan for name, plan in plans.items() if asking.read_whole(plan)} == {}
    # What the check is worth: without its index, a query reads all checkpoints, and this is seen.
    with catalog.database.write() as connection:
        connection.execute(text("DROP INDEX ix_checkpoints_status"))
        connection.execute(text("DROP INDEX ix_checkpoints_step"))
    with asking.asked() as statements, catalog.database.read() as connection:
        connection.execute(text("SELECT step FROM checkpoints WHERE status = 'wrong'")).all()
    with catalog.database.read() as connection:
        assert asking.read_whole(asking.plan_of(connection, statements[0])) == {"checkpoints"}
