"""On which line of a TOML text each key and each element stands; tomllib gives the values, but not their lines.

The answer is a tree with the shape of the parsed document: tables are keyed by name, arrays by index from 0, whether
they were written as `[[headers]]` or inline. A line is that of the first character of a key, or of an array's element;
a table's is its `[header]` where there is one, else the first key that mentions it. Lines count from 1 and end at a
line feed, as in tomllib's own messages.

The text is one that tomllib has accepted, so this only has to find where things end, never whether they are right.
Should it meet what it does not understand, it stops, and questions about the rest are answered with the table's line.
"""

from __future__ import annotations

import re
import tomllib
from bisect import bisect_left
from dataclasses import dataclass, field
from typing import Self

__all__ = ["Lines", "locate"]

_SPACE = re.compile(r"[ \t]*")
_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_PART = re.compile(r"""[A-Za-z0-9_-]+|"(?:\\.|[^"\\\n])*"|'[^'\n]*'""")
# A multi-line string may end in up to two quotes of its own before the three that close it. The last alternative is
# a number, boolean, date or time; a date may hold a space.
_SCALAR = re.compile(
    r'''"""(?:\\.|[^\\])*?"{3,5}'''
    r"""|'''.*?'{3,5}"""
    r'''|"(?:\\.|[^"\\\n])*"'''
    r"""|'[^'\n]*'"""
    r"""|[^\s"'\[\]{},#=][^\[\]{},#\n]*""",
    re.DOTALL,
)


@dataclass(slots=True)
class Lines:
    """The line of one table, array, key or element, and of what is below it."""

    line: int
    below: dict[str | int, Self] = field(default_factory=dict)

    def line_of(self, *path: str | int) -> int:
        """The line of the key or element at a path, or of the nearest thing above it that has one."""
        place = self
        for part in path:
            if part not in place.below:
                break
            place = place.below[part]
        return place.line

    def child(self, part: str | int, line: int) -> Self:
        """What is directly below, first mentioned on `line` if it is new."""
        return self.below.setdefault(part, type(self)(line))

    def open_table(self) -> Self:
        """The table that a header or dotted key means here: an array's last element, else this itself."""
        last = next(reversed(self.below), None)
        return self.below[last] if isinstance(last, int) else self


class _NotUnderstoodError(Exception):
    """Ends the scan; never leaves this module."""


class _Scanner:
    """A position in the text, moved forward by what is recognised there."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._line_ends = [match.start() for match in re.finditer("\n", text)]

    @property
    def line(self) -> int:
        return bisect_left(self._line_ends, self._at) + 1

    @property
    def at_end(self) -> bool:
        return self._at == len(self._text)

    def take(self, literal: str) -> bool:
        is_next = self._text.startswith(literal, self._at)
        self._at += len(literal) if is_next else 0
        return is_next

    def expect(self, pattern: re.Pattern[str]) -> str:
        match = pattern.match(self._text, self._at)
        if match is None:
            raise _NotUnderstoodError
        self._at = match.end()
        return match[0]

    def skip_blank(self) -> None:
        """Pass over spaces, line ends and comments."""
        self.expect(_BLANK)

    def key(self) -> tuple[str, ...]:
        """The parts of a bare, quoted or dotted key, and the spaces around it."""
        parts = []
        while True:
            self.expect(_SPACE)
            parts.append(_unquoted(self.expect(_PART)))
            self.expect(_SPACE)
            if not self.take("."):
                return tuple(parts)


def locate(text: str) -> Lines:
    """Find the line of everything in a TOML text that tomllib accepts."""
    scanner, root = _Scanner(text), Lines(1)
    table = root
    try:
        scanner.skip_blank()
        while not scanner.at_end:
            table = _statement(scanner, root, table)
            scanner.skip_blank()
    except _NotUnderstoodError:
        pass  # What was found until here stands.
    return root


def _statement(scanner: _Scanner, root: Lines, table: Lines) -> Lines:
    """Read one header or `key = value`; the table that the next keys belong to."""
    line = scanner.line
    if scanner.take("[["):
        array = _descend(root, scanner.key(), line)
        scanner.take("]]")
        return array.child(len(array.below), line)
    if scanner.take("["):
        table = _descend(root, scanner.key(), line)
        scanner.take("]")
        table.line = line
        return table
    _assignment(scanner, table)
    return table


def _descend(table: Lines, parts: tuple[str, ...], line: int) -> Lines:
    for part in parts[:-1]:
        table = table.child(part, line).open_table()
    return table.child(parts[-1], line)


def _assignment(scanner: _Scanner, table: Lines) -> None:
    line = scanner.line
    place = _descend(table, scanner.key(), line)
    if not scanner.take("="):
        raise _NotUnderstoodError
    scanner.expect(_SPACE)
    _value(scanner, place)


def _value(scanner: _Scanner, place: Lines) -> None:
    if scanner.take("["):
        scanner.skip_blank()
        while not scanner.take("]"):
            _value(scanner, place.child(len(place.below), scanner.line))
            _next_element(scanner)
    elif scanner.take("{"):
        scanner.skip_blank()
        while not scanner.take("}"):
            _assignment(scanner, place)
            _next_element(scanner)
    else:
        scanner.expect(_SCALAR)


def _next_element(scanner: _Scanner) -> None:
    scanner.skip_blank()
    scanner.take(",")
    scanner.skip_blank()


def _unquoted(part: str) -> str:
    return str(tomllib.loads(f"key = {part}")["key"]) if part[0] in "\"'" else part
