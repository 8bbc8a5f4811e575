"""Which cells a job measures: a set of sequences, and for each checkpoint those it had seen, or all of them.

A *cell* is one sequence at one checkpoint. The sequences are a range of the order, or *chosen* ones of that range: drawn at
random, or listed in a file. Everything here is arithmetic over ranges, blocks and the chosen sequences; the cells of
146,432,000 sequences and 154 checkpoints are never listed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any, Self

import numpy as np

from seenat.memorization.protocol.sequence_list import SequenceList, Sequences
from seenat.registry.errors import InvalidValue
from seenat.registry.schedule import Schedule
from seenat.registry.units import SequenceRange

__all__ = ["Selection", "count_union"]


@dataclass(frozen=True, kw_only=True)
class Selection:
    """The checkpoints and sequences that a job asks for."""

    steps: tuple[int, ...]
    """Ascending and distinct."""
    sequences: SequenceRange
    sample: int | None = None
    """How many of `sequences` are measured, drawn at random from `seed`; None for all, or for those listed."""
    seed: int = 0
    unseen: bool = False
    """Also measure what a checkpoint had not seen yet."""
    listed: SequenceList | None = None
    """Measure only these of `sequences`."""

    def __post_init__(self) -> None:
        if any(later <= earlier for earlier, later in pairwise(self.steps)):
            raise InvalidValue("The steps to measure must be ascending and distinct.")
        if self.sample is not None and not 1 <= self.sample <= len(self.sequences):
            raise InvalidValue(
                f"A sample of {self.sample} cannot be drawn from {len(self.sequences)} sequences; "
                f"choose 1 to {len(self.sequences)}."
            )
        if self.sample is not None and self.listed is not None:
            raise InvalidValue("Sequences are listed or drawn at random, not both.")

    @property
    def is_lost(self) -> bool:
        """Whether it is unknown which sequences were chosen: they were listed, and the list is gone or another one."""
        return self.listed is not None and self.listed.is_lost

    def sequences_in(self, schedule: Schedule, step: int, block: SequenceRange) -> Sequences:
        """The sequences of a block that are asked for at a step, ascending."""
        span = self._range_at(schedule, step).intersection(block)
        if self._chosen is None:
            return np.arange(span.start, span.stop, dtype=np.int64)
        first, last = np.searchsorted(self._chosen, (span.start, span.stop))
        return self._chosen[first:last]

    def count(self, schedule: Schedule, step: int, block: SequenceRange) -> int:
        """How many sequences of a block are asked for at a step."""
        span = self._range_at(schedule, step).intersection(block)
        first, last = self._below(np.array((span.start, span.stop), np.int64)).tolist()
        return int(last - first)

    def cells(self, schedule: Schedule, step: int) -> int:
        """How many sequences are asked for at a step."""
        return self.count(schedule, step, self.sequences)

    def all_cells(self, schedule: Schedule) -> int:
        """How many are asked for at all steps together."""
        return sum(self.cells(schedule, step) for step in self.steps)

    def blocks(self, schedule: Schedule, step: int, size: int) -> Iterator[int]:
        """The blocks in which something is asked for at a step, ascending."""
        span = self._range_at(schedule, step)
        first, last = span.start // size, -(-span.stop // size)
        borders = np.clip(np.arange(first, last + 1, dtype=np.int64) * size, span.start, span.stop)
        yield from (first + np.flatnonzero(np.diff(self._below(borders)))).tolist()

    def draw(self, schedule: Schedule, size: int, seed: int) -> Sequences:
        """`size` of the sequences asked for at the last step, at random, ascending; at most as many as there are.

        The draw is independent of a sample of the same seed.
        """
        span = self._range_at(schedule, self.steps[-1])
        first, last = self._below(np.array((span.start, span.stop), np.int64)).tolist()
        # The 1 makes it another stream than that of `sample`, which is seeded by the seed alone.
        places = first + _drawn(last - first, size, (seed, 1))
        drawn: Sequences = places if self._chosen is None else self._chosen[places]
        return drawn

    def to_json(self) -> dict[str, Any]:
        """Every field by name; `from_json` reads it back."""
        # `listed` is omitted when None, so that digests of plans that were stored before it existed stay valid.
        return {
            "steps": list(self.steps),
            "sequences": self.sequences.to_json(),
            "sample": self.sample,
            "seed": self.seed,
            "unseen": self.unseen,
            **({} if self.listed is None else {"listed": self.listed.to_json()}),
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any], lists: Path) -> Self:
        """Read what `to_json` gave, and pass over other keys; lists lie in the folder `lists`."""
        listed = value.get("listed")
        return cls(
            steps=tuple(value["steps"]),
            sequences=SequenceRange(**value["sequences"]),
            sample=value["sample"],
            seed=value["seed"],
            unseen=value["unseen"],
            listed=None if listed is None else SequenceList.from_json(listed, lists),
        )

    def _seen_part(self, schedule: Schedule, step: int) -> tuple[SequenceRange, Sequences | None]:
        """The range asked for that the checkpoint at a step had seen, and the chosen sequences in it, if not all are."""
        span = self.sequences.intersection(schedule.sequences_seen(step))
        if self._chosen is None:
            return span, None
        first, last = np.searchsorted(self._chosen, (span.start, span.stop))
        return span, self._chosen[first:last]

    def _range_at(self, schedule: Schedule, step: int) -> SequenceRange:
        return self.sequences if self.unseen else self.sequences.intersection(schedule.sequences_seen(step))

    def _below(self, borders: Sequences) -> Sequences:
        """How many of the sequences to measure lie below each border, up to a constant: only differences mean something."""
        return borders if self._chosen is None else np.searchsorted(self._chosen, borders)

    @cached_property
    def _chosen(self) -> Sequences | None:
        """The chosen sequences, ascending; None where the whole range is measured."""
        if self.listed is not None:
            return self.listed.sequences
        if self.sample is None:
            return None
        return self.sequences.start + _drawn(len(self.sequences), self.sample, self.seed)


def count_union(selections: Iterable[Selection], schedule: Schedule, step: int) -> int:
    """How many of the sequences that a checkpoint had seen are asked for by at least one of the selections."""
    parts = [selection._seen_part(schedule, step) for selection in selections if step in selection.steps]
    spans = _merged(span for span, chosen in parts if chosen is None)
    outside = [_outside(chosen, spans) for _, chosen in parts if chosen is not None]
    return sum(map(len, spans)) + _distinct(outside)


def _drawn(population: int, size: int, seed: int | tuple[int, int]) -> Sequences:
    generator = np.random.Generator(np.random.PCG64(seed))
    return np.sort(generator.choice(population, size, replace=False, shuffle=False).astype(np.int64))


def _merged(ranges: Iterable[SequenceRange]) -> list[SequenceRange]:
    """The same sequences as ranges that do not meet, ascending."""
    merged: list[SequenceRange] = []
    for span in sorted(span for span in ranges if span):
        if merged and span.start <= merged[-1].stop:
            merged[-1] = SequenceRange(merged[-1].start, max(merged[-1].stop, span.stop))
        else:
            merged.append(span)
    return merged


def _outside(chosen: Sequences, spans: list[SequenceRange]) -> Sequences:
    """The ascending sequences that lie in none of the ascending ranges."""
    borders = np.searchsorted(chosen, [edge for span in spans for edge in (span.start, span.stop)])
    # Pieces between, within, between, ... the ranges.
    pieces = np.split(chosen, borders)
    return np.concatenate(pieces[::2])


def _distinct(lists: list[Sequences]) -> int:
    """How many different sequences several ascending lists hold; takes time by the lengths of all but the longest."""
    longest_first = sorted(lists, key=len, reverse=True)
    total = 0
    for place, sequences in enumerate(longest_first):
        is_new = np.ones(len(sequences), np.bool_)
        for longer in longest_first[:place]:
            at = np.minimum(np.searchsorted(longer, sequences), len(longer) - 1)
            is_new &= longer[at] != sequences if len(longer) else True
        total += int(np.count_nonzero(is_new))
    return total
