"""Which cells a job measures: a set of sequences, and for each checkpoint those it had seen, or all of them.

A *cell* is one sequence at one checkpoint. The order is cut into *blocks* of consecutive sequences, each a whole number of
batches, so that what is counted of a batch is counted in one block. Everything here is arithmetic over ranges; the cells
of 146,432,000 sequences and 154 checkpoints are never listed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from seenat.registry.errors import InvalidValue
from seenat.registry.schedule import Schedule
from seenat.registry.units import SequenceRange

__all__ = ["Selection", "block_range", "block_sequences"]

_LARGEST_BLOCK = 1 << 16
"""Sequences: some minutes of one CPU core at a small model, a second of a GPU; what a kill can cost at most."""

_SMALLEST_BLOCK = 256


def block_sequences(sequences: int, sequences_per_batch: int) -> int:
    """How many sequences a block of an order has: about a quarter of it, 256 to 65,536, a multiple of the batch."""
    aim = min(max(sequences // 4, _SMALLEST_BLOCK), _LARGEST_BLOCK)
    return max(1, aim // sequences_per_batch) * sequences_per_batch


def block_range(block: int, size: int, sequences: int) -> SequenceRange:
    """The sequences of a block; the last one may be short."""
    return SequenceRange(block * size, min((block + 1) * size, sequences))


@dataclass(frozen=True, kw_only=True)
class Selection:
    """The checkpoints and sequences that a job asks for."""

    steps: tuple[int, ...]
    """Ascending and distinct."""
    sequences: SequenceRange
    sample: int | None = None
    """Measure only so many of `sequences`, drawn at random from `seed`; None for all."""
    seed: int = 0
    unseen: bool = False
    """Also measure what a checkpoint had not seen yet."""

    def __post_init__(self) -> None:
        if any(later <= earlier for earlier, later in pairwise(self.steps)):
            raise InvalidValue("The steps to measure must be ascending and distinct.")
        if self.sample is not None and not 1 <= self.sample <= len(self.sequences):
            raise InvalidValue(
                f"A sample of {self.sample} cannot be drawn from {len(self.sequences)} sequences; "
                f"choose 1 to {len(self.sequences)}."
            )

    def within(self, schedule: Schedule, step: int, block: SequenceRange) -> npt.NDArray[np.int64]:
        """The sequences of a block that are asked for at a step, ascending."""
        asked = self._range_at(schedule, step).intersection(block)
        if self._sample is None:
            return np.arange(asked.start, asked.stop, dtype=np.int64)
        first, last = np.searchsorted(self._sample, (asked.start, asked.stop))
        return self._sample[first:last]

    def count(self, schedule: Schedule, step: int, block: SequenceRange) -> int:
        """How many sequences of a block are asked for at a step."""
        asked = self._range_at(schedule, step).intersection(block)
        if self._sample is None:
            return len(asked)
        first, last = np.searchsorted(self._sample, (asked.start, asked.stop))
        return int(last - first)

    def cells(self, schedule: Schedule, step: int) -> int:
        """How many sequences are asked for at a step."""
        return self.count(schedule, step, self.sequences)

    def blocks(self, schedule: Schedule, step: int, size: int) -> Iterator[int]:
        """The blocks in which something is asked for at a step, ascending."""
        asked = self._range_at(schedule, step)
        if not asked:
            return
        for block in range(asked.start // size, -(-asked.stop // size)):
            if self.count(schedule, step, SequenceRange(block * size, (block + 1) * size)):
                yield block

    def to_json(self) -> dict[str, Any]:
        """Every field by name; `from_json` reads it back."""
        return {
            "steps": list(self.steps),
            "sequences": self.sequences.to_json(),
            "sample": self.sample,
            "seed": self.seed,
            "unseen": self.unseen,
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Read what `to_json` gave."""
        return cls(**{**value, "steps": tuple(value["steps"]), "sequences": SequenceRange(**value["sequences"])})

    def _range_at(self, schedule: Schedule, step: int) -> SequenceRange:
        return self.sequences if self.unseen else self.sequences.intersection(schedule.sequences_seen(step))

    @cached_property
    def _sample(self) -> npt.NDArray[np.int64] | None:
        if self.sample is None:
            return None
        generator = np.random.Generator(np.random.PCG64(self.seed))
        drawn = generator.choice(len(self.sequences), self.sample, replace=False, shuffle=False)
        return np.sort(drawn.astype(np.int64)) + self.sequences.start
