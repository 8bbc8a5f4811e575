"""A batch over a model's checkpoints: the values of each of its sequences at every measured step, and when it was memorized."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from seenat.memorization.protocol.protocol import NOT_MEASURED, Protocol
from seenat.memorization.results.commit import MeasurementStore
from seenat.memorization.results.measurements import current_rows, find_measurement
from seenat.memorization.results.read import read_values
from seenat.registry.answer import Answer, TableAnswer
from seenat.registry.catalog.catalog import Catalog
from seenat.registry.catalog.models import Model
from seenat.registry.errors import NotMeasured

__all__ = ["BatchTrajectories", "SequenceValues", "batch_trajectories"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SequenceValues(Answer):
    """A sequence of a batch."""

    sequence: int
    onset: int | None
    """The first measured step at which it was memorized."""
    values: list[int | None]
    """How many ids were reproduced, for each of the answer's steps; None where it was not measured."""

    def to_json(self) -> dict[str, Any]:
        """Its fields as they are: a batch has 1,024 times 154 values, which nobody needs to look at one by one."""
        return {"sequence": self.sequence, "onset": self.onset, "values": self.values}


@dataclass(frozen=True, kw_only=True)
class BatchTrajectories(TableAnswer):
    """All sequences of a batch over one model's checkpoints, by one protocol."""

    model: str
    batch: int
    protocol: Protocol
    first_checkpoint_after: int | None
    """Step of the first checkpoint that had seen the batch."""
    steps: tuple[int, ...]
    """The measured steps, ascending."""
    sequences: tuple[SequenceValues, ...]

    table_field = "sequences"


def batch_trajectories(catalog: Catalog, model: Model, index: int, protocol: str | None = None) -> BatchTrajectories:
    """The values of a batch's sequences at every measured step.

    Raises `UnknownBatch` beyond the model's schedule, `NotMeasured` where nothing of the batch was measured.
    """
    batch = model.batch(index)
    first, stop = batch.sequences.start, batch.sequences.stop
    with catalog.database.read() as connection:
        measurement = find_measurement(connection, model, protocol)
        rows = current_rows(connection, measurement)
        store = MeasurementStore(catalog.database, model, measurement)
        values = read_values(store, connection, [row for row, _ in rows], first, stop)
    measured = np.flatnonzero((values != NOT_MEASURED).any(axis=1))
    if not len(measured):
        raise NotMeasured(
            f"Nothing of batch {index} of {model.name} has been measured by protocol {measurement.protocol.id} yet; run "
            f"`seenat memorize {model.name}{measurement.protocol.options} --sequences {first}:{stop} --unseen`."
        )
    steps = [rows[place][1] for place in measured]
    memorized = measurement.protocol.memorized(values[measured])
    return BatchTrajectories(
        model=model.name,
        batch=index,
        protocol=measurement.protocol,
        first_checkpoint_after=model.schedule.first_checkpoint_after_batch(index),
        steps=tuple(steps),
        sequences=tuple(
            SequenceValues(
                sequence=sequence,
                onset=steps[int(flags.argmax())] if flags.any() else None,
                values=[None if value == NOT_MEASURED else value for value in column.tolist()],
            )
            for sequence, column, flags in zip(batch.sequences, values[measured].T, memorized.T, strict=True)
        ),
    )
