"""What a model kept of what it had memorized, and what it learned again after it was forgotten.

Of the sequences memorized at a measured step `since`, those are *kept* up to `until` that were measured at `until` and are
memorized at every seen point from the one to the other; those memorized at `until` itself may have been forgotten and relearned in
between. Of those that were not measured at `until` nothing is said but how many they are. As in
`curves`, a sequence is forgotten at a seen point at which it is not memorized and was at the one before, and relearned at a
later one at which it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from seenat.memorization.queries.memorized import check_measured
from seenat.memorization.studies.inputs.study_data import Flags, SeenPoints, StudyData, open_study_data
from seenat.registry.catalog.catalog import Catalog
from seenat.registry.catalog.models import Model
from seenat.registry.errors import InvalidValue

__all__ = ["Kept", "Relearned", "RelearnedSequence", "kept", "relearned"]

Indices = npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Kept:
    """What became of the sequences memorized at one step, up to another."""

    names: dict[str, Any]
    """Model, order and protocol."""
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
    """The sequence after which to go on; None where nothing follows, or nothing was listed."""

    def to_json(self) -> dict[str, Any]:
        """The answer under the keys of every JSON answer."""
        return {
            **self.names,
            "since": self.since,
            "until": self.until,
            "memorized": self.memorized,
            "kept": self.kept,
            "at_until": self.at_until,
            "not_measured": self.not_measured,
            "sequences": list(self.sequences),
            "next": self.next,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class RelearnedSequence:
    """A sequence that was forgotten and relearned, and at which steps."""

    sequence: int
    forgotten: tuple[int, ...]
    relearned: tuple[int, ...]

    def to_json(self) -> dict[str, Any]:
        """Every field by name."""
        return {"sequence": self.sequence, "forgotten": list(self.forgotten), "relearned": list(self.relearned)}


@dataclass(frozen=True, kw_only=True)
class Relearned:
    """How many sequences a model forgot, and which of them it learned again."""

    names: dict[str, Any]
    """Model, order and protocol."""
    memorized: int
    """Sequences memorized at some seen point."""
    forgotten: int
    """Of those, forgotten at a later one."""
    relearned: int
    """Of those, relearned at a still later one."""
    sequences: tuple[RelearnedSequence, ...]
    """Some of those that were relearned, ascending."""
    next: int | None
    """The sequence after which to go on; None where nothing follows, or nothing was listed."""

    def to_json(self) -> dict[str, Any]:
        """The answer under the keys of every JSON answer."""
        return {
            **self.names,
            "memorized": self.memorized,
            "forgotten": self.forgotten,
            "relearned": self.relearned,
            "sequences": [sequence.to_json() for sequence in self.sequences],
            "next": self.next,
        }


def kept(
    catalog: Catalog,
    model: Model,
    since: int,
    until: int | None = None,
    *,
    protocol: str | None = None,
    limit: int = 20,
    after: int = -1,
) -> Kept:
    """What a model kept of the sequences memorized at `since`, up to `until` or its last measured step.

    Of those kept, the first `limit` above `after` are listed. Raises `NotMeasured` for steps without results and
    `InvalidValue` unless `since` is below `until`.
    """
    results = open_study_data(catalog, model, protocol)
    until = results.steps[-1] if until is None else until
    for step in (since, until):
        check_measured(model, step, results.steps)
    if since >= until:
        raise InvalidValue(
            f"Nothing is kept from step {since} to {until}; choose a later step than {since} to look at."
        )
    steps = tuple(step for step in results.steps if since <= step <= until)
    counts, listed = np.zeros(4, np.int64), _Page(limit, after)
    for sequences in results.ranges(results.seen(since)):
        points = results.points(sequences, steps)
        start, end = points.memorized[0], points.memorized[-1]
        whole = start & end & (points.memorized | ~points.measured).all(axis=0)
        counts += np.array([start.sum(), whole.sum(), (start & end).sum(), (start & ~points.measured[-1]).sum()])
        listed.add(np.flatnonzero(whole) + sequences.start)
    memorized, whole_count, at_until, not_measured = counts.tolist()
    return Kept(
        names=results.names(),
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
    catalog: Catalog, model: Model, *, protocol: str | None = None, limit: int = 20, after: int = -1
) -> Relearned:
    """How many sequences a model forgot and relearned; of those relearned, the first `limit` above `after` are listed.

    Raises `NotMeasured` for a model without results.
    """
    results = open_study_data(catalog, model, protocol)
    counts, found, listed = np.zeros(3, np.int64), dict[int, RelearnedSequence](), _Page(limit, after)
    for sequences in results.ranges(results.seen(results.steps[-1])):
        places, forgotten, again = _changes(results.points(sequences))
        relearned_ = again.any(axis=0)
        counts += np.array([len(places), forgotten.any(axis=0).sum(), relearned_.sum()])
        for place in listed.add(places[relearned_] + sequences.start):
            column = int(np.searchsorted(places, place - sequences.start))
            found[place] = RelearnedSequence(
                sequence=place,
                forgotten=_steps(results, forgotten[:, column]),
                relearned=_steps(results, again[:, column]),
            )
    memorized, lost, learned_again = counts.tolist()
    return Relearned(
        names=results.names(),
        memorized=memorized,
        forgotten=lost,
        relearned=learned_again,
        sequences=tuple(found[sequence] for sequence in listed.sequences),
        next=listed.next,
    )


class _Page:
    """The first sequences above one, of many that come ascending."""

    def __init__(self, limit: int, after: int) -> None:
        self.limit, self.after = limit, after
        self.sequences: tuple[int, ...] = ()
        self.next: int | None = None

    def add(self, sequences: Indices) -> tuple[int, ...]:
        """Take what still belongs to the page, and return it."""
        above = sequences[np.searchsorted(sequences, self.after, side="right") :]
        taken = tuple(above[: self.limit - len(self.sequences)].tolist())
        self.sequences += taken
        if self.sequences and len(above) > len(taken):
            self.next = self.sequences[-1]
        return taken


def _changes(points: SeenPoints) -> tuple[Indices, Flags, Flags]:
    """Places that are ever memorized, and at which `[checkpoints, places]` each is forgotten and relearned."""
    places = np.flatnonzero(points.ever_memorized)
    ever = np.zeros(len(places), np.bool_)
    held = ever.copy()
    forgotten: list[Flags] = []
    again: list[Flags] = []
    for known, now in zip(points.measured[:, places], points.memorized[:, places], strict=True):
        forgotten.append(known & held & ~now)
        again.append(now & ever & ~held)
        ever |= now
        held = np.where(known, now, held)
    return places, np.array(forgotten), np.array(again)


def _steps(results: StudyData, flags: Flags) -> tuple[int, ...]:
    return tuple(step for step, flag in zip(results.steps, flags.tolist(), strict=True) if flag)
