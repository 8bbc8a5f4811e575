"""What a model kept of what it had memorized, and what it learned again after it was forgotten.

Of the sequences memorized at a measured step `since`, those are *kept* up to `until` that were measured at `until` and are
memorized at every seen point from the one to the other; those memorized at `until` itself may have been forgotten and relearned in
between. Of those that were not measured at `until` only the number is given. As in
`forgetting`, a sequence is forgotten at a seen point at which it is not memorized and was at the one before, and relearned at a
later one at which it is.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from seenat.memorization.labels.choose import Where
from seenat.memorization.queries.memorized import check_measured
from seenat.memorization.studies.inputs.pages import Indices, SequencePage
from seenat.memorization.studies.inputs.study_data import Flags, SeenPoints, StudyAnswer, StudyData, open_study_data
from seenat.registry.answer import Answer, TableAnswer
from seenat.registry.catalog.catalog import Catalog
from seenat.registry.catalog.models import Model
from seenat.registry.columns import Columns, limited
from seenat.registry.errors import InvalidValue

__all__ = ["Kept", "Relearned", "RelearnedSequence", "all_relearned", "kept", "relearned"]


@dataclass(frozen=True, kw_only=True)
class Kept(StudyAnswer):
    """What became of the sequences memorized at one step, up to another."""

    since: int
    until: int
    memorized: int
    """At `since`."""
    kept: int
    """Of those, memorized at every later seen point up to `until`, and measured there."""
    at_until: int
    """Of those memorized at `since`, memorized at `until`, whatever was between."""
    not_measured: int
    """Of those memorized at `since`, not measured at `until`."""
    sequences: tuple[int, ...]
    """Some of those that were kept, ascending."""
    next: int | None
    """The sequence after which to continue; None where nothing follows, or nothing was listed."""


@dataclass(frozen=True, kw_only=True)
class RelearnedSequence(Answer):
    """A sequence that was forgotten and relearned, and at which steps."""

    sequence: int
    forgotten: tuple[int, ...]
    relearned: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class Relearned(StudyAnswer, TableAnswer):
    """How many sequences a model forgot, and which of them it learned again."""

    memorized: int
    """Sequences memorized at some seen point."""
    forgotten: int
    """Of those, forgotten at a later one."""
    relearned: int
    """Of those, relearned at a still later one."""
    sequences: tuple[RelearnedSequence, ...]
    """Some of those that were relearned, ascending."""
    next: int | None
    """The sequence after which to continue; None where nothing follows, or nothing was listed."""

    table_field = "sequences"


def kept(
    catalog: Catalog,
    model: Model,
    since: int,
    until: int | None = None,
    *,
    protocol: str | None = None,
    limit: int = 20,
    after: int = -1,
    where: Where = None,
) -> Kept:
    """What a model kept of the sequences memorized at `since`, up to `until` or its last measured step.

    Of those kept, the first `limit` above `after` are listed. Raises `NotMeasured` for steps without results and
    `InvalidValue` unless `since` is below `until`.
    """
    data = open_study_data(catalog, model, protocol, where=where)
    until = data.steps[-1] if until is None else until
    for step in (since, until):
        check_measured(model, data.protocol, step, data.steps)
    if since >= until:
        raise InvalidValue(
            f"Nothing is kept from step {since} to {until}; choose a later step than {since} to look at."
        )
    steps = tuple(step for step in data.steps if since <= step <= until)
    counts, listed = np.zeros(4, np.int64), SequencePage(limit, after)
    for sequences in data.ranges(data.seen(since)):
        points = data.points(sequences, steps)
        start, end = points.memorized[0], points.memorized[-1]
        whole = start & end & (points.memorized | ~points.measured).all(axis=0)
        counts += np.array([start.sum(), whole.sum(), (start & end).sum(), (start & ~points.measured[-1]).sum()])
        listed.add(np.flatnonzero(whole) + sequences.start)
    memorized, whole_count, at_until, not_measured = counts.tolist()
    return Kept(
        **data.scope(),
        since=since,
        until=until,
        memorized=memorized,
        kept=whole_count,
        at_until=at_until,
        not_measured=not_measured,
        sequences=listed.sequences,
        next=listed.next,
    )


def relearned(
    catalog: Catalog,
    model: Model,
    *,
    protocol: str | None = None,
    limit: int = 20,
    after: int = -1,
    where: Where = None,
) -> Relearned:
    """How many sequences a model forgot and relearned; of those relearned, the first `limit` above `after` are listed.

    Raises `NotMeasured` for a model without results.
    """
    data = open_study_data(catalog, model, protocol, where=where)
    counts, relearned_sequences, listed = (
        np.zeros(3, np.int64),
        dict[int, RelearnedSequence](),
        SequencePage(limit, after),
    )
    for sequences in data.ranges(data.seen(data.steps[-1])):
        places, forgotten, again = _changes(data.points(sequences))
        relearned_ = again.any(axis=0)
        counts += np.array([len(places), forgotten.any(axis=0).sum(), relearned_.sum()])
        for place in listed.add(places[relearned_] + sequences.start):
            column = int(np.searchsorted(places, place - sequences.start))
            relearned_sequences[place] = RelearnedSequence(
                sequence=place,
                forgotten=_steps(data, forgotten[:, column]),
                relearned=_steps(data, again[:, column]),
            )
    memorized, lost, learned_again = counts.tolist()
    return Relearned(
        **data.scope(),
        memorized=memorized,
        forgotten=lost,
        relearned=learned_again,
        sequences=tuple(relearned_sequences[sequence] for sequence in listed.sequences),
        next=listed.next,
    )


def all_relearned(
    catalog: Catalog,
    model: Model,
    *,
    protocol: str | None = None,
    limit: int | None = None,
    after: int | None = None,
    where: Where = None,
) -> Iterator[Columns]:
    """Every row of `relearned` above `after`, at most `limit`, as columns; raises what that raises."""
    data = open_study_data(catalog, model, protocol, where=where)
    start = 0 if after is None else after + 1

    def blocks() -> Iterator[Columns]:
        for sequences in data.ranges(data.seen(data.steps[-1])):
            if sequences.stop > start:
                places, forgotten, again = _changes(data.points(sequences))
                chosen = again.any(axis=0) & (places + sequences.start >= start)
                yield Columns(
                    {
                        ("sequence",): places[chosen] + sequences.start,
                        ("forgotten",): [list(_steps(data, flags)) for flags in forgotten[:, chosen].T],
                        ("relearned",): [list(_steps(data, flags)) for flags in again[:, chosen].T],
                    }
                )

    return limited(blocks(), limit)


def _changes(points: SeenPoints) -> tuple[Indices, Flags, Flags]:
    """Places that are ever memorized, and where each is forgotten and relearned, `[checkpoints, places]`."""
    places = np.flatnonzero(points.ever_memorized)
    chosen = SeenPoints(measured=points.measured[:, places], memorized=points.memorized[:, places])
    changes = list(chosen.transitions())
    forgotten = np.array([change.forgotten for change in changes])
    return places, forgotten, np.array([change.relearned for change in changes])


def _steps(data: StudyData, flags: Flags) -> tuple[int, ...]:
    return tuple(step for step, flag in zip(data.steps, flags.tolist(), strict=True) if flag)
