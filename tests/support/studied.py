"""The pocket suite, measured partly, and what is known of it by the definitions alone, sequence by sequence."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from seenat.memorization.protocol.protocol import Protocol
from seenat.memorization.queries.trajectories import measured_values
from seenat.memorization.results.measurements import results_folder
from seenat.memorization.results.trajectory import Point, Trajectory
from seenat.registry.catalog.catalog import Catalog
from seenat.registry.catalog.models import Model
from seenat.registry.open import open_catalog
from seenat.registry.units import SequenceRange
from support.measuring import measure
from support.once import copied_once

BATCH = 8
"""Sequences a batch in the pocket suite."""


@dataclass(frozen=True)
class Seen:
    """The seen points of every sequence of the pocket order."""

    model: Model
    steps: tuple[int, ...]
    values: npt.NDArray[np.uint8]
    """`[steps, sequences]`."""

    def memorized(self, step: int) -> set[int]:
        """Sequences memorized at a checkpoint that had seen them."""
        row = self.values[self.steps.index(step)]
        return {sequence for sequence in range(BATCH * step) if row[sequence] == 32}

    def measured(self, step: int) -> set[int]:
        row = self.values[self.steps.index(step)]
        return {sequence for sequence in range(BATCH * step) if row[sequence] != 255}

    def trajectory(self, sequence: int) -> Trajectory:
        """Its seen points only."""
        return Trajectory(
            tuple(
                Point(step=step, seen=True, values={"prefix": int(value)}, memorized=bool(value == 32))
                for step, value in zip(self.steps, self.values[:, sequence], strict=True)
                if value != 255 and sequence < BATCH * step
            )
        )


@pytest.fixture(scope="session")
def seen() -> Callable[[Catalog, str], Seen]:
    """Read all values of a model."""

    def read(catalog: Catalog, name: str) -> Seen:
        model = catalog.model(name)
        found = measured_values(catalog, model, model.order.sequences)
        return Seen(model, found.steps, found.values)

    return read


@pytest.fixture(scope="session")
def with_losses(measured_pocket: Catalog, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Catalog]:
    """All that is measured of the pocket suite, and losses too: of the smallest model everywhere, of the next one late.

    54,784 of them, 20 seconds of one core.
    """

    def make(folder: Path) -> None:
        path = folder / "catalog.sqlite"
        with (
            closing(sqlite3.connect(measured_pocket.database.url.database)) as measured,
            closing(sqlite3.connect(path)) as copy,
        ):
            measured.backup(copy)
        shutil.copytree(results_folder(measured_pocket.database), f"{path}.results")
        with open_catalog(str(path)) as catalog:
            losses, late = Protocol.default_for(0, "loss"), SequenceRange(BATCH * 192, 3584)
            measure(catalog, "pocket-230k", losses, unseen=True)
            measure(catalog, "pocket-660k", losses, steps=(192, 256, 320, 384), sequences=late, unseen=True)

    with open_catalog(str(copied_once(tmp_path_factory, "with-losses", make) / "catalog.sqlite")) as catalog:
        yield catalog


@pytest.fixture(scope="session")
def partly(pocket_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Catalog]:
    """A catalog in which only some sequences of some checkpoints are measured, with holes within batches and blocks."""
    with open_catalog(str(shutil.copy(pocket_file, tmp_path_factory.mktemp("partly")))) as catalog:
        measure(catalog, "pocket-230k", steps=(256, 384), sample=2000, seed=5)
        measure(catalog, "pocket-230k", steps=(320,), sample=700, seed=6)
        measure(catalog, "pocket-2m", steps=(320,), sample=600, seed=7)
        yield catalog
