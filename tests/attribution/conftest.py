"""A catalog with the pocket suite and the index of its order."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import seenat


@pytest.fixture(scope="session")
def pocket(tmp_path_factory: pytest.TempPathFactory, pocket_manifest: Path) -> Iterator[seenat.Catalog]:
    """The pocket suite with an index of window 8 over all of its order; nobody adds to it."""
    with seenat.open(str(tmp_path_factory.mktemp("indexed") / "catalog.sqlite")) as catalog:
        catalog.register(pocket_manifest)
        catalog.index.build("pocket-order", shard_batches=200)
        yield catalog
