"""Trajectories of single sequences, and values of ranges of them, from what is committed.

Every answer names its protocol, and distinguishes measured from not measured, and sequences that a checkpoint had seen from
those it had not. Only rows of the checkpoints' present contents are read.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from sqlalchemy import Connection

from seenat.memorization.adaptive.coverage import AdaptivePlan, read_coverage
from seenat.memorization.protocol.measures import MEASURES, Values
from seenat.memorization.protocol.protocol import Protocol
from seenat.memorization.results.commit import MeasurementStore
from seenat.memorization.results.measurements import (
    ProtocolName,
    current_rows,
    find_measurement,
    find_with_others,
    measured_models,
    measurements_of,
)
from seenat.memorization.results.read import read_values
from seenat.memorization.results.trajectory import Onset, Point, Trajectory
from seenat.registry.answer import Answers, TableAnswer
from seenat.registry.catalog.catalog import Catalog
from seenat.registry.catalog.models import Model
from seenat.registry.catalog.orders import Order
from seenat.registry.errors import NotMeasured
from seenat.registry.units import SequenceRange

__all__ = ["MeasuredValues", "SequenceTrajectory", "measured_trajectories", "measured_values", "trajectory"]


@dataclass(frozen=True, kw_only=True)
class SequenceTrajectory(TableAnswer):
    """One sequence over one model's checkpoints, by one protocol."""

    model: str
    sequence: int
    protocol: Protocol
    trajectory: Trajectory
    first_checkpoint_seen: int | None
    adaptive: tuple[AdaptivePlan, ...] = ()
    """The adaptive jobs that left out some of its points."""
    other_protocols: tuple[ProtocolName, ...] = ()
    """Other protocols by which the model has results; empty where an answer holds the trajectories by all of them."""

    table_field = "points"
    json_names = (
        "model",
        "sequence",
        "protocol",
        "first_checkpoint_seen",
        "points",
        "onset",
        "forgotten",
        "relearned",
        "adaptive",
        "other_protocols",
    )

    @property
    def points(self) -> tuple[Point, ...]:
        """The checkpoints at which it was measured, ascending by step."""
        return self.trajectory.points

    @property
    def onset(self) -> Onset | None:
        """When it was first memorized."""
        return self.trajectory.onset

    @property
    def forgotten(self) -> tuple[int, ...]:
        """Steps at which it was no longer memorized."""
        return self.trajectory.forgotten

    @property
    def relearned(self) -> tuple[int, ...]:
        """Steps at which it was memorized again."""
        return self.trajectory.relearned


@dataclass(frozen=True, kw_only=True)
class MeasuredValues:
    """Values of consecutive sequences at a model's measured checkpoints."""

    steps: tuple[int, ...]
    """Ascending."""
    values: Values
    """`[steps, sequences]`, or `[steps, sequences, quantities]`, as `protocol.value_type` says."""
    protocol: Protocol

    @property
    def memorized(self) -> npt.NDArray[np.bool_]:
        """`[steps, sequences]`: whether the whole continuation was reproduced."""
        return self.protocol.memorized(self.values)


def trajectory(catalog: Catalog, model: Model, sequence: int, protocol: str | None = None) -> SequenceTrajectory:
    """One sequence's values over the model's measured checkpoints.

    Raises `UnknownSequence` beyond the order, `NotMeasured` when no checkpoint was measured there.
    """
    model.order.batch_of(sequence)
    with catalog.database.read() as connection:
        measurement, others = find_with_others(connection, model, protocol, measures=tuple(MEASURES))
        store = MeasurementStore(catalog.database, model, measurement)
        answer = replace(_trajectory(store, connection, sequence), other_protocols=others)
    if not answer.points:
        raise NotMeasured(
            f"Sequence {sequence} of {model.order.name} has not been measured for {model.name} yet; "
            f"run `seenat memorize {model.name}{answer.protocol.options} "
            f"--sequences {sequence}:{sequence + 1}"
            + ("`." if model.schedule.is_trained_on(sequence) else " --unseen`.")
        )
    return answer


def measured_trajectories(catalog: Catalog, order: Order, sequence: int) -> Answers[SequenceTrajectory]:
    """The trajectories of a sequence in every model of its order that has one, by every protocol it was measured by."""
    order.batch_of(sequence)
    models = catalog.models(order=order.name)
    with catalog.database.read() as connection:
        known = set(measured_models(connection))  # Most models have nothing, and each would be asked for it.
        answers = [
            _trajectory(MeasurementStore(catalog.database, model, measurement), connection, sequence)
            for model in models
            if model.name in known
            for measurement in measurements_of(connection, model)
        ]
    return Answers(answer for answer in answers if answer.points)


def measured_values(
    catalog: Catalog, model: Model, sequences: SequenceRange, protocol: str | None = None
) -> MeasuredValues:
    """The values of a range of sequences at every measured checkpoint; raises `UnknownSequence` beyond the order."""
    model.order.geometry.bytes_of(sequences)
    with catalog.database.read() as connection:
        measurement = find_measurement(connection, model, protocol, measures=tuple(MEASURES))
        rows = current_rows(connection, measurement)
        store = MeasurementStore(catalog.database, model, measurement)
        values = read_values(store, connection, [row for row, _ in rows], sequences.start, sequences.stop)
    return MeasuredValues(steps=tuple(step for _, step in rows), values=values, protocol=measurement.protocol)


def _trajectory(store: MeasurementStore, connection: Connection, sequence: int) -> SequenceTrajectory:
    model, measurement = store.model, store.measurement
    rows = current_rows(connection, measurement)
    values = read_values(store, connection, [row for row, _ in rows], sequence, sequence + 1)[:, 0]
    points = _points(model, measurement.protocol, sequence, [step for _, step in rows], values)
    coverage = read_coverage(store.database, connection, model, measurement)
    return SequenceTrajectory(
        model=model.name,
        sequence=sequence,
        protocol=measurement.protocol,
        trajectory=Trajectory(points),
        first_checkpoint_seen=model.schedule.first_checkpoint_seen(sequence),
        adaptive=coverage.of_sequence(sequence, {point.step for point in points}),
    )


def _points(model: Model, protocol: Protocol, sequence: int, steps: list[int], values: Values) -> tuple[Point, ...]:
    places, batch = np.flatnonzero(protocol.value_type.measured(values)), model.schedule.batch_of(sequence)
    quantities = {name: numbers[places].tolist() for name, numbers in protocol.value_type.by_quantity(values).items()}
    if protocol.measure == "score":  # Readers of the first published answers look for it under this name.
        quantities["prefix"] = quantities["score"]
    return tuple(
        Point(
            step=steps[place],
            seen=steps[place] > batch,
            values=dict(zip(quantities, numbers, strict=True)),
            memorized=memorized if protocol.value_type.decodes else None,
        )
        for place, memorized, *numbers in zip(
            places.tolist(), protocol.memorized(values[places]).tolist(), *quantities.values(), strict=True
        )
    )
