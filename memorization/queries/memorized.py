"""Which sequences a model had memorized by a step, and how many of each batch: from what commits have counted.

As in `onsets`, every measured point counts, whether or not the checkpoint had seen the sequence. A list is given a page at a
time, each page by where the one before ended, so that the millionth costs what the first does.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

from seenat.memorization.adaptive.coverage import AdaptivePlan, read_coverage
from seenat.memorization.labels.choose import Where, open_chosen
from seenat.memorization.labels.onsets import batch_counts, chosen_onsets
from seenat.memorization.protocol.protocol import Protocol
from seenat.memorization.queries.onsets import MemorizedSequence, memorized_sequence
from seenat.memorization.results.commit import MeasurementStore
from seenat.memorization.results.measurements import (
    Measurement,
    ProtocolName,
    current_rows,
    find_with_others,
)
from seenat.memorization.results.onset_rows import count_onsets, onset_page
from seenat.memorization.results.refresh import check_onsets
from seenat.registry.answer import Answer, TableAnswer
from seenat.registry.catalog.catalog import Catalog
from seenat.registry.catalog.models import Model
from seenat.registry.errors import NotMeasured
from seenat.registry.units import BatchRange

__all__ = [
    "BatchCount",
    "FirstMemorized",
    "MemorizedByBatch",
    "OnsetPlace",
    "check_measured",
    "check_measured_by",
    "first_memorized",
    "memorized_by_batch",
]


class OnsetPlace(NamedTuple):
    """Where a page of sequences by onset ends."""

    step: int
    sequence: int

    def to_json(self) -> dict[str, int]:
        """Both numbers by name."""
        return self._asdict()


@dataclass(frozen=True, kw_only=True)
class FirstMemorized(TableAnswer):
    """What a model memorized first by a step: how many sequences, and a page of them."""

    model: str
    order: str
    protocol: Protocol
    by: int
    count: int
    """Of all sequences, not only those of the page."""
    unseen: int
    """Those among them that the checkpoint of their onset had not seen."""
    sequences: tuple[MemorizedSequence, ...]
    """By onset and sequence."""
    next: OnsetPlace | None
    """Where the next page begins, behind this; None where nothing follows, or nothing was listed."""
    adaptive: tuple[AdaptivePlan, ...]
    """The adaptive jobs that it rests on."""
    other_protocols: tuple[ProtocolName, ...] = ()
    """Other protocols by which the model has results."""
    where: tuple[str, ...] | None = None
    """LABEL=VALUE of the sequences that were counted; None, and no key, for all."""

    table_field = "sequences"
    json_only_with: ClassVar[Mapping[str, str]] = {"where": "where"}


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchCount(Answer):
    """A batch at a checkpoint."""

    batch: int
    seen: bool
    """Whether the checkpoint had consumed it."""
    measured: int
    memorized: int


@dataclass(frozen=True, kw_only=True)
class MemorizedByBatch(TableAnswer):
    """How many sequences of each batch a checkpoint had memorized; batches in which nothing was measured are left out."""

    model: str
    order: str
    protocol: Protocol
    step: int
    batches: BatchRange
    counts: tuple[BatchCount, ...]
    """By ascending batch."""
    adaptive: tuple[AdaptivePlan, ...]
    """The adaptive jobs that it rests on."""
    other_protocols: tuple[ProtocolName, ...] = ()
    """Other protocols by which the model has results."""
    where: tuple[str, ...] | None = None
    """The labels that chose the sequences, as LABEL=VALUE; None for all."""

    json_only_with: ClassVar[Mapping[str, str]] = {"where": "where"}
    table_field = "counts"
    json_names = (
        "model",
        "order",
        "protocol",
        "step",
        "batches",
        "measured",
        "memorized",
        "counts",
        "adaptive",
        "other_protocols",
        "where",
    )

    @property
    def measured(self) -> int:
        """Sequences of these batches that were measured."""
        return sum(count.measured for count in self.counts)

    @property
    def memorized(self) -> int:
        """Those among them that were memorized."""
        return sum(count.memorized for count in self.counts)


def first_memorized(
    catalog: Catalog,
    model: Model,
    by: int,
    *,
    protocol: str | None = None,
    limit: int = 20,
    after: tuple[int, int] | None = None,
    where: Where = None,
) -> FirstMemorized:
    """What a model memorized first at a checkpoint at step `by` or before: the count, and a page of `limit` sequences.

    `after` is the onset and the sequence that the page before ended with. Raises `NotMeasured` where none of these checkpoints
    has results, and `StaleResults` when a content was replaced since onsets were derived.
    """
    with catalog.database.read() as connection:
        measurement, others = find_with_others(connection, model, protocol)
        check_measured_by(model, by, measurement, [step for _, step in current_rows(connection, measurement)])
        check_onsets(connection, model, measurement)
        chosen = open_chosen(catalog.database, model.order, where)
        # One more than the page has, to know whether another follows.
        if chosen is None:
            counts = count_onsets(connection, measurement, model.schedule, by)
            rows = onset_page(connection, measurement, by=by, limit=limit + 1, after=after)
        else:
            found = chosen_onsets(connection, measurement, model.schedule, chosen, by=by, limit=limit, after=after)
            counts, rows = found.counts, found.page
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
        next=None if last is None else OnsetPlace(last.first_step, last.sequence),
        adaptive=coverage.adaptive,
        other_protocols=others,
        where=None if chosen is None else chosen.words,
    )


def memorized_by_batch(
    catalog: Catalog,
    model: Model,
    step: int,
    batches: BatchRange,
    protocol: str | None = None,
    where: Where = None,
) -> MemorizedByBatch:
    """How many sequences of each batch of a range a checkpoint had memorized.

    Raises `NotMeasured` for a step without results.
    """
    with catalog.database.read() as connection:
        measurement, others = find_with_others(connection, model, protocol)
        rows = {step: row for row, step in current_rows(connection, measurement)}
        check_measured(model, measurement.protocol, step, rows)
        chosen = open_chosen(catalog.database, model.order, where)
        store = MeasurementStore(catalog.database, model, measurement)
        counts = batch_counts(store, connection, rows[step], batches, chosen)
        coverage = read_coverage(catalog.database, connection, model, measurement)
    return MemorizedByBatch(
        model=model.name,
        order=model.order.name,
        protocol=measurement.protocol,
        step=step,
        batches=batches,
        counts=tuple(
            BatchCount(batch=batch, seen=batch < step, measured=measured, memorized=memorized)
            for batch, measured, memorized in counts
        ),
        adaptive=tuple(plan for plan in coverage.adaptive if step in plan.refined),
        other_protocols=others,
        where=None if chosen is None else chosen.words,
    )


def check_measured_by(model: Model, by: int, measurement: Measurement, steps: list[int]) -> None:
    """Raise `NotMeasured` unless one of the measured steps, which ascend, is at `by` or before."""
    if not steps or steps[0] > by:
        advice = (
            f"ask by step {steps[0]:,} or later"
            if steps
            else f"run `seenat memorize {model.name}{measurement.protocol.options}`"
        )
        raise NotMeasured(
            f"No checkpoint of {model.name} up to step {by:,} has been measured by protocol {measurement.protocol.id} yet; "
            f"{advice}."
        )


def check_measured(model: Model, protocol: Protocol, step: int, measured: Collection[int]) -> None:
    """Raise `NotMeasured` unless a step is among the measured ones, and `UnknownCheckpoint` where there is no checkpoint."""
    if step not in measured:
        known = ", ".join(f"{each:,}" for each in measured) or "none"
        model.checkpoint(step)
        unseen = "" if step else " --unseen"  # Before the first step nothing was seen.
        raise NotMeasured(
            f"Step {step:,} of {model.name} has not been measured; measured are {known}. Choose one of them, or run "
            f"`seenat memorize {model.name}{protocol.options} --steps {step}{unseen}`."
        )
