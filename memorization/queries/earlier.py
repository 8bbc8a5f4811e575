"""What one model memorized before another: both onsets, and by how much, in sequences seen.

Sequences seen are the time that models share, whatever a step of theirs reads. An onset lies within its bracket; it is *surely*
earlier where it was reached when the other model, at its own last checkpoint before its onset, had still not memorized the
sequence.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from sqlalchemy import Connection

from seenat.memorization.adaptive.coverage import AdaptivePlan, read_coverage
from seenat.memorization.labels.choose import Where, open_chosen
from seenat.memorization.labels.onsets import ChosenPairs, chosen_pairs
from seenat.memorization.protocol.protocol import Protocol
from seenat.memorization.results.measurements import Measurement, ProtocolName, find_measurement, find_with_others
from seenat.memorization.results.onset_rows import Scaled, count_onsets, earlier_columns, paired_counts
from seenat.memorization.results.refresh import check_onsets
from seenat.memorization.results.trajectory import Onset
from seenat.registry.answer import Answer, TableAnswer
from seenat.registry.catalog.catalog import Catalog
from seenat.registry.catalog.models import Model
from seenat.registry.errors import InvalidValue

__all__ = ["Earlier", "EarlierSequence", "check_same_order", "memorized_earlier"]


@dataclass(frozen=True, slots=True, kw_only=True)
class EarlierSequence(Answer):
    """A sequence that one model memorized before another."""

    sequence: int
    onset: Onset
    other_onset: Onset
    steps: int | None
    """By how many steps; None for models that read another number of sequences a step."""
    sequences: int
    """By how many sequences seen."""
    surely: bool
    """Whether the brackets of both onsets leave no doubt."""

    def to_row(self) -> dict[str, Any]:
        """The same without a level below."""
        return {
            "sequence": self.sequence,
            "bracket_low": self.onset.bracket_low,
            "step": self.onset.step,
            "other_bracket_low": self.other_onset.bracket_low,
            "other_step": self.other_onset.step,
            "steps": self.steps,
            "sequences": self.sequences,
            "surely": self.surely,
        }


@dataclass(frozen=True, kw_only=True)
class Earlier(TableAnswer):
    """What a model memorized before another: counts of all that both memorized, and a page of sequences."""

    model: str
    other: str
    order: str
    protocol: Protocol
    earlier: int
    same: int
    """First memorized after as many sequences seen."""
    later: int
    only_model: int
    """Memorized by the first model and at no measured checkpoint of the other, where that was measured or not."""
    only_other: int
    sequences: tuple[EarlierSequence, ...]
    """Of the earlier ones, by sequence."""
    next: int | None
    """The sequence after which the next page begins; None where nothing follows, or nothing was listed."""
    adaptive: tuple[AdaptivePlan, ...]
    """The adaptive jobs that it rests on."""
    other_protocols: tuple[ProtocolName, ...] = ()
    """Other protocols by which the first model has results."""
    where: tuple[str, ...] | None = None
    """The labels that chose the sequences, as LABEL=VALUE; None for all."""

    json_only_with: ClassVar[Mapping[str, str]] = {"where": "where"}
    table_field = "sequences"


def check_same_order(model: Model, other: Model) -> None:
    """Raise `InvalidValue` for models whose orders have other contents: sequences of the same index are not the same."""
    if model.order.digest != other.order.digest:
        raise InvalidValue(
            f"{model.name} was trained on {model.order.name} and {other.name} on {other.order.name}, so sequences of the same "
            "index are not the same; choose models of one order."
        )


def memorized_earlier(
    catalog: Catalog,
    model: Model,
    other: Model,
    *,
    protocol: str | None = None,
    limit: int = 20,
    after: int = -1,
    where: Where = None,
) -> Earlier:
    """What `model` memorized before `other`, by the same protocol: counts, and the first `limit` sequences above `after`.

    Raises `NotMeasured` for a model without results, `StaleResults` where onsets must be derived anew, and `InvalidValue`
    for models of different orders.
    """
    check_same_order(model, other)
    with catalog.database.read() as connection:
        first, others = find_with_others(connection, model, protocol)
        second = find_measurement(connection, other, first.protocol.id)
        sides = ((first, model), (second, other))
        for measurement, of in sides:
            check_onsets(connection, of, measurement)
        chosen = open_chosen(catalog.database, model.order, where)
        if chosen is None:
            found = _all_pairs(connection, *sides, limit=limit, after=after)
        else:
            here, there = (_scaled(measurement, of) for measurement, of in sides)
            span = model.order.sequences
            found = chosen_pairs(connection, (first, here), (second, there), span, chosen, limit=limit, after=after)
        plans = [read_coverage(catalog.database, connection, of, measured) for measured, of in sides]
    rows = [_earlier(model, other, *row) for row in found.page.T.tolist()]
    return Earlier(
        model=model.name,
        other=other.name,
        order=model.order.name,
        protocol=first.protocol,
        **found.counts._asdict(),
        only_model=found.only_first,
        only_other=found.only_second,
        sequences=tuple(rows[:limit]),
        next=rows[limit - 1].sequence if 0 < limit < len(rows) else None,
        adaptive=tuple(plan for coverage in plans for plan in coverage.adaptive),
        other_protocols=others,
        where=None if chosen is None else chosen.words,
    )


def _all_pairs(
    connection: Connection,
    first: tuple[Measurement, Model],
    second: tuple[Measurement, Model],
    *,
    limit: int,
    after: int,
) -> ChosenPairs:
    """What `chosen_pairs` would say of all sequences, from what is counted already."""
    pair = _scaled(*first), _scaled(*second)
    counts = paired_counts(connection, *pair)
    only_first, only_second = (_total(connection, *side) - sum(counts) for side in (first, second))
    return ChosenPairs(counts, only_first, only_second, earlier_columns(connection, *pair, after, limit + 1))


def _scaled(measurement: Measurement, model: Model) -> Scaled:
    return Scaled(measurement.id, model.schedule.sequences_per_batch)


def _total(connection: Connection, measurement: Measurement, model: Model) -> int:
    return sum(count.sequences for count in count_onsets(connection, measurement, model.schedule).values())


def _earlier(
    model: Model, other: Model, sequence: int, step: int, low: int, other_step: int, other_low: int
) -> EarlierSequence:
    here, there = model.schedule.sequences_per_batch, other.schedule.sequences_per_batch
    return EarlierSequence(
        sequence=sequence,
        onset=_onset(step, low),
        other_onset=_onset(other_step, other_low),
        steps=other_step - step if here == there else None,
        sequences=other_step * there - step * here,
        surely=other_low >= 0 and step * here <= other_low * there,
    )


def _onset(step: int, low: int) -> Onset:
    return Onset(bracket_low=None if low < 0 else low, step=step)
