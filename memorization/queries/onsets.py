"""Reading results: trajectories of single sequences, and what a model had memorized by when.

Every answer names its protocol, and tells measured from not measured, and sequences that a checkpoint had seen from those
it had not. Only rows of the checkpoints' present content are read.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from sqlalchemy import Column, ColumnElement, Connection, Select, and_, case, func, select

from seenat.memorization.adaptive.coverage import AdaptivePlan, Coverage, StepShare, read_coverage
from seenat.memorization.protocol.measures import MEASURES, Values
from seenat.memorization.protocol.protocol import Protocol
from seenat.memorization.results.commit import open_array, refresh_onsets
from seenat.memorization.results.compaction import read_values
from seenat.memorization.results.measurements import Measurement, current_rows, find_measurement, measurements_of
from seenat.memorization.results.onset_table import OnsetCount, count_onsets, onset_page
from seenat.memorization.results.trajectory import Onset, Point, Trajectory
from seenat.registry.catalog.catalog import Catalog
from seenat.registry.catalog.models import Model
from seenat.registry.catalog.orders import Order
from seenat.registry.database.rows import AnyRow
from seenat.registry.database.tables import batch_counts, checkpoints, measurement_rows
from seenat.registry.errors import NotMeasured
from seenat.registry.units import SequenceRange

__all__ = [
    "MeasuredValues",
    "MemorizedSequence",
    "Onsets",
    "SequenceTrajectory",
    "StepCount",
    "measured_trajectories",
    "measured_values",
    "memorized_sequence",
    "onsets",
    "trajectory",
]


@dataclass(frozen=True, kw_only=True)
class SequenceTrajectory:
    """One sequence over one model's checkpoints, by one protocol."""

    model: str
    sequence: int
    protocol: Protocol
    trajectory: Trajectory
    first_checkpoint_seen: int | None
    adaptive: tuple[AdaptivePlan, ...] = ()
    """The adaptive jobs that left out some of its points."""

    def to_json(self) -> dict[str, Any]:
        """The trajectory under the keys of every JSON answer."""
        onset = self.trajectory.onset
        return {
            "model": self.model,
            "sequence": self.sequence,
            "protocol": {"id": self.protocol.id, **self.protocol.to_json()},
            "first_checkpoint_seen": self.first_checkpoint_seen,
            "points": [point.to_json() for point in self.trajectory.points],
            "onset": None if onset is None else onset.to_json(),
            "forgotten": list(self.trajectory.forgotten),
            "relearned": list(self.trajectory.relearned),
            "adaptive": [plan.to_json() for plan in self.adaptive],
        }


@dataclass(frozen=True, kw_only=True)
class MeasuredValues:
    """Values of consecutive sequences at a model's measured checkpoints."""

    steps: tuple[int, ...]
    """Ascending."""
    values: Values
    """`[steps, sequences]`, or `[steps, sequences, quantities]`, as `protocol.kept` says."""
    protocol: Protocol

    @property
    def memorized(self) -> npt.NDArray[np.bool_]:
        """`[steps, sequences]`: whether the whole continuation was reproduced."""
        return self.protocol.memorized(self.values)


@dataclass(frozen=True, kw_only=True)
class StepCount(StepShare):
    """What was measured at a checkpoint and what it had memorized, of sequences seen by then and of those not seen."""

    unseen_measured: int
    unseen_memorized: int
    onsets: int
    """Sequences first memorized at this checkpoint, seen or not."""
    unseen_onsets: int
    """Those among them that it had not seen."""


@dataclass(frozen=True, kw_only=True)
class MemorizedSequence:
    """A sequence that some checkpoint had memorized."""

    sequence: int
    onset: Onset
    seen: bool
    """Whether the checkpoint of the onset had seen it."""
    last_step: int
    times_lost: int

    def to_json(self) -> dict[str, Any]:
        """Every field by name."""
        return {
            "sequence": self.sequence,
            "onset": self.onset.to_json(),
            "seen": self.seen,
            "last_step": self.last_step,
            "times_lost": self.times_lost,
        }


