"""Tables of a TOML file checked against the keys they may have, with every mistake reported by its line.

A file is read to its end before it is refused: `Mistakes` collects, `Table` checks one table and keeps in `values` what
is right, so that later rules can compare keys that both are, and `Mistakes.refuse` raises all of it as one message:

    SUITE.toml:14: [[order]] "mine-order": tokens_per_sequnce: unknown key; did you mean tokens_per_sequence?

A key's reader gets one TOML value and returns what the program will use, or raises `InvalidValue` with half a sentence
that says what is wrong ("0 is below 1"); what to write instead is the key's own `advice`.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from seenat.registry.errors import InvalidManifest, InvalidValue
from seenat.registry.suites.manifest.toml_positions import Lines

__all__ = [
    "LARGEST_FILE",
    "LARGEST_WHOLE",
    "Key",
    "Mistakes",
    "Table",
    "bare",
    "did_you_mean",
    "listed",
    "nothing_but",
    "quoted",
    "read_toml",
    "shown",
    "text",
    "whole",
]

LARGEST_FILE = 1 << 20
"""Bytes; a manifest with 154 steps is some 2 kB, so a larger file is most likely another one, given by accident."""
LARGEST_WHOLE = 2**63 - 1
"""What a signed 64-bit column holds, and the range that TOML promises."""
# Characters of a value that a message repeats.
_SHOWN = 60
_NOUNS = {
    str: "text",
    bool: "a boolean",
    int: "a whole number",
    float: "a decimal number",
    list: "a list",
    dict: "a table",
}
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_TOML_ERROR = re.compile(r"(.*) \(at line (\d+), column (\d+)\)", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """What one key of a table may hold."""

    read: Callable[[object], object]
    """Checks one value, or one element where the key holds several."""
    advice: str
    """What follows "write" in a message."""
    required: bool = False
    holds: type[list[Any] | dict[str, Any]] | None = None
    """`list` or `dict` for a key with several values; they become a tuple or a dict."""


class Mistakes:
    """What is wrong with one file, in the order of its lines."""

    def __init__(self, path: Path, lines: Lines) -> None:
        self._path = path
        self._lines = lines
        self._found: list[tuple[int, str]] = []

    def line_of(self, *place: str | int) -> int:
        """The line of a key or element, or of the nearest table above it."""
        return self._lines.line_of(*place)

    def add(self, place: Sequence[str | int], sentence: str) -> None:
        """Keep one mistake, at the line of `place`."""
        self._found.append((self.line_of(*place), sentence))

    def refuse(self) -> None:
        """Raise `InvalidManifest` with every mistake, one a line, if there is any."""
        if self._found:
            in_order = sorted(self._found, key=lambda mistake: mistake[0])
            raise InvalidManifest(*(f"{self._path}:{line}: {sentence}" for line, sentence in in_order))


class Table:
    """One table of the file, checked: `values` holds what is right, the rest is among the mistakes."""

    def __init__(
        self,
        raw: Mapping[str, object],
        keys: Mapping[str, Key],
        mistakes: Mistakes,
        *,
        place: tuple[str | int, ...],
        title: str,
    ) -> None:
        self.values: dict[str, Any] = {}
        self.title = title
        self._keys, self._mistakes, self._place = keys, mistakes, place
        self._tried = set(raw)
        for key, value in raw.items():
            if key in keys:
                self._take(key, keys[key], value)
            else:
                self._refuse_unknown(key)
        for key in keys:
            if keys[key].required and not self.tried(key):
                self.missing(key)

    def tried(self, key: str) -> bool:
        """Whether the user wrote this key: rightly or not, misspelt, or below the wrong header."""
        return key in self._tried

    def written(self, key: str) -> list[tuple[Any, *tuple[str | int, ...]]]:
        """What is right under a key, each value followed by its place for `mistake`; nothing if it is absent."""
        value = self.values.get(key)
        if isinstance(value, tuple):
            return [(element, key, place) for place, element in enumerate(value)]
        return [] if value is None else [(value, key)]

    def mistake(self, sentence: str, *place: str | int) -> None:
        """Add a mistake at a key, or at an element below it."""
        names = ".".join(bare(part) for part in place if isinstance(part, str))
        self._mistakes.add((*self._place, *place), f"{self.title}: {names}: {sentence}")

    def missing(self, key: str, advice: str | None = None) -> None:
        """Add the mistake that a key was not written, at the table's header."""
        advice = advice or f"{key} = {self._keys[key].advice}"
        self._mistakes.add(self._place, f"{self.title}: {key}: missing; write {advice}")

    def _take(self, key: str, spec: Key, value: object) -> None:
        if spec.holds is None:
            self._read_into(self.values, spec, value, key)
        elif not isinstance(value, spec.holds):
            self.mistake(f"{nothing_but(value, _NOUNS[spec.holds])}; write {self._advice(key)}", key)
        elif spec.required and not value:
            self.mistake(f"empty; write {self._advice(key)}", key)
        else:
            self._take_several(key, spec, value)

    def _take_several(self, key: str, spec: Key, value: list[object] | dict[str, object]) -> None:
        good: dict[str | int, object] = {}
        for part, element in value.items() if isinstance(value, dict) else enumerate(value):
            if part in self._keys and not self.tried(str(part)):
                self._refuse_strayed(str(part), key)
            self._read_into(good, spec, element, key, part)
        if len(good) == len(value):
            self.values[key] = good if isinstance(value, dict) else tuple(good.values())

    def _read_into(self, good: dict[Any, object], spec: Key, value: object, *place: str | int) -> None:
        try:
            good[place[-1]] = spec.read(value)
        except InvalidValue as mistake:
            self.mistake(f"{mistake}; write {self._advice(str(place[0]))}", *place)

    def _refuse_strayed(self, key: str, table: str) -> None:
        """In TOML a key belongs to the header above it, so one written after a sub-table falls into that by accident."""
        self._tried.add(key)
        header = f"[{self._place[0]}.{table}]"
        self.mistake(f"{key} is a key of {self.title}; move it above {header}, or rename it", table, key)

    def _advice(self, key: str) -> str:
        spec = self._keys[key]
        return spec.advice if spec.holds is dict else f"{key} = {spec.advice}"

    def _refuse_unknown(self, key: str) -> None:
        likely = did_you_mean(key, self._keys)
        self._tried.update(likely)
        if likely:
            self.mistake(f"unknown key; did you mean {likely[0]}?", key)
        else:
            free = [f"[{self._place[0]}.{name}]" for name, spec in self._keys.items() if spec.holds is dict]
            facts = f"; facts of your own belong below {free[0]}" if free else ""
            self.mistake(f"unknown key; write {listed(self._keys)}{facts}", key)


