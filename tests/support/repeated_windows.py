"""A model of made-up results over an order that repeats windows, whose file is there."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from benchmarks.material.synthetic_suite import synthetic_model, synthetic_order, write_synthetic_suite

from seenat.cli.main import main
from seenat.registry.catalog.catalog import Catalog
from seenat.registry.checkpoints.files import FileRecord
from seenat.registry.open import open_catalog
from support.cli import Call, Called
from support.small_index import Rows
from support.synthetic_results import BATCH, SEQUENCES, STEPS, SyntheticResults

__all__ = ["WINDOW", "MadeUp", "call", "made"]

WINDOW = 64
"""Ids that the default protocol reads."""


@dataclass(frozen=True)
class MadeUp:
    """A model of made-up results over an order whose file is there."""

    catalog: Catalog
    rows: Rows
    values: Any
    """`[checkpoints, sequences]`"""
    folder: Path

    @property
    def model(self) -> Any:
        return self.catalog.model("made-up")


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory, catalog_file: Path) -> Iterator[MadeUp]:
    """1,120 sequences of 65 ids, of which many repeat another's window, and some at another offset."""
    folder = tmp_path_factory.mktemp("made-up")
    rng = np.random.default_rng(11)
    rows = rng.integers(0, 600, (SEQUENCES, 65)).astype(np.uint16)
    for to in rng.permutation(SEQUENCES)[:700]:
        rows[to, :WINDOW] = rows[rng.integers(0, 12), :WINDOW]
    for to in rng.permutation(SEQUENCES)[:60]:
        rows[to, 1:] = rows[rng.integers(0, 12), :WINDOW]
    rows.tofile(folder / "ids.bin")
    path = folder / "catalog.sqlite"
    path.write_bytes(catalog_file.read_bytes())
    with open_catalog(str(path)) as catalog:
        order = synthetic_order("made-up-order", SEQUENCES, BATCH)
        record = FileRecord(name="ids.bin", bytes=rows.nbytes, sha256="sha256:" + "1" * 64)
        order = replace(order, location=str(folder), files=(record,))
        write_synthetic_suite(catalog, "made-up", order, synthetic_model("made-up", order, STEPS))
        values = SyntheticResults.opened(catalog).commit_all(3)
        yield MadeUp(catalog, rows, values, folder)


@pytest.fixture
def call(made: MadeUp, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Call:
    """Run `seenat` within this process over its catalog."""
    monkeypatch.setenv("SEENAT_DATABASE_URL", made.catalog.database.url.render_as_string())
    monkeypatch.chdir(tmp_path)

    def run(*args: str) -> Called:
        monkeypatch.setattr(sys, "argv", ["seenat", *args])
        with pytest.raises(SystemExit) as stop:
            main()
        caught = capsys.readouterr()
        return Called(int(stop.value.code or 0), caught.out, caught.err)

    return run
