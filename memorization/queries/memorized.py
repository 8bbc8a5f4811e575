"""Which sequences a model had memorized by a step, and how many of each batch: from what commits have counted.

As in `onset`, every measured point counts, whether or not the checkpoint had seen the sequence. A list is told a page at a
time, each page by where the one before ended, so that the millionth costs what the first does.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from seenat.memorization.adaptive.coverage import AdaptivePlan, read_coverage
from seenat.memorization.protocol.protocol import Protocol
from seenat.memorization.queries.onsets import MemorizedSequence, memorized_sequence
from seenat.memorization.results.commit import refresh_onsets
from seenat.memorization.results.measurements import current_rows, find_measurement
from seenat.memorization.results.onset_table import count_onsets, onset_page
from seenat.registry.catalog.catalog import Catalog
from seenat.registry.catalog.models import Model
from seenat.registry.database.tables import batch_counts
from seenat.registry.errors import NotMeasured
from seenat.registry.units import BatchRange

__all__ = [
    "BatchCount",
    "FirstMemorized",
    "MemorizedByBatch",
    "check_measured",
    "first_memorized",
    "memorized_by_batch",
]


@dataclass(frozen=True, kw_only=True)
class FirstMemorized:
    """What a model memorized first by a step: how many sequences, and some of them."""

    model: str
    order: str
    protocol: Protocol
    by: int
    count: int
    """Of all, whatever is listed."""
    unseen: int
    """Those among them that the checkpoint of their onset had not seen."""
    sequences: tuple[MemorizedSequence, ...]
    """By onset and sequence."""
    next: tuple[int, int] | None
    """Onset and sequence after which to go on; None where nothing follows, or nothing was listed."""
    adaptive: tuple[AdaptivePlan, ...]
    """The adaptive jobs that it rests on."""

    def to_json(self) -> dict[str, Any]:
        """The answer under the keys of every JSON answer."""
        return {
            "model": self.model,
            "order": self.order,
            "protocol": {"id": self.protocol.id, **self.protocol.to_json()},
            "by": self.by,
            "count": self.count,
            "unseen": self.unseen,
            "sequences": [sequence.to_json() for sequence in self.sequences],
            "next": None if self.next is None else {"step": self.next[0], "sequence": self.next[1]},
            "adaptive": [plan.to_json() for plan in self.adaptive],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchCount:
    """A batch at a checkpoint."""

    batch: int
    seen: bool
    """Whether the checkpoint had consumed it."""
    measured: int
    memorized: int

    def to_json(self) -> dict[str, int | bool]:
        """Every field by name."""
        return {"batch": self.batch, "seen": self.seen, "measured": self.measured, "memorized": self.memorized}


@dataclass(frozen=True, kw_only=True)
class MemorizedByBatch:
    """How many sequences of some batches a checkpoint had memorized; batches of which none was measured are not among them."""

    model: str
    order: str
    protocol: Protocol
    step: int
    batches: BatchRange
    counts: tuple[BatchCount, ...]
    """By ascending batch."""
    adaptive: tuple[AdaptivePlan, ...]
    """The adaptive jobs that it rests on."""

    @property
    def measured(self) -> int:
        """Sequences of these batches that were measured."""
        return sum(count.measured for count in self.counts)

    @property
    def memorized(self) -> int:
        """Those among them that were memorized."""
        return sum(count.memorized for count in self.counts)

    def to_json(self) -> dict[str, Any]:
        """The answer under the keys of every JSON answer."""
        return {
            "model": self.model,
            "order": self.order,
            "protocol": {"id": self.protocol.id, **self.protocol.to_json()},
            "step": self.step,
            "batches": self.batches.to_json(),
            "measured": self.measured,
            "memorized": self.memorized,
            "counts": [count.to_json() for count in self.counts],
            "adaptive": [plan.to_json() for plan in self.adaptive],
        }


def first_memorized(
    catalog: Catalog,
    model: Model,
    by: int,
    *,
    protocol: str | None = None,
    limit: int = 20,
    after: tuple[int, int] | None = None,
) -> FirstMemorized:
    """What a model memorized first at a checkpoint at step `by` or before: the count, and a page of `limit` sequences.

    `after` is the onset and the sequence that the page before ended with. Raises `NotMeasured` where none of these checkpoints
    has results.
    """
    with catalog.database.read() as connection:
        measurement = find_measurement(connection, model, protocol)
        steps = [step for _, step in current_rows(connection, measurement)]
    if not steps or steps[0] > by:
        advice = f"ask by step {steps[0]:,} or later" if steps else f"run `seenat memorize {model.name}`"
        raise NotMeasured(
            f"No checkpoint of {model.name} up to step {by:,} has been measured by protocol {measurement.protocol.id} yet; "
            f"{advice}."
        )
    refresh_onsets(catalog.database, measurement, model)
    with catalog.database.read() as connection:
        counts = count_onsets(connection, measurement, model.schedule, by)
        rows = onset_page(connection, measurement, by=by, limit=limit + 1, after=after)
        coverage = read_coverage(catalog.database, connection, model, measurement)
    last = rows[limit - 1] if 0 < limit < len(rows) else None
    return FirstMemorized(
        model=model.name,
        order=model.order.name,
        protocol=measurement.protocol,
        by=by,
        count=sum(count.sequences for count in counts.values()),
        unseen=sum(count.unseen for count in counts.values()),
        sequences=tuple(memorized_sequence(model, row) for row in rows[:limit]),
        next=None if last is None else (last.first_step, last.sequence),
        adaptive=coverage.adaptive,
    )


def memorized_by_batch(
    catalog: Catalog, model: Model, step: int, batches: BatchRange, protocol: str | None = None
) -> MemorizedByBatch:
    """How many sequences of each batch of a range a checkpoint had memorized.

    Raises `NotMeasured` for a step without results.
    """
    with catalog.database.read() as connection:
        measurement = find_measurement(connection, model, protocol)
        rows = {step: row for row, step in current_rows(connection, measurement)}
        check_measured(model, step, rows)
        found = connection.execute(
            select(batch_counts.c.batch, batch_counts.c.measured, batch_counts.c.memorized)
            .where(
                batch_counts.c.measurement_id == measurement.id,
                batch_counts.c.array_row == rows[step],
                batch_counts.c.batch >= batches.start,
                batch_counts.c.batch < batches.stop,
            )
            .order_by(batch_counts.c.batch)
        ).all()
        coverage = read_coverage(catalog.database, connection, model, measurement)
    return MemorizedByBatch(
        model=model.name,
        order=model.order.name,
        protocol=measurement.protocol,
        step=step,
        batches=batches,
        counts=tuple(
            BatchCount(batch=row.batch, seen=row.batch < step, measured=row.measured, memorized=row.memorized)
            for row in found
        ),
        adaptive=tuple(plan for plan in coverage.adaptive if step in plan.refined),
    )


def check_measured(model: Model, step: int, measured: Collection[int]) -> None:
    """Raise `NotMeasured` unless a step is among the measured ones, and `UnknownCheckpoint` where there is no checkpoint."""
    if step not in measured:
        known = ", ".join(f"{one:,}" for one in measured) or "none"
        model.checkpoint(step)
        unseen = "" if step else " --unseen"  # Before the first step nothing was seen.
        raise NotMeasured(
            f"Step {step:,} of {model.name} has not been measured; measured are {known}. Choose one of them, or run "
            f"`seenat memorize {model.name} --steps {step}{unseen}`."
        )
