"""What changed from one checkpoint to another, of the same model or of another one over the same order.

Only seen points count. What the second checkpoint has memorized is one of three:

* *gained*: the first had not memorized it, and of the same model no measured checkpoint before it had;
* *relearned*: memorized before, forgotten, and memorized again after the first checkpoint. Of another model: both have it, and
  that model had forgotten it on its way;
* *kept*: the rest.

What only the first has memorized is *forgotten* where the second had seen it and was measured, which for another model means
no more than that it has it not. A first checkpoint that had not seen a sequence had not memorized it. So

    memorized by the first  = kept + forgotten + not_seen + relearned that the first has, but for what was not measured
    memorized by the second = kept + gained + relearned, but for what was not measured
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from seenat.memorization.labels.choose import Where
from seenat.memorization.queries.earlier import check_same_order
from seenat.memorization.queries.memorized import check_measured
from seenat.memorization.studies.inputs.pages import SequencePage
from seenat.memorization.studies.inputs.study_data import Flags, SeenPoints, StudyAnswer, StudyData, open_study_data
from seenat.registry.answer import Answer, TableAnswer
from seenat.registry.catalog.catalog import Catalog
from seenat.registry.catalog.models import Model
from seenat.registry.columns import Columns, limited
from seenat.registry.errors import InvalidValue
from seenat.registry.units import SequenceRange

__all__ = ["CHANGES", "Changed", "ChangedSequence", "all_changed", "changed"]

CHANGES = ("gained", "forgotten", "relearned")
"""What may have become of a sequence."""

_COUNTS = (*CHANGES, "gained_unseen", "kept", "not_seen", "not_measured")
_Kinds = npt.NDArray[np.int8]
"""One more than the place among `CHANGES`, 0 for none of them."""


@dataclass(frozen=True, kw_only=True)
class ChangedSequence(Answer):
    """A sequence, and what became of it."""

    sequence: int
    change: str
    """One of `gained`, `forgotten`, `relearned`."""


@dataclass(frozen=True, kw_only=True)
class Changed(StudyAnswer, TableAnswer):
    """What changed from a checkpoint to another: counts of all sequences, and a page of those that changed."""

    since: int
    other: str
    """The model of the second checkpoint."""
    until: int
    gained: int
    forgotten: int
    relearned: int
    gained_unseen: int
    """Of those gained, not yet seen by the first checkpoint."""
    kept: int
    not_seen: int
    """Memorized by the first, and not yet seen by the second."""
    not_measured: int
    """Memorized by one and, though seen, not measured at the other."""
    sequences: tuple[ChangedSequence, ...]
    """Some of those that changed, ascending."""
    next: int | None
    """The sequence after which to continue; None where nothing follows, or nothing was listed."""

    table_field = "sequences"


@dataclass(frozen=True)
class _Checkpoints:
    """The two that are compared."""

    first: StudyData
    since: int
    second: StudyData
    until: int

    @property
    def same(self) -> bool:
        """Whether they are of one model."""
        return self.first.model.name == self.second.model.name

    @property
    def sequences(self) -> SequenceRange:
        """What at least one of them had seen."""
        return max(self.first.seen(self.since), self.second.seen(self.until), key=len)


def changed(
    catalog: Catalog,
    model: Model,
    since: int,
    until: int | None = None,
    *,
    other: Model | None = None,
    change: str | None = None,
    protocol: str | None = None,
    limit: int = 20,
    after: int = -1,
    where: Where = None,
) -> Changed:
    """What changed from `model` at `since` to the same model, or `other`, at `until`, its last measured step unless given.

    The first `limit` sequences above `after` that changed are listed, or those that this `change` became of. Raises
    `NotMeasured` for steps without results, `InvalidValue` for models of different orders and a `since` that is not before `until`.
    """
    two = _opened(catalog, model, since, until, other or model, protocol, where)
    kinds = CHANGES if change is None else (_checked(change),)
    counts = dict.fromkeys(_COUNTS, 0)
    page, listed = SequencePage(limit, after), list[ChangedSequence]()
    for sequences in two.first.ranges(two.sequences):
        found = _compare(two, sequences)
        for name, flags in found.items():
            counts[name] += int(flags.sum())
        which = _kinds(found, kinds)
        for sequence in page.add(np.flatnonzero(which) + sequences.start):
            kind = CHANGES[which[sequence - sequences.start] - 1]
            listed.append(ChangedSequence(sequence=sequence, change=kind))
    return Changed(
        **(two.first.scope() if two.same else two.first.scope(two.second)),
        since=since,
        other=two.second.model.name,
        until=two.until,
        **counts,
        sequences=tuple(listed),
        next=page.next,
    )


def all_changed(
    catalog: Catalog,
    model: Model,
    since: int,
    until: int | None = None,
    *,
    other: Model | None = None,
    change: str | None = None,
    protocol: str | None = None,
    limit: int | None = None,
    after: int | None = None,
    where: Where = None,
) -> Iterator[Columns]:
    """Every row of `changed` above `after`, at most `limit`, as columns; raises what that raises."""
    two = _opened(catalog, model, since, until, other or model, protocol, where)
    kinds = CHANGES if change is None else (_checked(change),)
    start = 0 if after is None else after + 1

    def blocks() -> Iterator[Columns]:
        for sequences in two.first.ranges(two.sequences):
            if sequences.stop > start:
                which = _kinds(_compare(two, sequences), kinds)
                which[: max(0, start - sequences.start)] = 0
                places = np.flatnonzero(which)
                names = [CHANGES[kind - 1] for kind in which[places].tolist()]
                yield Columns({("sequence",): places + sequences.start, ("change",): names})

    return limited(blocks(), limit)


def _opened(
    catalog: Catalog,
    model: Model,
    since: int,
    until: int | None,
    other: Model,
    protocol: str | None,
    where: Where,
) -> _Checkpoints:
    check_same_order(model, other)
    first = open_study_data(catalog, model, protocol, where=where)
    second = first if other.name == model.name else open_study_data(catalog, other, first.protocol.id, where=where)
    until = second.steps[-1] if until is None else until
    check_measured(model, first.protocol, since, first.steps)
    check_measured(other, second.protocol, until, second.steps)
    if second is first and since >= until:
        raise InvalidValue(
            f"Nothing changes from step {since} to {until} of {model.name}; choose a later step than {since}."
        )
    return _Checkpoints(first, since, second, until)


def _checked(change: str) -> str:
    if change not in CHANGES:
        raise InvalidValue(f"{change!r} is no change; choose one of {', '.join(CHANGES)}.")
    return change


def _compare(two: _Checkpoints, sequences: SequenceRange) -> dict[str, Flags]:
    """By the name of a count: which sequences of a range it counts."""
    steps = tuple(step for step in two.second.steps if step <= two.until)
    first, path = two.first.points(sequences, (two.since,)), two.second.points(sequences, steps)
    had, has, there = first.memorized[0], path.memorized[-1], path.measured[-1]
    new, unread = _beyond(two.first.seen(two.since), sequences), _beyond(two.second.seen(two.until), sequences)
    known = first.measured[0] | new
    before = _ever(path, [step <= two.since for step in steps]) if two.same else had
    relearned = has & known & before & _relearned(path, [step > two.since or not two.same for step in steps])
    gained = has & known & ~before
    return {
        "gained": gained,
        "forgotten": had & there & ~has,
        "relearned": relearned,
        "gained_unseen": gained & new,
        "kept": had & has & ~relearned,
        "not_seen": had & unread,
        "not_measured": (has & ~known) | (had & ~there & ~unread),
    }


def _beyond(seen: SequenceRange, sequences: SequenceRange) -> Flags:
    """Which sequences of a range do not belong to those that were seen."""
    places = np.arange(sequences.start, sequences.stop)
    beyond: Flags = (places < seen.start) | (places >= seen.stop)
    return beyond


def _ever(path: SeenPoints, chosen: list[bool]) -> Flags:
    """Which were memorized at one of the chosen checkpoints of a path."""
    flags: Flags = np.logical_or.reduce(path.memorized[chosen], axis=0)
    return flags


def _relearned(path: SeenPoints, chosen: list[bool]) -> Flags:
    """Which were learned again at one of the chosen checkpoints of a path."""
    again = np.array([transition.relearned for transition in path.transitions()])
    flags: Flags = np.logical_or.reduce(again[chosen], axis=0)
    return flags


def _kinds(found: dict[str, Flags], wanted: tuple[str, ...]) -> _Kinds:
    kinds = np.zeros(len(found["kept"]), np.int8)
    for number, name in enumerate(CHANGES, 1):
        if name in wanted:
            kinds[found[name]] = number
    return kinds
