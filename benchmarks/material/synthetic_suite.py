"""A suite of sequences that do not exist, and values committed for it as a job commits its own; benchmarks and tests share it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from seenat.memorization.protocol.protocol import Protocol
from seenat.memorization.results.array import BlockFile, ResultArray
from seenat.memorization.results.commit import MeasurementStore
from seenat.memorization.results.measurements import Measurement, ensure_measurement
from seenat.registry.catalog.catalog import Catalog
from seenat.registry.catalog.models import Model
from seenat.registry.catalog.specs import CheckpointSpec, ModelSpec, OrderSpec, SuiteSpec
from seenat.registry.checkpoints.files import FileRecord
from seenat.registry.schedule import Schedule
from seenat.registry.suites.write import write_suite

__all__ = ["CommittedResults", "synthetic_model", "synthetic_order", "write_synthetic_suite"]

Values = npt.NDArray[Any]

_TOKENS = 65
"""Ids of a sequence: the window of the default protocol, and one more."""


def synthetic_order(name: str, sequences: int, sequences_per_batch: int, vocab_size: int = 700) -> OrderSpec:
    """An order whose file is nowhere."""
    file = FileRecord(name="ids.bin", bytes=sequences * _TOKENS * 2, sha256="sha256:" + "0" * 64)
    return OrderSpec(
        name=name,
        sequences=sequences,
        tokens_per_sequence=_TOKENS,
        sequences_per_batch=sequences_per_batch,
        dtype="uint16",
        vocab_size=vocab_size,
        eos_id=0,
        format="raw",
        location="nowhere",
        files=(file,),
    )


def synthetic_model(
    name: str,
    order: OrderSpec,
    steps: tuple[int, ...],
    *,
    sequences_per_batch: int | None = None,
    digest: Callable[[int], str] = "sha256:{}".format,
    status: str = "unknown",
) -> ModelSpec:
    """A run over the whole order that saved these steps; `digest` gives the content of a step's checkpoint."""
    size = sequences_per_batch or order.sequences_per_batch
    return ModelSpec(
        name=name,
        order=order.name,
        schedule=Schedule(sequences_per_batch=size, steps=order.sequences // size, saved=steps),
        folder="nowhere/step{step}",
        checkpoints=tuple(CheckpointSpec(step=step, status=status, digest=digest(step)) for step in steps),
    )


def write_synthetic_suite(catalog: Catalog, name: str, order: OrderSpec, *models: ModelSpec) -> None:
    """Register models of an order."""
    with catalog.database.write() as connection:
        write_suite(connection, SuiteSpec(name=name, origin="synthetic", orders=(order,), models=models))


@dataclass(frozen=True)
class CommittedResults:
    """A measurement of a model, to be committed block by block."""

    catalog: Catalog
    model: Model
    store: MeasurementStore

    @classmethod
    def of(cls, catalog: Catalog, name: str, protocol: Protocol | None = None) -> Self:
        """A model's measurement by a protocol, or the default one."""
        model = catalog.model(name)
        with catalog.database.write() as connection:
            measurement = ensure_measurement(connection, model, protocol or Protocol())
        return cls(catalog, model, MeasurementStore(catalog.database, model, measurement))

    @property
    def measurement(self) -> Measurement:
        """Which measurement it is."""
        return self.store.measurement

    @property
    def array(self) -> ResultArray:
        """Its files, which lie in a folder."""
        array = self.store.array
        assert isinstance(array, ResultArray)
        return array

    def row_of(self, step: int, digest: str | None = None) -> int:
        """The array's row of a checkpoint's content, by default the present one."""
        checkpoint = self.model.checkpoint(step)
        with self.catalog.database.write() as connection:
            return self.store.row_of(connection, checkpoint, digest or checkpoint.digest or "")

    def commit(self, row: int, block: int, values: Values) -> BlockFile:
        """Commit a block as a job does."""
        with self.catalog.database.write() as connection:
            file = self.store.commit(connection, row, block, values)
        self.store.array.accept(row, block)
        return file

    def cut(self, values: Values, block: int) -> Values:
        """The part of all sequences' values, `[sequences, ...]`, that lies in a block."""
        span = self.measurement.block(block)
        return np.ascontiguousarray(values[span.start : span.stop])
