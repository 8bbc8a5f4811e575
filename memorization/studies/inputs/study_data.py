"""A model's committed values, a range of sequences at a time.

A *seen point* is a sequence at a checkpoint that had consumed it and was measured there. Rows ascend by step and are those
of the checkpoints' present contents.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, TypedDict

import numpy as np
import numpy.typing as npt

from seenat.memorization.adaptive.coverage import AdaptivePlan, Coverage, read_coverage
from seenat.memorization.labels.choose import Chosen, Where, open_chosen
from seenat.memorization.protocol.measures import DECODED
from seenat.memorization.protocol.protocol import NOT_MEASURED, Protocol
from seenat.memorization.results.array import Values
from seenat.memorization.results.commit import MeasurementStore
from seenat.memorization.results.measurements import ProtocolName, current_rows, find_with_others
from seenat.memorization.results.read import read_values
from seenat.memorization.studies.inputs.quantities import Floats, Quantity
from seenat.registry.answer import Answer
from seenat.registry.catalog.catalog import Catalog
from seenat.registry.catalog.models import Model
from seenat.registry.errors import NotMeasured
from seenat.registry.units import SequenceRange

__all__ = ["Flags", "SeenPoints", "StudyAnswer", "StudyData", "StudyScope", "Transition", "open_study_data"]

Flags = npt.NDArray[np.bool_]


class StudyScope(TypedDict):
    """What an answer is about; the first fields of every `StudyAnswer`."""

    model: str
    order: str
    protocol: Protocol
    adaptive: tuple[AdaptivePlan, ...]
    other_protocols: tuple[ProtocolName, ...]
    where: tuple[str, ...] | None


@dataclass(frozen=True, kw_only=True)
class StudyAnswer(Answer):
    """The base of a study's answer: which model, order and protocol it is about."""

    model: str
    order: str
    protocol: Protocol
    adaptive: tuple[AdaptivePlan, ...]
    """The adaptive jobs that left out sequences the answer would count."""
    other_protocols: tuple[ProtocolName, ...] = ()
    """Other protocols by which the model has results."""
    where: tuple[str, ...] | None = None
    """LABEL=VALUE of the sequences that were counted; None, and no key, for all."""

    def to_json(self) -> dict[str, Any]:
        """The keys of the study, and behind them the other protocols, and which sequences were counted."""
        others = [name.to_json() for name in self.other_protocols]
        answer = {**super().to_json(), "other_protocols": others}
        answer.pop("where", None)
        return answer if self.where is None else {**answer, "where": list(self.where)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition:
    """What happened to consecutive sequences between a measured checkpoint and the seen points before it.

    All arrays `[sequences]`. A checkpoint at which a sequence was not measured says nothing of it and is passed over.
    """

    measured: Flags
    memorized: Flags
    onset: Flags
    """Memorized for the first time."""
    forgotten: Flags
    """Not memorized, and memorized at the seen point before."""
    relearned: Flags
    """Memorized, after it was forgotten."""


@dataclass(frozen=True, kw_only=True)
class SeenPoints:
    """Consecutive sequences at some checkpoints: where they were measured, and memorized. `[checkpoints, sequences]`."""

    measured: Flags
    """Measured at a checkpoint that had seen it."""
    memorized: Flags
    """The whole continuation reproduced; a part of `measured`."""

    @property
    def ever_measured(self) -> Flags:
        """At any of the checkpoints, `[sequences]`."""
        flags: Flags = np.logical_or.reduce(self.measured, axis=0)
        return flags

    @property
    def ever_memorized(self) -> Flags:
        """At any of the checkpoints, `[sequences]`."""
        flags: Flags = np.logical_or.reduce(self.memorized, axis=0)
        return flags

    def transitions(self) -> Iterator[Transition]:
        """One transition a checkpoint, in ascending order."""
        ever = np.zeros(self.measured.shape[1], np.bool_)
        before = ever.copy()  # Memorized at the last point that was measured.
        for measured, memorized in zip(self.measured, self.memorized, strict=True):
            yield Transition(
                measured=measured,
                memorized=memorized,
                onset=memorized & ~ever,
                forgotten=measured & before & ~memorized,
                relearned=memorized & ever & ~before,
            )
            ever = ever | memorized
            before = np.where(measured, memorized, before)


@dataclass(frozen=True, kw_only=True)
class StudyData:
    """One model's values by one protocol."""

    model: Model
    store: MeasurementStore
    rows: dict[int, int]
    """The array's row of each measured step, ascending by step; never empty."""
    coverage: Coverage
    other_protocols: tuple[ProtocolName, ...] = ()
    """Other protocols by which the model has results."""
    chosen: Chosen | None = None
    """The sequences that count, by their labels; None for all. Others are as if they were not measured."""

    @property
    def protocol(self) -> Protocol:
        """The protocol by which they were measured."""
        return self.store.measurement.protocol

    @property
    def steps(self) -> tuple[int, ...]:
        """Steps of the measured checkpoints, ascending."""
        return tuple(self.rows)

    def seen(self, step: int) -> SequenceRange:
        """The sequences of the order that a checkpoint had consumed."""
        return self.model.schedule.sequences_seen(step).intersection(self.model.order.sequences)

    def ranges(self, sequences: SequenceRange, multiple: int = 1) -> Iterator[SequenceRange]:
        """Cut a range into ranges of about a block, each but the last a multiple of `multiple` sequences."""
        size = max(1, self.store.measurement.block_sequences // multiple) * multiple
        for start in range(sequences.start, sequences.stop, size):
            yield SequenceRange(start, min(start + size, sequences.stop))

    def points(self, sequences: SequenceRange, steps: tuple[int, ...] | None = None) -> SeenPoints:
        """The seen points of a range at `steps`, or at all measured steps."""
        chosen = self.steps if steps is None else steps
        values = self._read([self.rows[step] for step in chosen], sequences)
        limits = np.array([self.seen(step).stop for step in chosen], np.int64)
        seen = np.arange(sequences.start, sequences.stop) < limits[:, None]
        if self.chosen is not None:
            seen &= self.chosen.in_range(sequences)
        return SeenPoints(
            measured=seen & (values != NOT_MEASURED), memorized=seen & (values == self.protocol.continuation)
        )

    def asked(self, step: int, measured: int) -> int:
        """Of how many sequences a share of those that were measured at a step is meant (`coverage`).

        Of chosen ones all that it had seen where an adaptive job left some out, so that the share is a lower bound.
        """
        if self.chosen is None:
            return self.coverage.asked(step, measured)
        if all(step not in plan.refined for plan in self.coverage.adaptive):
            return measured
        return sum(int(self.chosen.in_range(part).sum()) for part in self.ranges(self.seen(step)))

    def values(self, quantity: Quantity, sequences: SequenceRange) -> Floats:
        """A quantity of a range at all measured steps, seen or not: `[steps, sequences]`, NaN where not measured."""
        values = quantity.of(self._read(list(self.rows.values()), sequences))
        return values if self.chosen is None else np.where(self.chosen.in_range(sequences), values, np.nan)

    def without_adaptive(self) -> StudyData:
        """The same data without the checkpoints at which an adaptive job chose what to measure.

        Such a choice favours memorized sequences, so a mean over it says nothing of the others. Raises `NotMeasured` where there are none.
        """
        refined = {step for plan in self.coverage.adaptive for step in plan.refined}
        rows = {step: row for step, row in self.rows.items() if step not in refined}
        if not rows:
            raise NotMeasured(
                f"Every checkpoint of {self.model.name} was measured only over what adaptive jobs chose, and a mean over "
                f"that means nothing; run `seenat memorize {self.model.name}{self.protocol.options} --unseen`."
            )
        return replace(self, rows=rows, coverage=replace(self.coverage, plans=()))

    def scope(self, *others: StudyData) -> StudyScope:
        """The scope of an answer from this data and that of other models, by the same protocol over the same order."""
        return {
            "model": self.model.name,
            "order": self.model.order.name,
            "protocol": self.protocol,
            "adaptive": tuple(plan for data in (self, *others) for plan in data.coverage.adaptive),
            "other_protocols": self.other_protocols,
            "where": None if self.chosen is None else self.chosen.words,
        }

    def _read(self, rows: list[int], sequences: SequenceRange) -> Values:
        with self.store.database.read() as connection:
            return read_values(self.store, connection, rows, sequences.start, sequences.stop)


def open_study_data(
    catalog: Catalog,
    model: Model,
    protocol: str | None = None,
    *,
    measures: tuple[str, ...] = DECODED,
    where: Where = None,
) -> StudyData:
    """The results of a model by a protocol, named by the beginning of its id, or by its default one.

    `measures` are those that can answer, the preferred ones first; by default those that say what is memorized. `where`
    chooses sequences by their labels.
    Raises `NotMeasured` when no checkpoint, as it is now, was measured.
    """
    with catalog.database.read() as connection:
        measurement, others = find_with_others(connection, model, protocol, measures=measures)
        rows = {step: row for row, step in current_rows(connection, measurement)}
        coverage = read_coverage(catalog.database, connection, model, measurement)
    if not rows:
        raise NotMeasured(
            f"No checkpoint of {model.name}, as it is now, has been measured by protocol {measurement.protocol.id} yet; "
            f"run `seenat memorize {model.name}{measurement.protocol.options}`."
        )
    return StudyData(
        model=model,
        store=MeasurementStore(catalog.database, model, measurement),
        rows=rows,
        coverage=coverage,
        other_protocols=others,
        chosen=open_chosen(catalog.database, model.order, where),
    )
