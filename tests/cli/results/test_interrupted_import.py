"""Ctrl-C while importing: exit 130, no traceback, and nothing of what was begun. About 10 seconds."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import func, select
from support.published import hub_run, numbers, write_json, write_rows

from seenat.memorization.results.measurements import results_folder
from seenat.registry.database.tables.imports import evaluation_files, result_sets
from seenat.registry.open import open_catalog

OPEN_FILES = Path("/proc")
SECONDS = 60.0

pytestmark = pytest.mark.skipif(not OPEN_FILES.is_dir(), reason="shows which files a process has open")


@pytest.fixture
def environment(tmp_path: Path, catalog_file: Path) -> Mapping[str, str]:
    """That of a command on a catalog of its own, which exists."""
    url = str(shutil.copy(catalog_file, tmp_path))
    return {**os.environ, "SEENAT_DATABASE_URL": url, "HF_HOME": str(tmp_path / "hf")}


def interrupted(environment: Mapping[str, str], file: Path, *args: str) -> tuple[int, str]:
    """Start a command, interrupt it as soon as it has a file open; returns its exit code and what it wrote to stderr."""
    command = [sys.executable, "-m", "seenat", *args]
    process = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
    began = time.monotonic()
    while process.poll() is None and not _has_open(process.pid, file):
        assert time.monotonic() - began < SECONDS
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=SECONDS)
    return process.returncode, errors


def _has_open(process: int, file: Path) -> bool:
    try:
        return any(link.readlink() == file for link in (OPEN_FILES / str(process) / "fd").iterdir())
    except OSError:
        return False


def test_evaluations(environment: Mapping[str, str], tmp_path: Path) -> None:
    first = write_json(tmp_path / "evals" / "0.json", hub_run("EleutherAI/pythia-70m", 1000, numbers(1)))
    for place in range(1, 6000):
        shutil.copy(first, first.with_name(f"{place}.json"))
    code, errors = interrupted(environment, tmp_path / "catalog.sqlite", "import", "evals", str(tmp_path / "evals"))
    assert (code, "Traceback" in errors) == (-signal.SIGINT, False), errors
    with open_catalog(environment["SEENAT_DATABASE_URL"]) as catalog, catalog.database.read() as connection:
        assert connection.execute(select(func.count()).select_from(evaluation_files)).scalar_one() == 0


def test_memorized_sequences(environment: Mapping[str, str], tmp_path: Path) -> None:
    file = write_rows(tmp_path / "my.parquet", index=np.arange(20_000_000))
    code, errors = interrupted(environment, file, "import", "memorized", str(file), "--model", "pythia-70m")
    assert (code, "Traceback" in errors) == (-signal.SIGINT, False), errors
    with open_catalog(environment["SEENAT_DATABASE_URL"]) as catalog:
        with catalog.database.read() as connection:
            assert connection.execute(select(result_sets)).all() == []
        assert [path for path in results_folder(catalog.database).rglob("*") if path.is_file()] == []
