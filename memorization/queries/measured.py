"""What was measured: by which protocols, at which steps, of how many sequences, on what, when, and by which jobs.

Read from the rows of commits, never from values. What was only planned is no result and is left out. Values of files that were
replaced since, of a checkpoint or of the order, are kept and counted apart: no other answer reads them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import Connection

from seenat.memorization.jobs.job_table import jobs_of_measurement
from seenat.memorization.jobs.progress.counts import shard_counts
from seenat.memorization.protocol.protocol import Protocol
from seenat.memorization.results.block_table import block_sums
from seenat.memorization.results.files.origin import Origin
from seenat.memorization.results.measurements import Measurement, all_measurements_of, current_rows
from seenat.registry.answer import Answer, Answers
from seenat.registry.catalog.catalog import Catalog
from seenat.registry.catalog.models import Model
from seenat.registry.database.rows import AnyRow

__all__ = ["MeasuredBy", "MeasuredOn", "MeasuredProtocol", "measured_protocols"]


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredOn(Answer):
    """What computed some of the values: device, type of the numbers, versions; None where nobody wrote it down."""

    device: str | None
    dtype: str | None
    seenat: str | None
    torch: str | None
    transformers: str | None
    values: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredBy(Answer):
    """A job that measured some of the values."""

    job: int
    name: str | None
    values: int
    """Those that it computed; what it found measured is not among them."""
    seconds: float
    """That its finished shards took, summed over all who worked at it."""
    created_at: str
    finished_at: str | None


@dataclass(frozen=True, kw_only=True)
class MeasuredProtocol(Answer):
    """What was measured of one model by one protocol."""

    model: str
    order: str | None
    protocol: Protocol
    is_default: bool
    """Whether it is the default protocol of its measure, which answers where none is named."""
    steps: tuple[int, ...]
    """Of the checkpoints, as they are now, that have values."""
    sequences: int
    """The most that were measured at one checkpoint."""
    values: int
    """At all these checkpoints."""
    memorized: int
    """Values that say memorized; 0 by a measure that does not say."""
    replaced_values: int
    """Values of checkpoints whose files were replaced, or of an order with another content: kept, and read by no answer."""
    bytes: int
    """Of the files that hold them."""
    on: tuple[MeasuredOn, ...]
    """Who computed most is first."""
    jobs: tuple[MeasuredBy, ...]
    """Oldest first."""

    json_names = (
        "model",
        "order",
        "protocol",
        "words",
        "is_default",
        "steps",
        "sequences",
        "values",
        "memorized",
        "replaced_values",
        "bytes",
        "began_at",
        "finished_at",
        "seconds",
        "on",
        "jobs",
    )

    @property
    def words(self) -> str:
        """What the protocol measures."""
        return self.protocol.words

    @property
    def began_at(self) -> str | None:
        """When the first job was planned; None where no job is known any more."""
        return min((job.created_at for job in self.jobs), default=None)

    @property
    def finished_at(self) -> str | None:
        """When the last finished job was finished; None where none is."""
        return max((job.finished_at for job in self.jobs if job.finished_at is not None), default=None)

    @property
    def seconds(self) -> float:
        """That shards took, over all jobs."""
        return round(sum(job.seconds for job in self.jobs), 3)


def measured_protocols(catalog: Catalog, models: Iterable[Model]) -> Answers[MeasuredProtocol]:
    """What was measured of these models, each in turn, its protocols in the order in which they were first planned."""
    with catalog.database.read() as connection:
        found = [
            _measured(connection, model, measurement)
            for model in models
            for measurement in all_measurements_of(connection, model)
        ]
    return Answers(one for one in found if one is not None)


def _measured(connection: Connection, model: Model, measurement: Measurement) -> MeasuredProtocol | None:
    sums = block_sums(connection, measurement)
    if not sums:
        return None
    order, protocol = model.training_order, measurement.protocol
    is_present = order is not None and order.digest == measurement.order_digest
    steps = dict(current_rows(connection, measurement)) if is_present else {}
    current = [row for row in sums if row.array_row in steps]
    default = Protocol.default_for(order.eos_id if order else None, protocol.measure)
    by_row: dict[int, int] = {}
    for row in current:
        by_row[row.array_row] = by_row.get(row.array_row, 0) + int(row.measured)
    values = sum(by_row.values())
    return MeasuredProtocol(
        model=model.name,
        order=model.order_name,
        protocol=protocol,
        is_default=protocol == default,
        steps=tuple(step for row, step in steps.items() if row in by_row),
        sequences=max(by_row.values(), default=0),
        values=values,
        memorized=sum(int(row.memorized) for row in current),
        replaced_values=sum(int(row.measured) for row in sums) - values,
        bytes=sum(int(row.bytes) for row in sums),
        on=_origins(sums),
        jobs=_jobs(connection, measurement),
    )


def _origins(sums: Iterable[AnyRow]) -> tuple[MeasuredOn, ...]:
    by_origin: dict[Origin, int] = {}
    for row in sums:
        origin = Origin(
            device=row.device,
            dtype=row.dtype,
            seenat=row.seenat,
            torch=row.torch,
            transformers=row.transformers,
        )
        by_origin[origin] = by_origin.get(origin, 0) + int(row.measured)
    most_first = sorted(by_origin.items(), key=lambda entry: -entry[1])
    return tuple(
        MeasuredOn(
            device=origin.device,
            dtype=origin.dtype,
            seenat=origin.seenat,
            torch=origin.torch,
            transformers=origin.transformers,
            values=values,
        )
        for origin, values in most_first
    )


def _jobs(connection: Connection, measurement: Measurement) -> tuple[MeasuredBy, ...]:
    found = []
    for row in jobs_of_measurement(connection, measurement.id):
        done = shard_counts(connection, row.id).get("done")
        if done is not None and done.measured:
            found.append(
                MeasuredBy(
                    job=row.id,
                    name=row.name,
                    values=int(done.measured),
                    seconds=round(float(done.seconds or 0.0), 3),
                    created_at=row.created_at,
                    finished_at=row.finished_at,
                )
            )
    return tuple(found)
