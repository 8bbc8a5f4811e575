"""Our results beside published ones: counts, and sequence by sequence.

Results of two runs are compared at checkpoints that had seen the same number of sequences of the same order: steps are not
the same in every run. Published results of a `-v0` model are put beside ours of the model of that name without it, and the
other way round, since both were trained on one order; that they are two runs is among the differences.

Compared sequence by sequence are those that we measured by the chosen protocol, that the checkpoint had seen, and that the
published set says something about: all that a list of memorized ones covers, its own where it is a sample or says of nothing
else. Sequences whose published numbers may be one too high, and the one before them, are left out and counted.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from sqlalchemy import Connection, select

from seenat.memorization.adaptive.coverage import AdaptivePlan
from seenat.memorization.protocol.protocol import NOT_MEASURED, Protocol
from seenat.memorization.published.result_sets import PUBLISHED_PROTOCOL, ResultSet, SetContent, result_sets_of
from seenat.memorization.queries.onsets import StepCount, onsets
from seenat.memorization.results.block_table import committed_blocks
from seenat.memorization.results.commit import MeasurementStore
from seenat.memorization.results.measurements import Measurement, current_rows, find_measurement
from seenat.registry.answer import Answer
from seenat.registry.catalog.catalog import Catalog
from seenat.registry.catalog.models import Model
from seenat.registry.database.tables.imports import reference_counts
from seenat.registry.errors import NotMeasured, UnknownModel, UnknownOrder

__all__ = ["Agreement", "Comparison", "CountComparison", "compare"]

_V0 = "-v0"
_EXAMPLES = 5
# Two protocols must agree in these fields for memorized to mean the same.
_DECIDING = ("prompt", "continuation", "offset", "eos", "eos_id")


@dataclass(frozen=True, kw_only=True)
class CountComparison(Answer):
    """A published count, and ours at the same number of sequences seen."""

    sequences: int
    """Seen, and measured by those who published."""
    published_model: str
    published_step: int
    published: int
    step: int | None
    """Of our model; None where it has no such step."""
    measured: int
    """Of the sequences seen; 0 where nothing was."""
    memorized: int
    asked: int
    """Measured, or left out by adaptive jobs."""
    source: str
    note: str | None

    json_names = (
        "sequences",
        "published_model",
        "published_step",
        "published",
        "step",
        "measured",
        "memorized",
        "asked",
        "source",
        "note",
        "published_share",
        "share",
    )

    @property
    def published_share(self) -> float:
        """Of the sequences that were measured."""
        return self.published / self.sequences

    @property
    def share(self) -> float | None:
        """Ours; None where nothing was measured, or adaptive jobs chose what to measure."""
        return self.memorized / self.measured if self.measured and self.asked == self.measured else None


@dataclass(frozen=True, kw_only=True)
class Agreement(Answer):
    """Our values beside a published set, over the same sequences."""

    name: str
    kind: str
    published_model: str
    published_step: int
    step: int
    """Of our model."""
    both: int
    """Sequences that are memorized in ours and in theirs."""
    only_ours: int
    only_theirs: int
    neither: int
    left_out: int
    """Sequences that we measured and whose published numbers may be wrong."""
    examples_only_ours: tuple[int, ...]
    examples_only_theirs: tuple[int, ...]

    json_names = (
        "name",
        "kind",
        "published_model",
        "published_step",
        "step",
        "both",
        "only_ours",
        "only_theirs",
        "neither",
        "left_out",
        "examples_only_ours",
        "examples_only_theirs",
        "compared",
    )

    @property
    def compared(self) -> int:
        """How many sequences were compared."""
        return self.both + self.only_ours + self.only_theirs + self.neither


@dataclass(frozen=True, kw_only=True)
class Comparison(Answer):
    """A model's results beside published ones."""

    model: str
    protocol: Protocol | None
    """By which ours were measured; None where nothing was."""
    differences: tuple[str, ...]
    """Between our procedure and the published one, a sentence each."""
    counts: tuple[CountComparison, ...]
    agreements: tuple[Agreement, ...]
    not_compared: tuple[str, ...]
    """Published sets at whose number of sequences nothing was measured here, or by a protocol that means something else."""
    adaptive: tuple[AdaptivePlan, ...]
    """The adaptive jobs that ours rest on."""


