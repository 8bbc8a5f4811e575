"""What is made once a run of the tests, by whichever worker asks first, and read or copied by all."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from seenat.registry.storage.locks import exclusive

__all__ = ["copied_once", "made_once"]


def made_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], object]) -> Path:
    """A folder that `make` fills, which no test may change; other workers wait for the one that makes it."""
    base = factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        base = base.parent  # Of the whole run; each worker has a folder of its own in it.
    folder, complete = base / name, base / f"{name}.complete"
    with exclusive(base / f"{name}.lock"):
        if not complete.exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            make(folder)
            complete.touch()
    return folder


def copied_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], object]) -> Path:
    """A copy of such a folder, which the tests of this worker may change."""
    own = factory.mktemp(f"own-{name}")
    shutil.copytree(made_once(factory, name, make), own, symlinks=True, dirs_exist_ok=True)
    return own
