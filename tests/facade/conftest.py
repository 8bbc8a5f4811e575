"""Catalogs as users open them: of what ships with seenat, and with a measured pocket suite."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

import seenat
from seenat.registry.catalog.catalog import Catalog as RegistryCatalog


@pytest.fixture(scope="session")
def shared_catalog(catalog_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RegistryCatalog]:
    """The registry's catalog of what ships; nobody writes to it."""
    with RegistryCatalog.open(str(shutil.copy(catalog_file, tmp_path_factory.mktemp("shipped")))) as opened:
        yield opened


@pytest.fixture(scope="session")
def pocket(tmp_path_factory: pytest.TempPathFactory, pocket_file: Path) -> Iterator[seenat.Catalog]:
    """A catalog whose smallest pocket model is measured over 1,024 sequences at five checkpoints, also unseen; 3 seconds."""
    with seenat.open(str(shutil.copy(pocket_file, tmp_path_factory.mktemp("pocket")))) as catalog:
        catalog.memorize("pocket-230k", steps=[0, 64, 128, 256, 384], sequences="0:1024", unseen=True)
        yield catalog