def compare(catalog: Catalog, model: Model, protocol: str | None = None) -> Comparison:
    """Put a model's results beside everything published of it.

    Raises `NotMeasured` when nothing was published, or when nothing was measured by the chosen protocol.
    """
    related = _related(catalog, model)
    ours = _measurement(catalog, model, protocol)
    our_onsets = onsets(catalog, model, protocol, 0) if ours else None
    steps = {count.step: count for count in our_onsets.steps} if our_onsets else {}
    with catalog.database.read() as connection:
        counts = tuple(_counts(connection, model, related, steps))
        sets = result_sets_of(catalog.database, connection, list(related))
        agreements = tuple(_agreements(catalog, connection, model, related, ours, sets)) if ours else ()
    if not counts and not sets:
        raise NotMeasured(
            f"No published results of {model.name} are in the catalog; `seenat import memorized` reads those of Pythia."
        )
    others = {count.published_model for count in counts} | {result_set.model for result_set in sets}
    return Comparison(
        model=model.name,
        protocol=ours.protocol if ours else None,
        differences=tuple(
            _differences(model.name, ours.protocol if ours else None, others, bool(counts), sets, agreements)
        ),
        counts=counts,
        agreements=agreements,
        not_compared=tuple(
            result_set.name
            for result_set in sets
            if result_set.name not in {agreement.name for agreement in agreements}
        ),
        adaptive=our_onsets.adaptive if our_onsets else (),
    )


def _related(catalog: Catalog, model: Model) -> dict[int, Model]:
    """A model and its namesake of the first or a later release, if that was trained on the same order; by id."""
    name = model.name.removesuffix(_V0) if model.name.endswith(_V0) else model.name + _V0
    alone = {model.id: model}
    try:
        other = catalog.model(name)
    except UnknownModel:
        return alone
    same = model.training_order is not None and other.training_order == model.training_order
    return alone | {other.id: other} if same else alone


def _measurement(catalog: Catalog, model: Model, protocol: str | None) -> Measurement | None:
    try:
        with catalog.database.read() as connection:
            return find_measurement(connection, model, protocol)
    except (NotMeasured, UnknownOrder):
        if protocol is not None:
            raise
        return None


def _step_of(model: Model, sequences: int) -> int | None:
    """The step at which a model had seen this many sequences; None where there is no such step."""
    step, rest = divmod(sequences, model.schedule.sequences_per_batch)
    return None if rest or step > model.schedule.steps else step


# -- counts


def _counts(
    connection: Connection, model: Model, related: Mapping[int, Model], ours: Mapping[int, StepCount]
) -> Iterator[CountComparison]:
    rows = connection.execute(
        select(reference_counts)
        .where(reference_counts.c.model_id.in_(related))
        .order_by(reference_counts.c.sequences, reference_counts.c.model_id)
    )
    for row in rows:
        step = _step_of(model, row.sequences)
        count = None if step is None else ours.get(step)
        yield CountComparison(
            sequences=row.sequences,
            published_model=related[row.model_id].name,
            published_step=row.step,
            published=row.memorized,
            step=step,
            measured=count.measured if count else 0,
            memorized=count.memorized if count else 0,
            asked=count.asked if count else 0,
            source=row.source,
            note=row.note,
        )


# -- sequence by sequence


@dataclass
class _Tally:
    """Counts so far."""

    both: int = 0
    only_ours: int = 0
    only_theirs: int = 0
    neither: int = 0
    left_out: int = 0
    examples_ours: list[int] = field(default_factory=list)
    examples_theirs: list[int] = field(default_factory=list)

    def add(self, sequences: npt.NDArray[np.int64], ours: npt.NDArray[np.bool_], theirs: npt.NDArray[np.bool_]) -> None:
        self.both += int((ours & theirs).sum())
        self.neither += int((~ours & ~theirs).sum())
        only_ours, only_theirs = sequences[ours & ~theirs], sequences[theirs & ~ours]
        self.only_ours += len(only_ours)
        self.only_theirs += len(only_theirs)
        self.examples_ours += only_ours[: _EXAMPLES - len(self.examples_ours)].tolist()
        self.examples_theirs += only_theirs[: _EXAMPLES - len(self.examples_theirs)].tolist()


