"""Results that nothing measured: a suite of sequences that do not exist, and values committed as a job commits its own."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from seenat.memorization.protocol.protocol import NOT_MEASURED, Protocol
from seenat.memorization.results.array import ResultArray
from seenat.memorization.results.commit import commit_block, described_row, open_array
from seenat.memorization.results.compaction import read_values
from seenat.memorization.results.measurements import Measurement, ensure_measurement
from seenat.registry.catalog.catalog import Catalog
from seenat.registry.catalog.models import Model
from seenat.registry.catalog.specs import CheckpointSpec, ModelSpec, OrderSpec, SuiteSpec
from seenat.registry.checkpoints.files import FileRecord
from seenat.registry.schedule import Schedule
from seenat.registry.suites.write import write_suite

__all__ = ["BATCH", "BLOCK", "SEQUENCES", "STEPS", "WHOLE", "SyntheticResults", "values"]

BATCH, SEQUENCES, STEPS = 16, 16 * 70, (0, 5, 20, 40, 70)
BLOCK = 272
"""Sequences of a block: a quarter of 1,120, at least 256, whole batches; the last has 32."""
WHOLE = Protocol().continuation

Values = npt.NDArray[np.uint8]


def values(seed: int, length: int = BLOCK) -> Values:
    """Values of which a third are memorized and a sixth not measured."""
    chosen = np.random.default_rng(seed).integers(0, 6, length)
    return np.choose(chosen, [0, 5, WHOLE - 1, WHOLE, WHOLE, NOT_MEASURED]).astype(np.uint8)


@dataclass(frozen=True)
class SyntheticResults:
    """A measurement of a model with checkpoints at `STEPS` over `SEQUENCES` sequences, in five blocks."""

    catalog: Catalog
    model: Model
    measurement: Measurement
    array: ResultArray
    rows: tuple[int, ...]

    @classmethod
    def of(cls, catalog: Catalog) -> SyntheticResults:
        """Register it; nothing is committed yet."""
        order = OrderSpec(
            name="made-up-order",
            sequences=SEQUENCES,
            tokens_per_sequence=65,
            sequences_per_batch=BATCH,
            dtype="uint16",
            vocab_size=700,
            eos_id=0,
            format="raw",
            location="nowhere",
            files=(FileRecord(name="ids.bin", bytes=SEQUENCES * 130, sha256="sha256:" + "0" * 64),),
        )
        model = ModelSpec(
            name="made-up",
            order=order.name,
            schedule=Schedule(sequences_per_batch=BATCH, steps=SEQUENCES // BATCH, saved=STEPS),
            folder="nowhere/step{step}",
            checkpoints=tuple(CheckpointSpec(step=step, digest=f"sha256:{step}") for step in STEPS),
        )
        with catalog.database.write() as connection:
            write_suite(connection, SuiteSpec(name="made-up", origin="test", orders=(order,), models=(model,)))
        return cls.opened(catalog)

    @classmethod
    def opened(cls, catalog: Catalog) -> SyntheticResults:
        """The same, registered before."""
        found = catalog.model("made-up")
        with catalog.database.write() as connection:
            measurement = ensure_measurement(connection, found, Protocol())
            array = open_array(catalog.database, measurement)
            rows = tuple(
                described_row(connection, array, measurement, found, one, one.digest or "") for one in found.checkpoints
            )
        return cls(catalog, found, measurement, array, rows)

    def commit(self, row: int, block: int, values: Values) -> None:
        """Commit a block."""
        with self.catalog.database.write() as connection:
            commit_block(
                connection,
                self.array,
                self.measurement,
                row=row,
                block=block,
                values=values,
                file=self.array.write(row, block, values),
                sequences_per_batch=BATCH,
            )
        self.array.accept(row, block)

    def read(self, rows: list[int] | None = None, start: int = 0, stop: int = SEQUENCES) -> Values:
        """Committed values of some rows, or of all, over a range of sequences."""
        with self.catalog.database.read() as connection:
            return read_values(connection, self.array, self.measurement, rows or list(self.rows), start, stop)

    def commit_all(self, seed: int = 0) -> Values:
        """Commit every block at every checkpoint, and return the values, `[checkpoints, sequences]`."""
        made = np.stack([values(seed * 100 + row, SEQUENCES) for row in self.rows])
        for block in range(self.measurement.blocks):
            span = self.measurement.block(block)
            for row, of_row in zip(self.rows, made, strict=True):
                self.commit(row, block, of_row[span.start : span.stop])
        return made