@dataclass(frozen=True, kw_only=True)
class Onsets:
    """When a model memorized what."""

    model: str
    order: str
    protocol: Protocol
    steps: tuple[StepCount, ...]
    memorized: int
    """Sequences that some checkpoint had memorized."""
    lost: int
    """Those among them that a later checkpoint had forgotten, for a while or for good."""
    sequences: tuple[MemorizedSequence, ...]
    """The first of them, by onset and sequence."""
    adaptive: tuple[AdaptivePlan, ...]
    """The adaptive jobs that the counts rest on."""

    def to_json(self) -> dict[str, Any]:
        """The answer under the keys of every JSON answer."""
        return {
            "model": self.model,
            "order": self.order,
            "protocol": {"id": self.protocol.id, **self.protocol.to_json()},
            "steps": [count.to_json() for count in self.steps],
            "memorized": self.memorized,
            "lost": self.lost,
            "sequences": [sequence.to_json() for sequence in self.sequences],
            "adaptive": [plan.to_json() for plan in self.adaptive],
        }


def trajectory(catalog: Catalog, model: Model, sequence: int, protocol: str | None = None) -> SequenceTrajectory:
    """One sequence's values over the model's measured checkpoints.

    Raises `UnknownSequence` beyond the order, `NotMeasured` when no checkpoint was measured there.
    """
    model.order.batch_of(sequence)
    with catalog.database.read() as connection:
        measurement = find_measurement(connection, model, protocol, measures=tuple(MEASURES))
        found = _trajectory(catalog, connection, model, measurement, sequence)
    if not found.trajectory.points:
        measure = found.protocol.measure
        raise NotMeasured(
            f"Sequence {sequence} of {model.order.name} has not been measured for {model.name} yet; "
            f"run `seenat memorize {model.name}{'' if measure == 'prefix' else f' --measure {measure}'} "
            f"--sequences {sequence}:{sequence + 1}"
            + ("`." if model.schedule.is_trained_on(sequence) else " --unseen`.")
        )
    return found


def measured_trajectories(catalog: Catalog, order: Order, sequence: int) -> tuple[SequenceTrajectory, ...]:
    """The trajectories of a sequence in every model of its order that has one, by every protocol it was measured by."""
    order.batch_of(sequence)
    models = catalog.models(order=order.name)
    with catalog.database.read() as connection:
        found = [
            _trajectory(catalog, connection, model, measurement, sequence)
            for model in models
            for measurement in measurements_of(connection, model)
        ]
    return tuple(one for one in found if one.trajectory.points)


def onsets(catalog: Catalog, model: Model, protocol: str | None = None, limit: int = 20) -> Onsets:
    """When a model memorized what: counts at every measured checkpoint, and the first `limit` sequences by onset.

    Raises `NotMeasured` when no checkpoint, as it is now, was measured.
    """
    with catalog.database.read() as connection:
        measurement = find_measurement(connection, model, protocol)
    refresh_onsets(catalog.database, measurement, model)
    with catalog.database.read() as connection:
        coverage = read_coverage(catalog.database, connection, model, measurement)
        counts = count_onsets(connection, measurement, model.schedule)
        steps = _step_counts(connection, measurement, coverage, counts)
        if not steps:
            raise NotMeasured(
                f"No checkpoint of {model.name}, as it is now, has been measured by protocol {measurement.protocol.id} "
                f"yet; run `seenat memorize {model.name}`."
            )
        rows = onset_page(connection, measurement, by=max(counts, default=0), limit=limit)
        return Onsets(
            model=model.name,
            order=model.order.name,
            protocol=measurement.protocol,
            steps=steps,
            memorized=sum(count.sequences for count in counts.values()),
            lost=sum(count.lost for count in counts.values()),
            sequences=tuple(memorized_sequence(model, row) for row in rows),
            adaptive=coverage.adaptive,
        )


def measured_values(
    catalog: Catalog, model: Model, sequences: SequenceRange, protocol: str | None = None
) -> MeasuredValues:
    """The values of a range of sequences at every measured checkpoint; raises `UnknownSequence` beyond the order."""
    model.order.geometry.bytes_of(sequences)
    with catalog.database.read() as connection:
        measurement = find_measurement(connection, model, protocol, measures=tuple(MEASURES))
        rows = current_rows(connection, measurement)
        array, chosen = open_array(catalog.database, measurement), [row for row, _ in rows]
        values = read_values(connection, array, measurement, chosen, sequences.start, sequences.stop)
    return MeasuredValues(steps=tuple(step for _, step in rows), values=values, protocol=measurement.protocol)


