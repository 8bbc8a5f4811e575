"""The pocket suite, registered: with an index of its order, and its smallest model."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

import seenat
from seenat.registry.catalog.catalog import Catalog
from seenat.registry.open import open_catalog

MODEL = "pocket-230k"


@pytest.fixture(autouse=True, scope="session")
def _one_thread() -> None:
    if find_spec("torch"):
        import torch

        torch.set_num_threads(1)


@pytest.fixture(scope="session")
def registered(pocket_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of a catalog in which the pocket suite is registered, and nothing measured."""
    return Path(shutil.copy(pocket_file, tmp_path_factory.mktemp("registered")))


@pytest.fixture
def registry(registered: Path, tmp_path: Path) -> Iterator[Catalog]:
    """A catalog of its own, which a test may change."""
    with open_catalog(str(shutil.copy(registered, tmp_path / "catalog.sqlite"))) as catalog:
        yield catalog


@pytest.fixture(scope="module")
def public(registered: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[seenat.Catalog]:
    """The public catalog over the same."""
    with seenat.open(str(shutil.copy(registered, tmp_path_factory.mktemp("public") / "catalog.sqlite"))) as catalog:
        yield catalog


@pytest.fixture(scope="session")
def rows(pocket_manifest: Path) -> npt.NDArray[np.int64]:
    """All sequences of the pocket order, int64 [3,584, 65]."""
    ids = np.fromfile(pocket_manifest.parent / "document.bin", "<u2")
    return ids.reshape(-1, 65).astype(np.int64)


@pytest.fixture(scope="session")
def pocket(tmp_path_factory: pytest.TempPathFactory, pocket_file: Path) -> Iterator[seenat.Catalog]:
    """The pocket suite with an index of window 8 over all of its order; nobody adds to it."""
    with seenat.open(str(shutil.copy(pocket_file, tmp_path_factory.mktemp("indexed")))) as catalog:
        catalog.index.build("pocket-order", shard_batches=200)
        yield catalog
