"""Onsets: what a model had memorized by when, from what commits have counted.

Counts distinguish measured from not measured, and sequences that a checkpoint had seen from those it had not. Only rows of
the checkpoints' present contents are read; where one was replaced and onsets are not derived anew yet, no answer is given.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from sqlalchemy import Connection

from seenat.memorization.adaptive.coverage import AdaptivePlan, Coverage, StepShare, read_coverage
from seenat.memorization.labels.choose import Chosen, Where, open_chosen
from seenat.memorization.labels.onsets import chosen_onsets, counts_of_chosen
from seenat.memorization.protocol.protocol import Protocol
from seenat.memorization.results.block_table import counts_by_row
from seenat.memorization.results.commit import MeasurementStore
from seenat.memorization.results.measurements import (
    Measurement,
    ProtocolName,
    current_rows,
    find_with_others,
)
from seenat.memorization.results.onset_rows import OnsetCount, count_onsets, onset_page
from seenat.memorization.results.refresh import check_onsets
from seenat.memorization.results.trajectory import Onset
from seenat.registry.answer import Answer, TableAnswer
from seenat.registry.catalog.catalog import Catalog
from seenat.registry.catalog.models import Model
from seenat.registry.database.rows import AnyRow
from seenat.registry.errors import NotMeasured

__all__ = ["MemorizedSequence", "Onsets", "StepCount", "memorized_sequence", "onsets"]


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
class MemorizedSequence(Answer):
    """A sequence that some checkpoint had memorized."""

    sequence: int
    onset: Onset
    seen: bool
    """Whether the checkpoint of the onset had seen it."""
    last_step: int
    times_lost: int

    def to_row(self) -> dict[str, Any]:
        """The same without a level below."""
        return {
            "sequence": self.sequence,
            "bracket_low": self.onset.bracket_low,
            "step": self.onset.step,
            "seen": self.seen,
            "last_step": self.last_step,
            "times_lost": self.times_lost,
        }


@dataclass(frozen=True, kw_only=True)
class Onsets(TableAnswer):
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
    other_protocols: tuple[ProtocolName, ...] = ()
    """Other protocols by which the model has results."""
    where: tuple[str, ...] | None = None
    """LABEL=VALUE of the sequences that were counted; None, and no key, for all."""

    table_field = "sequences"
    json_only_with: ClassVar[Mapping[str, str]] = {"where": "where"}


def onsets(
    catalog: Catalog, model: Model, protocol: str | None = None, limit: int | None = 20, where: Where = None
) -> Onsets:
    """When a model memorized what: counts at every measured checkpoint, and the first `limit` sequences by onset, or all.

    `where` chooses sequences by their labels; then values are read, which takes as long as a study. Raises `NotMeasured` when no checkpoint, as it is now, was measured, and `StaleResults` when a content was replaced since
    onsets were derived.
    """
    with catalog.database.read() as connection:
        measurement, others = find_with_others(connection, model, protocol)
        check_onsets(connection, model, measurement)
        coverage = read_coverage(catalog.database, connection, model, measurement)
        chosen = open_chosen(catalog.database, model.order, where)
        if chosen is None:
            counts = count_onsets(connection, measurement, model.schedule)
            steps = _step_counts(connection, measurement, coverage, counts)
        else:
            last, most = _last_step(connection, measurement), 1 << 60 if limit is None else limit
            found = chosen_onsets(connection, measurement, model.schedule, chosen, by=last, limit=most)
            counts, rows = found.counts, found.page[:most]
            store = MeasurementStore(catalog.database, model, measurement)
            steps = _chosen_steps(store, connection, coverage, chosen, counts)
        if not steps:
            raise NotMeasured(
                f"No checkpoint of {model.name}, as it is now, has been measured by protocol {measurement.protocol.id} "
                f"yet; run `seenat memorize {model.name}{measurement.protocol.options}`."
            )
        if chosen is None:
            most = sum(count.sequences for count in counts.values()) if limit is None else limit
            rows = onset_page(connection, measurement, by=max(counts, default=0), limit=most)
    return Onsets(
        model=model.name,
        order=model.order.name,
        protocol=measurement.protocol,
        steps=steps,
        memorized=sum(count.sequences for count in counts.values()),
        lost=sum(count.lost for count in counts.values()),
        sequences=tuple(memorized_sequence(model, row) for row in rows),
        adaptive=coverage.adaptive,
        other_protocols=others,
        where=None if chosen is None else chosen.words,
    )


def memorized_sequence(model: Model, row: AnyRow) -> MemorizedSequence:
    """What a row of the onset table says."""
    return MemorizedSequence(
        sequence=row.sequence,
        onset=Onset(bracket_low=row.bracket_low, step=row.first_step),
        seen=row.sequence < row.first_step * model.schedule.sequences_per_batch,
        last_step=row.last_step,
        times_lost=row.times_lost,
    )


def _step_counts(
    connection: Connection, measurement: Measurement, coverage: Coverage, onset_counts: dict[int, OnsetCount]
) -> tuple[StepCount, ...]:
    none = OnsetCount(0, 0, 0)
    by_row = counts_by_row(connection, measurement)
    return tuple(
        _step_count(step, by_row[row], onset_counts.get(step, none), coverage)
        for row, step in current_rows(connection, measurement)
        if row in by_row
    )


def _last_step(connection: Connection, measurement: Measurement) -> int:
    return max((step for _, step in current_rows(connection, measurement)), default=0)


def _chosen_steps(
    store: MeasurementStore,
    connection: Connection,
    coverage: Coverage,
    chosen: Chosen,
    onset_counts: dict[int, OnsetCount],
) -> tuple[StepCount, ...]:
    none, rows = OnsetCount(0, 0, 0), list(current_rows(connection, store.measurement))
    refined = {step for plan in coverage.adaptive for step in plan.refined}
    return tuple(
        StepCount(
            step=step,
            measured=counts.measured,
            memorized=counts.memorized,
            unseen_measured=counts.unseen_measured,
            unseen_memorized=counts.unseen_memorized,
            onsets=onset_counts.get(step, none).sequences,
            unseen_onsets=onset_counts.get(step, none).unseen,
            asked=counts.seen if step in refined else counts.measured,
        )
        for (_, step), counts in zip(rows, counts_of_chosen(store, connection, rows, chosen), strict=True)
    )


def _step_count(step: int, counts: AnyRow, onsets: OnsetCount, coverage: Coverage) -> StepCount:
    measured = int(counts.measured)  # PostgreSQL's sums are decimals.
    return StepCount(
        step=step,
        measured=measured,
        memorized=int(counts.memorized),
        unseen_measured=int(counts.unseen_measured),
        unseen_memorized=int(counts.unseen_memorized),
        onsets=onsets.sequences,
        unseen_onsets=onsets.unseen,
        asked=coverage.asked(step, measured),
    )