def _trajectory(
    catalog: Catalog, connection: Connection, model: Model, measurement: Measurement, sequence: int
) -> SequenceTrajectory:
    rows = current_rows(connection, measurement)
    array, chosen = open_array(catalog.database, measurement), [row for row, _ in rows]
    values = read_values(connection, array, measurement, chosen, sequence, sequence + 1)[:, 0]
    points = _points(model, measurement, sequence, rows, values)
    coverage = read_coverage(catalog.database, connection, model, measurement)
    return SequenceTrajectory(
        model=model.name,
        sequence=sequence,
        protocol=measurement.protocol,
        trajectory=Trajectory(points),
        first_checkpoint_seen=model.schedule.first_checkpoint_seen(sequence),
        adaptive=coverage.of_sequence(sequence, {point.step for point in points}),
    )


def _points(
    model: Model,
    measurement: Measurement,
    sequence: int,
    rows: list[tuple[int, int]],
    values: Values,
) -> tuple[Point, ...]:
    protocol = measurement.protocol
    places = np.flatnonzero(protocol.kept.measured(values))
    quantities = {name: some[places].tolist() for name, some in protocol.kept.by_quantity(values).items()}
    if protocol.measure == "score":  # It was first told under this name, where its readers look for it.
        quantities["prefix"] = quantities["score"]
    return tuple(
        Point(
            step=rows[place][1],
            seen=sequence in model.schedule.sequences_seen(rows[place][1]),
            values=dict(zip(quantities, numbers, strict=True)),
            memorized=memorized if protocol.kept.decodes else None,
        )
        for place, memorized, *numbers in zip(
            places.tolist(), protocol.memorized(values[places]).tolist(), *quantities.values(), strict=True
        )
    )


def memorized_sequence(model: Model, row: AnyRow) -> MemorizedSequence:
    """What a row of the onset table says."""
    return MemorizedSequence(
        sequence=row.sequence,
        onset=Onset(bracket_low=row.bracket_low, step=row.first_step),
        seen=row.sequence in model.schedule.sequences_seen(row.first_step),
        last_step=row.last_step,
        times_lost=row.times_lost,
    )


def _step_counts(
    connection: Connection, measurement: Measurement, coverage: Coverage, counts: dict[int, OnsetCount]
) -> tuple[StepCount, ...]:
    steps = dict(current_rows(connection, measurement))
    none = OnsetCount(0, 0, 0)
    found = {row.array_row: row for row in connection.execute(_counts_by_row(measurement))}
    return tuple(
        StepCount(
            step=step,
            measured=int(found[row].measured),
            memorized=int(found[row].memorized),
            unseen_measured=int(found[row].unseen_measured),
            unseen_memorized=int(found[row].unseen_memorized),
            onsets=counts.get(step, none).sequences,
            unseen_onsets=counts.get(step, none).unseen,
            asked=coverage.asked(step, int(found[row].measured)),
        )
        for row, step in steps.items()
        if row in found
    )


def _counts_by_row(measurement: Measurement) -> Select[*tuple[Any, ...]]:
    """Counts of every row; a checkpoint at step N had seen the batches below N."""
    seen = batch_counts.c.batch < checkpoints.c.step
    return (
        select(
            batch_counts.c.array_row,
            _sum_if(seen, batch_counts.c.measured).label("measured"),
            _sum_if(seen, batch_counts.c.memorized).label("memorized"),
            _sum_if(~seen, batch_counts.c.measured).label("unseen_measured"),
            _sum_if(~seen, batch_counts.c.memorized).label("unseen_memorized"),
        )
        .join(
            measurement_rows,
            and_(
                measurement_rows.c.measurement_id == batch_counts.c.measurement_id,
                measurement_rows.c.array_row == batch_counts.c.array_row,
            ),
        )
        .join(checkpoints, checkpoints.c.id == measurement_rows.c.checkpoint_id)
        .where(batch_counts.c.measurement_id == measurement.id)
        .group_by(batch_counts.c.array_row)
    )


def _sum_if(condition: ColumnElement[bool], value: Column[int]) -> ColumnElement[int]:
    return func.sum(case((condition, value), else_=0))