def _agreements(
    catalog: Catalog,
    connection: Connection,
    model: Model,
    related: Mapping[int, Model],
    ours: Measurement,
    sets: tuple[ResultSet, ...],
) -> Iterator[Agreement]:
    store = MeasurementStore(catalog.database, model, ours)
    rows = {step: row for row, step in current_rows(connection, ours)}
    theirs = {result_set.name: result_set for result_set in related.values()}
    for result_set in sets:
        seen = result_set.step * theirs[result_set.model].schedule.sequences_per_batch
        step = _step_of(model, seen)
        if step is None or step not in rows or _deciding_differences(ours.protocol, result_set.protocol):
            continue
        tally = _Tally()
        content = result_set.content()
        for sequences, memorized in _measured(store, connection, rows[step], seen):
            _judge(tally, content, sequences, memorized)
        yield _agreement(result_set, step, tally)


def _measured(
    store: MeasurementStore, connection: Connection, row: int, seen: int
) -> Iterator[tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]]:
    """The sequences below `seen` that were measured, ascending, and whether each was memorized; block by block."""
    for block in committed_blocks(connection, store.measurement, row):
        values = store.committed(connection, row, block).values
        places = np.flatnonzero(values != NOT_MEASURED)
        sequences = places + store.measurement.block(block).start
        within = sequences < seen
        yield sequences[within], values[places[within]] == store.measurement.protocol.continuation


def _judge(
    tally: _Tally, content: SetContent, sequences: npt.NDArray[np.int64], memorized: npt.NDArray[np.bool_]
) -> None:
    covered = content.covered(sequences)
    sequences, memorized = sequences[covered], memorized[covered]
    if content.marked_from is not None:
        sure = sequences < content.marked_from - 1
        tally.left_out += int((~sure).sum())
        sequences, memorized = sequences[sure], memorized[sure]
    tally.add(sequences, memorized, np.isin(sequences, content.memorized, assume_unique=True))


def _agreement(result_set: ResultSet, step: int, tally: _Tally) -> Agreement:
    return Agreement(
        name=result_set.name,
        kind=result_set.kind,
        published_model=result_set.model,
        published_step=result_set.step,
        step=step,
        both=tally.both,
        only_ours=tally.only_ours,
        only_theirs=tally.only_theirs,
        neither=tally.neither,
        left_out=tally.left_out,
        examples_only_ours=tuple(tally.examples_ours),
        examples_only_theirs=tuple(tally.examples_theirs),
    )


# -- what differs


def _deciding_differences(ours: Protocol, theirs: Mapping[str, Any]) -> list[str]:
    stated = ours.to_json()
    return [name for name in _DECIDING if name in theirs and stated[name] != theirs[name]]


def _differences(
    model: str,
    ours: Protocol | None,
    others: set[str],
    has_counts: bool,
    sets: Sequence[ResultSet],
    agreements: Sequence[Agreement],
) -> Iterator[str]:
    for other in sorted(others - {model}):
        yield (
            f"Published are results of {other}, most likely; ours are of {model}, another training run over the same order."
        )
    if ours is None:
        return
    if has_counts or any(result_set.protocol for result_set in sets):
        yield from _from_published(ours)
    compared = {agreement.name for agreement in agreements}
    unstated = [result_set.name for result_set in sets if not result_set.protocol and result_set.name in compared]
    if unstated:
        yield (
            f"How {', '.join(unstated)} was measured is not stated; it is compared as if all {ours.continuation} ids reproduced by "
            "our procedure were memorized there."
        )


def _from_published(ours: Protocol) -> Iterator[str]:
    """What differs between ours and the published procedure."""
    stated = ours.to_json()
    deciding = _deciding_differences(ours, PUBLISHED_PROTOCOL)
    for name in deciding:
        yield f"{name}: {stated[name]} here, {PUBLISHED_PROTOCOL[name]} there."
    if deciding:
        yield "So memorized does not mean the same, and sequences are not compared one by one."
    if ours.dtype != PUBLISHED_PROTOCOL["dtype"]:
        yield (
            f"dtype: {ours.dtype} here, {PUBLISHED_PROTOCOL['dtype']} there; where two ids are almost equally likely, "
            "greedy decoding may choose the other one."
        )
    if ours.measure != PUBLISHED_PROTOCOL["measure"] and not deciding:
        yield (
            f"measure: {ours.measure} here, {PUBLISHED_PROTOCOL['measure']} there; all {ours.continuation} ids reproduced "
            "is the same by both."
        )
