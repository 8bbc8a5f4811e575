"""Small catalogs for importing evaluations."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.evaluations import model, record

from seenat.registry.catalog.catalog import Catalog


@pytest.fixture
def small(sqlite_catalog: Catalog) -> Catalog:
    """A catalog with a model, its namesake of the first release, a batch ablation and an intervention."""
    record(
        sqlite_catalog,
        model("pythia-9m", aliases=("pythia-v1.1-9m",)),
        model("pythia-9m-v0", labels=2, steps=71_500),
        model("pythia-9m-0.5MtokBS", steps=572_000),
        model("pythia-intervention-9m", aliases=("intervention-pythia-v1.1-9m",)),
    )
    return sqlite_catalog


@pytest.fixture
def evals(tmp_path: Path) -> Path:
    return tmp_path / "evals"
