"""The units of a training order: sequence, batch, step, and the half-open ranges over them.

* A *sequence* is an index into an order, from 0.
* A *batch* b, from 0, is the sequences `[b * S, (b + 1) * S)`, where S is the number of sequences per batch.
* A *step* is a number of optimizer updates applied, from 0. The checkpoint at step N has consumed batches `[0, N)`;
  batch b turns step b into step b + 1.

All three are plain integers; what tells them apart is the name of the parameter, and for ranges the class. Ranges are
half-open everywhere: `stop` is one past the last. Text is parsed here, at the edge; inside, only valid values travel.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from numbers import Integral
from operator import index
from typing import Self, SupportsIndex

from seenat.registry.errors import InvalidValue

__all__ = [
    "BatchRange",
    "HalfOpenRange",
    "SequenceRange",
    "merged_ranges",
    "parse_count",
    "parse_sequences",
    "parse_step",
    "uncovered",
    "whole_number",
]

_MOST_DIGITS = 18
_STEP = re.compile(r"(?:step)?(\d{1,18})")
_RANGE = re.compile(r"(\d{0,18}):(\d{0,18})")


@dataclass(frozen=True, slots=True, order=True)
class HalfOpenRange:
    """The integers from `start` up to, but without, `stop`."""

    start: int
    """The first index."""
    stop: int
    """One past the last index; equal to `start` when the range is empty."""

    def __post_init__(self) -> None:
        if not 0 <= self.start <= self.stop:
            raise InvalidValue(f"{self.start}:{self.stop} is not a range: it needs 0 <= start <= stop.")

    def __len__(self) -> int:
        return self.stop - self.start

    def __bool__(self) -> bool:
        return self.stop > self.start

    def __getitem__(self, position: SupportsIndex) -> int:
        return range(self.start, self.stop)[position]

    def __contains__(self, number: object) -> bool:
        return isinstance(number, Integral) and self.start <= int(number) < self.stop

    def __iter__(self) -> Iterator[int]:
        return iter(range(self.start, self.stop))

    def __str__(self) -> str:
        return f"{self.start}:{self.stop}"

    def intersection(self, other: Self) -> Self:
        """The indices in both; empty at `start` of the later one when they do not meet."""
        start = max(self.start, other.start)
        return type(self)(start, max(start, min(self.stop, other.stop)))

    def to_json(self) -> dict[str, int]:
        """`{"start": ..., "stop": ...}`, the form of every JSON answer."""
        return {"start": self.start, "stop": self.stop}

    @classmethod
    def parse(cls, text: str, stop: int) -> Self:
        """Read `A:B`, `A:` or `:B`, half-open, within `[0, stop)`."""
        match = _RANGE.fullmatch(text.strip())
        if match is None:
            raise InvalidValue(f"{text!r} is not a range; write START:STOP, for example 0:{min(stop, 1024)}.")
        first, last = int(match[1] or 0), int(match[2] or stop)
        if not first < last <= stop:
            raise InvalidValue(
                f"{text} is not a range within 0:{stop}; START must be below STOP, and STOP at most {stop}."
            )
        return cls(first, last)


class SequenceRange(HalfOpenRange):
    """A half-open range of sequences of one order."""

    __slots__ = ()


class BatchRange(HalfOpenRange):
    """A half-open range of batches of one order or schedule."""

    __slots__ = ()


def merged_ranges(ranges: Iterable[SequenceRange]) -> tuple[SequenceRange, ...]:
    """Ranges as few as hold the same sequences, ascending."""
    merged: list[SequenceRange] = []
    for part in sorted(ranges):
        if merged and part.start <= merged[-1].stop:
            merged[-1] = SequenceRange(merged[-1].start, max(part.stop, merged[-1].stop))
        else:
            merged.append(part)
    return tuple(merged)


def uncovered(sequences: SequenceRange, covered: Iterable[SequenceRange]) -> Iterator[SequenceRange]:
    """The parts of a range that others, which ascend and do not overlap, leave out."""
    start = sequences.start
    for part in (sequences.intersection(other) for other in covered):
        if part:
            if start < part.start:
                yield SequenceRange(start, part.start)
            start = part.stop
    if start < sequences.stop:
        yield SequenceRange(start, sequences.stop)


def parse_sequences(text: str, stop: int) -> SequenceRange | list[int]:
    """Read `A:B`, or numbers separated by commas, of an order with `stop` sequences."""
    if ":" in text:
        return SequenceRange.parse(text, stop)
    return [parse_count(part, "sequence") for part in text.split(",")]


def whole_number(value: object, noun: str) -> int:
    """The index of a `noun` as Python's own whole number, of numpy's too, or of text; raises `InvalidValue` otherwise."""
    if isinstance(value, str):
        return parse_step(value) if noun == "step" else parse_count(value, noun)
    if isinstance(value, SupportsIndex):
        return index(value)
    raise InvalidValue(f"{value!r:.100} is of the type {type(value).__name__}; give the number of a {noun}.")


def parse_step(text: str | int) -> int:
    """Read a step label: `3000`, `"3000"` or the revision name `"step3000"`."""
    match = _STEP.fullmatch(str(text).strip())
    if match is None:
        raise InvalidValue(
            f"{text!r} is not a step; write a number of optimizer updates, for example 3000 or step3000."
        )
    return int(match[1])


def parse_count(text: str | int, noun: str, least: int = 0) -> int:
    """Read an index or count of `noun`s, not below `least`; underscores, commas and spaces between digits are allowed."""
    digits = re.sub(r"(?<=\d)[ _,](?=\d)", "", str(text).strip())
    if not re.fullmatch(r"\d+", digits) or (len(digits) <= _MOST_DIGITS and int(digits) < least):
        raise InvalidValue(f"{text!r} is not a {noun}; write a whole number from {least}.")
    if len(digits) > _MOST_DIGITS:
        raise InvalidValue(
            f"{text!r} is too large for a {noun}; write a whole number of at most {_MOST_DIGITS} digits."
        )
    return int(digits)
