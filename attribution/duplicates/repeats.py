"""Equal ids at any offset: the maximal repeats of an order, by one pass over an index.

A *maximal repeat* is a run of ids that stands at several places, not all of which have the same id before it, nor all the same
after it; the border of a sequence is an id of its own at each place. So for each there are two places whose ids agree on this
run and no further, and the other way round: the runs on which two places agree, and no further, are the maximal repeats.

With an index window of W ids, a run of at least m ids has a sampled position among its first W, in each of its places, which
the same m - W + 1 ids follow. So sampled positions are grouped by these ids, and in each group every two are compared: how
many ids agree before them and after. If W ids before agree, then an earlier sample belongs to the same run, and the two are
passed over. A run counts only where the position is the rarest of a whole index window within it: then every place of the run
is in the group, and its number is exact.

A group of more than `most_places` positions is not compared in pairs. What all of its places have in common is reported as
frequent; longer runs that only some of them share are not looked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice

import numpy as np
import numpy.typing as npt

from seenat.attribution.duplicates.agreement import agreeing, ids_around
from seenat.attribution.duplicates.answers import LengthCount, Repeat, Repeats
from seenat.attribution.duplicates.contents import ComparedOrder
from seenat.attribution.duplicates.places import LISTED, place_columns, places_of
from seenat.attribution.duplicates.samples import EqualSamples, equal_samples
from seenat.attribution.ngrams.index import NgramIndex
from seenat.attribution.ngrams.search import Places, Region, find_by_index
from seenat.registry.errors import InvalidValue
from seenat.registry.orders.duplicate_sequences import Indices

__all__ = ["MOST_PLACES", "REPEAT_COLUMNS", "FoundRepeats", "Runs", "find_repeats", "repeat_rows", "repeats_answer"]

MOST_PLACES = 100
"""Ids at more places than this are not compared in pairs, unless asked for: 4,950 pairs."""

REPEAT_COLUMNS = ("repeat", "length", "times", "sequence", "offset", "batch", "step")
"""Columns of a file of repeats: a row a place."""

# Flags of pairs and places that are held together.
_FLAGS = 1 << 22


@dataclass(frozen=True)
class Runs:
    """Runs of ids: the position of the first place of each, how many ids, and at how many places."""

    first: Indices
    length: Indices
    times: Indices

    def __len__(self) -> int:
        return len(self.first)

    def __getitem__(self, chosen: npt.NDArray[np.bool_] | npt.NDArray[np.intp] | slice) -> Runs:
        return Runs(self.first[chosen], self.length[chosen], self.times[chosen])

    @classmethod
    def joined(cls, parts: list[Runs]) -> Runs:
        """All of them, each once, by first place and length."""
        columns = [np.empty((3, 0), np.int64), *(np.stack([part.first, part.length, part.times]) for part in parts)]
        first, length, times = np.concatenate(columns, axis=1)
        # Of one run that was counted twice, the larger number comes first.
        order = np.lexsort((-times, length, first))
        joined = cls(first[order], length[order], times[order])
        new = np.ones(len(order), np.bool_)
        new[1:] = (np.diff(joined.first) != 0) | (np.diff(joined.length) != 0)
        return joined[new]


@dataclass(frozen=True)
class FoundRepeats:
    """The maximal repeats of a part of an order, and what was too frequent."""

    repeats: Runs
    frequent: Runs


def find_repeats(
    index: NgramIndex,
    compared: ComparedOrder,
    minimum: int,
    *,
    most_places: int = MOST_PLACES,
    progress: Callable[[int], None] = lambda _: None,
) -> FoundRepeats:
    """The maximal repeats of at least `minimum` ids; `progress` gets the number of sampled positions that were compared.

    Raises `InvalidValue` for fewer ids than the index finds without reading the order.
    """
    least, length = index.window + 3, compared.source.geometry.tokens_per_sequence
    if not least <= minimum <= length:
        raise InvalidValue(
            f"Repeats of at least {minimum} ids cannot be found: this index finds runs from {least} ids on, and the sequences "
            f"of {compared.name} have {length}; choose --minimum between them."
        )
    repeats, frequent = [], []
    for groups in equal_samples(index, compared.source, compared.sequences, minimum - index.window + 1):
        sizes = groups.sizes
        for size in np.unique(sizes[sizes <= most_places]).tolist():
            positions = groups.positions[groups.starts[sizes == size, None] + np.arange(size)]
            at_once = max(1, _FLAGS // size**3)
            cuts = range(at_once, len(positions), at_once)
            repeats += [_repeats(index, compared, part, minimum) for part in np.split(positions, cuts)]
        frequent += list(_frequent(index, compared, groups, most_places))
        progress(len(groups.positions))
    return FoundRepeats(Runs.joined(repeats), Runs.joined(frequent))


def _repeats(index: NgramIndex, compared: ComparedOrder, positions: Indices, minimum: int) -> Runs:
    """The repeats of groups of one size, `[groups, places]`."""
    size, source = positions.shape[1], compared.source
    one, other = np.triu_indices(size, 1)

    def agreement(back: bool, most: int | None = None) -> Indices:
        counts = agreeing(source, positions[:, one].ravel(), positions[:, other].ravel(), back=back, most=most)
        return counts.reshape(-1, len(one))

    before = agreement(True, index.window)
    kept = (before < index.window).any(axis=1)
    positions, before = positions[kept], before[kept]
    after = agreement(False)
    maximal = (before < index.window) & (before + after >= minimum)
    maximal &= _are_anchors(index, compared, positions[:, one], before, after, maximal)
    group, pair = np.nonzero(maximal)
    before_all, after_all = (_of_all(counts, size) for counts in (before, after))
    ours = one[pair]
    holds = before_all[group, ours] >= before[group, pair, None]
    holds &= after_all[group, ours] >= after[group, pair, None]
    first = positions[group, holds.argmax(axis=1)] - before[group, pair]
    return Runs(first, before[group, pair] + after[group, pair], holds.sum(axis=1))


def _of_all(counts: Indices, size: int) -> Indices:
    """Numbers of pairs as a matrix of places; a place agrees with itself in everything."""
    one, other = np.triu_indices(size, 1)
    matrix = np.full((len(counts), size, size), np.iinfo(np.int64).max)
    matrix[:, one, other] = matrix[:, other, one] = counts
    return matrix


def _are_anchors(
    index: NgramIndex,
    compared: ComparedOrder,
    positions: Indices,
    before: Indices,
    after: Indices,
    asked: npt.NDArray[np.bool_],
) -> npt.NDArray[np.bool_]:
    """Whether each position is the rarest of a whole index window within the run around it; False where not asked."""
    flags, reach = np.zeros(asked.shape, np.bool_), index.window - 1
    ranks = _ranks_around(index, compared, positions[asked], reach)
    at_least = ranks >= ranks[:, reach : reach + 1]
    lefts = np.logical_and.accumulate(at_least[:, :reach][:, ::-1], axis=1).sum(axis=1)
    rights = np.logical_and.accumulate(at_least[:, reach + 1 :], axis=1).sum(axis=1)
    flags[asked] = np.minimum(lefts, before[asked]) + 1 + np.minimum(rights, after[asked] - 1) >= index.window
    return flags


def _ranks_around(index: NgramIndex, compared: ComparedOrder, positions: Indices, reach: int) -> Indices:
    """The ranks of the ids from `reach` before each position to `reach` after it; -1 beyond the ends of its sequence."""
    ids = ids_around(compared.source, positions, -reach, 2 * reach + 1)
    ranks = index.ranks(ids.astype(compared.source.geometry.dtype)).astype(np.int64)
    return np.where(ids < 0, -1, ranks)


def _frequent(index: NgramIndex, compared: ComparedOrder, groups: EqualSamples, most_places: int) -> Iterator[Runs]:
    """What all places of each large group have in common, unless an earlier sample belongs to the same run."""
    sizes = groups.sizes
    for place in np.flatnonzero(sizes > most_places).tolist():
        positions = groups.positions[groups.starts[place] : groups.starts[place] + sizes[place]]
        first = np.full(len(positions) - 1, positions[0])
        before = agreeing(compared.source, first, positions[1:], back=True, most=index.window).min()
        if before < index.window:
            after = agreeing(compared.source, first, positions[1:], back=False).min()
            yield Runs(positions[:1] - before, np.array([before + after]), np.array([len(positions)]))


# -- answers


def repeats_answer(
    index: NgramIndex, compared: ComparedOrder, found: FoundRepeats, minimum: int, most_places: int, limit: int
) -> Repeats:
    """What was found, with the places of the `limit` longest repeats and most frequent runs."""
    lengths, counts = np.unique(found.repeats.length, return_counts=True)
    longest = np.lexsort((found.repeats.first, -found.repeats.times, -found.repeats.length))[:limit]
    most = np.lexsort((found.frequent.first, -found.frequent.times))[:limit]
    return Repeats(
        order=compared.name,
        sequences=compared.sequences,
        minimum=minimum,
        index_window=index.window,
        most_places=most_places,
        count=len(found.repeats),
        by_length=tuple(
            LengthCount(length=length, repeats=number)
            for length, number in zip(lengths.tolist(), counts.tolist(), strict=True)
        ),
        groups=tuple(_listed(index, compared, found.repeats[longest])),
        frequent=tuple(_listed(index, compared, found.frequent[most])),
    )


def _listed(index: NgramIndex, compared: ComparedOrder, runs: Runs) -> Iterator[Repeat]:
    for place in range(len(runs)):
        places = Places.joined(islice(_places(index, compared, runs, place), LISTED))[:LISTED]
        yield Repeat(
            length=int(runs.length[place]),
            times=int(runs.times[place]),
            places=places_of(places.sequences, places.offsets, compared.sequences_per_batch),
        )


def _places(index: NgramIndex, compared: ComparedOrder, runs: Runs, place: int) -> Iterator[Places]:
    """All places of a run, in training order."""
    start = np.divmod(runs.first[place : place + 1], compared.source.geometry.tokens_per_sequence)
    ids = compared.source.windows(*start, int(runs.length[place]))[0]
    region = Region(compared.sequences.start, compared.sequences.stop)
    return (places for places in find_by_index(index, compared.source, ids, region) if len(places))


def repeat_rows(index: NgramIndex, compared: ComparedOrder, runs: Runs) -> Iterator[dict[str, Indices]]:
    """A row for each place of each repeat, by first place; the columns of `REPEAT_COLUMNS`, a repeat at a time."""
    for place in range(len(runs)):
        for found in _places(index, compared, runs, place):
            repeated = {
                name: np.full(len(found), value)
                for name, value in (("repeat", place), ("length", runs.length[place]), ("times", runs.times[place]))
            }
            yield {**repeated, **place_columns(found.sequences, found.offsets, compared.sequences_per_batch)}
