"""Results that nothing measured: a suite of sequences that do not exist, and values committed as a job commits its own."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from benchmarks.material.synthetic_suite import (
    CommittedResults,
    synthetic_model,
    synthetic_order,
    write_synthetic_suite,
)

from seenat.memorization.protocol.protocol import NOT_MEASURED, Protocol
from seenat.memorization.results.read import read_values
from seenat.registry.catalog.catalog import Catalog

__all__ = ["BATCH", "BLOCK", "FULL_SCORE", "SEQUENCES", "STEPS", "SyntheticResults", "values"]

BATCH, SEQUENCES, STEPS = 16, 16 * 70, (0, 5, 20, 40, 70)
BLOCK = 272
"""Sequences of a block: a quarter of 1,120, at least 256, whole batches; the last has 32."""
FULL_SCORE = Protocol().continuation

Values = npt.NDArray[np.uint8]


def values(seed: int, length: int = BLOCK) -> Values:
    """Values of which a third are memorized and a sixth not measured."""
    chosen = np.random.default_rng(seed).integers(0, 6, length)
    return np.choose(chosen, [0, 5, FULL_SCORE - 1, FULL_SCORE, FULL_SCORE, NOT_MEASURED]).astype(np.uint8)


@dataclass(frozen=True)
class SyntheticResults(CommittedResults):
    """A measurement of a model with checkpoints at `STEPS` over `SEQUENCES` sequences, in five blocks."""

    @classmethod
    def registered(cls, catalog: Catalog) -> Self:
        """Register the suite; nothing is committed yet."""
        order = synthetic_order("made-up-order", SEQUENCES, BATCH)
        write_synthetic_suite(catalog, "made-up", order, synthetic_model("made-up", order, STEPS))
        return cls.opened(catalog)

    @classmethod
    def opened(cls, catalog: Catalog) -> Self:
        """The same, registered before."""
        results = cls.of(catalog, "made-up")
        assert results.rows  # The array is described for each.
        return results

    @cached_property
    def rows(self) -> tuple[int, ...]:
        """The array's row of each checkpoint."""
        return tuple(self.row_of(checkpoint.step) for checkpoint in self.model.checkpoints)

    def read(self, rows: list[int] | None = None, start: int = 0, stop: int = SEQUENCES, **options: Any) -> Any:
        """Committed values of some rows, or of all, over a range of sequences."""
        with self.catalog.database.read() as connection:
            return read_values(self.store, connection, rows or list(self.rows), start, stop, **options)

    def commit_all(self, seed: int = 0) -> Values:
        """Commit every block at every checkpoint, and return the values, `[checkpoints, sequences]`."""
        made = np.stack([values(seed * 100 + row, SEQUENCES) for row in self.rows])
        for block in range(self.measurement.blocks):
            for row, of_row in zip(self.rows, made, strict=True):
                self.commit(row, block, self.cut(of_row, block))
        return made
