"""The units of a training order: sequence, batch, step, and the half-open ranges over them.

* A *sequence* is an index into an order, from 0.
* A *batch* b, from 0, is the sequences `[b * S, (b + 1) * S)`, where S is the number of sequences per batch.
* A *step* is a number of optimizer updates applied, from 0. The checkpoint at step N has consumed batches `[0, N)`;
  batch b turns step b into step b + 1.

All three are plain integers; what tells them apart is the name of the parameter, and for ranges the class. Ranges are
half-open everywhere: `stop` is one past the last. Text is parsed here, at the edge; inside, only valid values travel.

A number may be typed as people write it: `1,000`, `1_000`, `1 000`, `10k`, `1.5M`, `10B`, `2GiB`. Where commas stand between
numbers, `1,000` is refused rather than guessed at: `100,200` would be one number or two.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from numbers import Integral
from operator import index
from typing import Self, SupportsIndex

from seenat.registry.errors import InvalidValue

__all__ = [
    "BatchRange",
    "HalfOpenRange",
    "SequenceRange",
    "merged_ranges",
    "parse_bytes",
    "parse_count",
    "parse_counts",
    "parse_sequences",
    "parse_step",
    "split_list",
    "uncovered",
    "whole_number",
]

_MOST_DIGITS = 18
# Longer texts are no numbers; they are refused before anything looks at them closely.
_LONGEST = 60
_GROUPED = re.compile(r"\d{1,3}(?:[ ,]\d{3})+|\d+(?:_\d+)*", re.ASCII)
_NUMBER = re.compile(r"([\d ,_]*\d)(?:\.(\d{1,18}))? ?([a-z]*)", re.ASCII | re.IGNORECASE)
_STEP = re.compile(r"(?:step[ =]?)?(\d.*)", re.ASCII | re.IGNORECASE)
_THOUSANDS = {"": 1, "k": 10**3, "m": 10**6, "b": 10**9, "t": 10**12}
_BYTES = {
    "": 1,
    "b": 1,
    **{f"{letter}b": 1000**power for power, letter in enumerate("kmgt", 1)},
    **{f"{letter}ib": 1024**power for power, letter in enumerate("kmgt", 1)},
    **{letter: 1024**power for power, letter in enumerate("kmgt", 1)},
}


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
    def parse(cls, text: str, stop: int, *, is_bound: bool = True) -> Self:
        """Read `A:B`, `A:` or `:B`, half-open, within `[0, stop)`; `is_bound` says whether `stop` is worth telling."""
        first, colon, last = str(text).strip().partition(":")
        start = _value(first, _THOUSANDS) if first else 0
        end = _value(last, _THOUSANDS) if last else stop
        if not colon or start is None or end is None:
            raise InvalidValue(f"{text!r} is not a range; write START:STOP, for example 0:{min(stop, 1024)}.")
        if not start < end <= stop:
            most = f", and STOP at most {stop}" if is_bound else ""
            within = f" within 0:{stop}" if is_bound else ""
            raise InvalidValue(f"{text} is not a range{within}; START must be below STOP{most}.")
        return cls(start, end)


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
    return SequenceRange.parse(text, stop) if ":" in text else parse_counts(text, "sequence")


def whole_number(value: object, noun: str) -> int:
    """The index of a `noun` as Python's own whole number, of numpy's too, or of text; raises `InvalidValue` otherwise."""
    if isinstance(value, str):
        return parse_step(value) if noun == "step" else parse_count(value, noun)
    if isinstance(value, SupportsIndex):
        return index(value)
    raise InvalidValue(f"{value!r:.100} is of the type {type(value).__name__}; give the number of a {noun}.")


def parse_step(text: str | int) -> int:
    """Read a number of updates or a revision's number: `3000`, `"3,000"`, `"step3000"`, in any case."""
    match = _STEP.fullmatch(str(text).strip())
    number = None if match is None else _value(match[1], _THOUSANDS)
    if number is None:
        raise InvalidValue(
            f"{text!r} is not a step; write a number of optimizer updates, for example 3000 or step3000, or last."
        )
    return number


def parse_count(text: str | int, noun: str, least: int = 0) -> int:
    """Read an index or count of `noun`s, not below `least`: `1000`, `1,000`, `1_000`, `10k`, `1.5M`, `10B`."""
    return _checked(text, _value(str(text).strip(), _THOUSANDS), noun, least)


def parse_counts(text: str, noun: str, least: int = 0) -> list[int]:
    """Read indices or counts separated by commas, as they stand."""
    return [parse_count(part, noun, least) for part in split_list(text)]


def parse_bytes(text: str | int, noun: str) -> int:
    """Read a number of bytes: `2GiB`, `500MB`, `1.5 TB`; K, M, G and T alone are powers of 1,024."""
    return _checked(text, _value(str(text).strip(), _BYTES), noun, 0)


def split_list(text: str) -> list[str]:
    """The parts of a list; raises `InvalidValue` where a comma may be meant to stand between thousands, as in `1,000`."""
    parts = [part.strip() for part in text.split(",")]
    for before, part in pairwise(parts):
        if re.fullmatch(r"0\d\d", part) and re.search(r"\d$", before):
            raise InvalidValue(
                f"{text!r} is a list, in which a comma ends a number; write {before}_{part} for a number with thousands."
            )
    return parts


def _checked(text: str | int, number: int | None, noun: str, least: int) -> int:
    if number is None and re.fullmatch(r"[\d_, ]{18,}", str(text).strip(), re.ASCII):
        raise InvalidValue(f"{text!r} is larger than any {noun}; write a smaller number.")
    if number is None or number < least:
        raise InvalidValue(f"{text!r} is not a {noun}; write a whole number from {least}.")
    return number


def _value(text: str, units: Mapping[str, int]) -> int | None:
    """The whole number that a text is; None for anything else, and for one of more than 18 digits."""
    match = _NUMBER.fullmatch(text.strip()) if len(text) <= _LONGEST else None
    if match is None or not _GROUPED.fullmatch(match[1]) or (unit := units.get(match[3].lower())) is None:
        return None
    fraction = match[2] or ""
    if fraction and not match[3]:
        return None
    number, rest = divmod(int(re.sub(r"\D", "", match[1]) + fraction) * unit, 10 ** len(fraction))
    return None if rest or number >= 10**_MOST_DIGITS else number