def read_toml(path: Path) -> tuple[dict[str, Any], str]:
    """Parse a TOML file of at most 1 MiB; its values and its text.

    Raises `InvalidManifest` if it is not there, not a file, too large, not UTF-8 or not TOML.
    """
    content = _content_of(path)
    try:
        source = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise InvalidManifest(f"{path}:{line}: byte {error.start} is not UTF-8; save the file as UTF-8.") from None
    try:
        return tomllib.loads(source), source
    except (ValueError, RecursionError) as error:  # ValueError: also a number of more than 4,300 digits.
        raise InvalidManifest(_syntax_mistake(path, source, error)) from None


def _content_of(path: Path) -> bytes:
    try:
        if path.is_dir():
            raise InvalidManifest(f"{path} is a folder; give the manifest itself, for example {path / 'SUITE.toml'}.")
        # Not exists(): from Python 3.14 on that is False, too, for what may be there and cannot be reached.
        with path.open("rb") as file:
            content = file.read(LARGEST_FILE + 1)
    except (FileNotFoundError, NotADirectoryError, ValueError):  # ValueError: a zero byte in the name.
        raise InvalidManifest(f"{path} does not exist; give the path of a suite's manifest.") from None
    except OSError as error:
        raise InvalidManifest(f"{path} cannot be read: {error.strerror}.") from None
    if len(content) > LARGEST_FILE:
        raise InvalidManifest(f"{path} has more than {LARGEST_FILE} bytes, so it is no manifest; give the TOML file.")
    return content


def _syntax_mistake(path: Path, source: str, error: Exception) -> str:
    if not isinstance(error, tomllib.TOMLDecodeError):
        return (
            f"{path}: not TOML that can be read: a value is nested too deeply or has thousands of digits; shorten it."
        )
    match = _TOML_ERROR.fullmatch(str(error))
    if match is None:
        return (
            f"{path}:{source.count(chr(10)) + 1}: not TOML: {error}; something is left open: check quotes and brackets."
        )
    return f"{path}:{match[2]}:{match[3]}: not TOML: {match[1]}; check the quotes, brackets and commas there."


# -- what messages are made of


def shown(value: object) -> str:
    """A value as TOML would spell it, on one line, cut after 60 characters."""
    try:
        spelling = json.dumps(value, ensure_ascii=False, default=str)
    except ValueError:  # Python spells no number of more than 4,300 digits, but reads one that is hexadecimal.
        spelling = "a number too long to show"
    return spelling if len(spelling) <= _SHOWN else f"{spelling[: _SHOWN - 3]}..."


def nothing_but(value: object, wanted: str) -> str:
    """`"97" is text, not a whole number`: why a value of another type is refused."""
    return f"{shown(value)} is {_NOUNS.get(type(value), 'a date or time')}, not {wanted}"


def listed(words: Iterable[str], last: str = "or") -> str:
    """`a, b or c`."""
    *first, end = words
    return f"{', '.join(first)} {last} {end}" if first else end


def quoted(words: Iterable[str]) -> list[str]:
    """Each word as a TOML string."""
    return [shown(word) for word in words]


def did_you_mean(word: str, words: Iterable[str]) -> list[str]:
    """The known word that `word` most likely should be, or nothing."""
    return get_close_matches(word, list(words), n=1, cutoff=0.7)


def bare(key: str) -> str:
    """A key as TOML would spell it, on one line."""
    return key if re.fullmatch(r"[A-Za-z0-9_-]{1,60}", key) else shown(key)


# -- readers of one value


def text(value: object) -> str:
    """Text of one line that is not empty."""
    if not isinstance(value, str):
        raise InvalidValue(nothing_but(value, "text"))
    if not value.strip():
        raise InvalidValue(f"{shown(value)} is empty")
    if _CONTROL.search(value):
        raise InvalidValue(f"{shown(value)} holds a line end or another control character")
    return value


def whole(low: int) -> Callable[[object], int]:
    """A reader of whole numbers from `low` up to what 64 bits hold."""

    def read(value: object) -> int:
        if not isinstance(value, int) or isinstance(value, bool):
            raise InvalidValue(nothing_but(value, "a whole number"))
        if not low <= value <= LARGEST_WHOLE:
            limit = f"below {low}" if value < low else "more than a signed number of 64 bits holds"
            raise InvalidValue(f"{shown(value)} is {limit}")
        return value

    return read
