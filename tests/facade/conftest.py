"""Catalogs as users open them: of what ships with seenat, and with a measured pocket suite."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import seenat
from seenat.registry.catalog.catalog import Catalog as RegistryCatalog


@pytest.fixture(scope="session")
def shipped_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("shipped") / "catalog.sqlite"
    seenat.open(str(path)).close()
    return path


@pytest.fixture(scope="session")
def shared_catalog(shipped_path: Path) -> Iterator[RegistryCatalog]:
    """The registry's catalog of what ships; nobody writes to it."""
    with RegistryCatalog.open(str(shipped_path)) as opened:
        yield opened


@pytest.fixture(scope="session")
def pocket(tmp_path_factory: pytest.TempPathFactory, pocket_manifest: Path) -> Iterator[seenat.Catalog]:
    """A catalog whose smallest pocket model is measured over 1,024 sequences at five checkpoints, also unseen; 3 seconds."""
    with seenat.open(str(tmp_path_factory.mktemp("pocket") / "catalog.sqlite")) as catalog:
        catalog.register(pocket_manifest)
        catalog.memorize("pocket-230k", steps=[0, 64, 128, 256, 384], sequences="0:1024", unseen=True)
        yield catalog
