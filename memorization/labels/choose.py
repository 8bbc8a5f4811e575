"""LABEL=VALUE: which sequences of an order some values choose.

Several values of one label choose the sequences that have any of them, several labels those that have one of each.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches

import numpy as np
import numpy.typing as npt

from seenat.memorization.labels.codes import CodeFile, Codes, Indices
from seenat.memorization.labels.table import label_names, open_codes
from seenat.registry.catalog.orders import Order
from seenat.registry.database.engine import Database
from seenat.registry.errors import InvalidValue, UnknownLabel
from seenat.registry.units import SequenceRange

__all__ = ["Chosen", "Grouping", "Where", "open_chosen", "open_grouping", "parse_where", "values_among"]

Where = Mapping[str, str] | Iterable[str] | str | None
"""`"subset=Github"`, several of such, or `{"subset": "Github"}`."""

Flags = npt.NDArray[np.bool_]
_MOST = 32


@dataclass(frozen=True)
class Chosen:
    """The sequences that have some values."""

    words: tuple[str, ...]
    """As LABEL=VALUE."""
    parts: tuple[tuple[CodeFile, Codes], ...]
    """Of each label, the codes of the values."""

    def in_range(self, sequences: SequenceRange) -> Flags:
        """Which of consecutive sequences are chosen."""
        flags = np.ones(len(sequences), np.bool_)
        for file, codes in self.parts:
            flags &= np.isin(file.of_range(sequences), codes)
        return flags

    def among(self, sequences: Indices) -> Flags:
        """Which of some sequences are chosen."""
        flags = np.ones(len(sequences), np.bool_)
        for file, codes in self.parts:
            flags &= np.isin(file.of(sequences), codes)
        return flags


@dataclass(frozen=True)
class Grouping:
    """The value of each sequence, to count by."""

    name: str
    values: tuple[str | None, ...]
    """By code; None at 0, of sequences without a value."""
    file: CodeFile

    def of_code(self, code: int, among: Chosen | None) -> Chosen:
        """The sequences with the value of a code, among those that are chosen already."""
        words, parts = ((), ()) if among is None else (among.words, among.parts)
        return Chosen(words, (*parts, (self.file, np.array([code]))))

    def counts(self, sequences: SequenceRange, flags: Flags) -> npt.NDArray[np.int64]:
        """How many flagged sequences of a range have each value: `[values]`."""
        return np.bincount(self.file.of_range(sequences)[flags], minlength=len(self.values))


def parse_where(where: Where) -> dict[str, tuple[str, ...]]:
    """The values of each label; raises `InvalidValue` for what is not LABEL=VALUE."""
    if where is None:
        return {}
    given = [where] if isinstance(where, str) else where
    pairs = list(given.items()) if isinstance(given, Mapping) else [_pair(text) for text in given]
    if len(pairs) > _MOST:
        raise InvalidValue(f"{len(pairs)} values were given to choose by; give at most {_MOST}.")
    found: dict[str, tuple[str, ...]] = {}
    for label, value in pairs:
        found[label] = (*found.get(label, ()), str(value))
    return found


def _pair(text: str) -> tuple[str, str]:
    label, mark, value = str(text).partition("=")
    if not (label and mark and value):
        raise InvalidValue(f"{text!r:.100} does not choose by a label; write LABEL=VALUE, for example subset=Github.")
    return label, value


def open_chosen(database: Database, order: Order, where: Where) -> Chosen | None:
    """The sequences that `where` chooses, None for all; raises `UnknownLabel` for a label or a value that there is not."""
    wanted = parse_where(where)
    if not wanted:
        return None
    with database.read() as connection:
        parts = []
        for label, values in wanted.items():
            file, known = open_codes(database, connection, order, label)
            parts.append((file, np.array([_code(order, label, value, known) for value in values])))
    words = tuple(f"{label}={value}" for label, values in wanted.items() for value in values)
    return Chosen(words, tuple(parts))


def _code(order: Order, label: str, value: str, known: tuple[str, ...]) -> int:
    value = value.lower() if value in ("True", "False") else value
    if value not in known:
        near = get_close_matches(value, known, n=3, cutoff=0.4) or list(known[:8])
        raise UnknownLabel(
            f"No sequence of {order.name} has {label}={value:.100}; there are {', '.join(near)}.",
            near,
            order=order.name,
        )
    return known.index(value) + 1


def values_among(database: Database, order: Order, sequences: Iterable[int]) -> list[dict[str, str]]:
    """Of each of some sequences, the value of every label by which it has one."""
    places = np.fromiter(sequences, np.int64)
    found: list[dict[str, str]] = [{} for _ in places]
    with database.read() as connection:
        opened = {name: open_codes(database, connection, order, name) for name in label_names(connection, order)}
    for name, (file, values) in opened.items():
        for of_sequence, code in zip(found, file.of(places).tolist(), strict=True):
            if code:
                of_sequence[name] = values[code - 1]
    return found


def open_grouping(database: Database, order: Order, label: str) -> Grouping:
    """The values of a label, to count by; raises `UnknownLabel`."""
    with database.read() as connection:
        file, values = open_codes(database, connection, order, label)
    return Grouping(label, (None, *values), file)
