"""The layout of answers: names beside values, and tables. Values and a width in, lines out; nothing is cut off in silence.

A width of None means that the output is a pipe or a file, and that the user set none: every value stays on one line.
"""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from seenat.cli.framework.terminal import Line, width_of
from seenat.registry.printable import one_line

__all__ = ["Table", "cut", "fact_lines", "lay_out_table", "terminal_width"]

_GAP = "  "
# Characters. Text is not wrapped into a narrower column: a word a line is harder to read than a long line.
_NARROWEST = 24
# Characters. A longer cell moves what stands after it in its row; padded to it, 10 MB in one row would be 10 MB in each.
_WIDEST = 1000


def terminal_width() -> int | None:
    """Columns of an answer: those of the terminal, or what the user set; None where stdout is a pipe or a file."""
    return width_of(sys.stdout)


def fact_lines(pairs: Iterable[tuple[str, object]], width: int | None) -> Iterator[str]:
    """Names and values under each other; a pair whose value is None is left out, one without a name leaves a gap.

    Where no room for a value is left beside the names, it stands below its own.
    """
    shown = [(one_line(name), one_line(str(value))) for name, value in pairs if value is not None]
    indent = max((len(name) for name, _ in shown), default=0)
    if width is not None and indent + len(_GAP) + _NARROWEST > width:
        yield from _below_each_other(shown, width)
        return
    for name, value in shown:
        first, *rest = _wrapped(value, width, indent + len(_GAP))
        yield Line(f"{name.ljust(indent)}{_GAP}{first}", indent) if name or first else ""
        yield from (f"{' ' * indent}{_GAP}{line}" for line in rest)


def _below_each_other(shown: Iterable[tuple[str, str]], width: int) -> Iterator[str]:
    for name, value in shown:
        if len(name) + len(_GAP) + len(value) <= width:
            yield Line(f"{name}{_GAP}{value}", len(name)) if name or value else ""
        else:
            yield Line(name)
            yield from (f"{_GAP}{line}" for line in _wrapped(value, width, len(_GAP)))


@dataclass(frozen=True)
class Table:
    """A table as it is written."""

    lines: list[str]
    left_out: tuple[str, ...] = ()
    """Headings of the columns for which there is no room."""


def lay_out_table(
    columns: Sequence[str], rows: Iterable[Sequence[object]], width: int | None, spare: Sequence[str] = ()
) -> Table:
    """A table; a column is its heading after `<` (text) or `>` (numbers), None in a cell is a dash.

    Where the width is too small, the `spare` columns are left out, and then a last column of text is wrapped. Where that does
    not help, every row becomes lines of its own, of all columns.
    """
    cells = [[column[1:] for column in columns]]
    cells += [["-" if value is None else one_line(str(value)) for value in row] for row in rows]
    places = list(range(len(columns)))
    for name in spare:
        if width is not None and _total(cells, places) > width:
            places.remove(cells[0].index(name))
    if width is not None and _least(cells, places, columns[places[-1]]) > width:
        return Table(list(_rows_as_lines(cells, width)))
    alignments = [columns[place][0] for place in places]
    lines = _laid_out([[row[place] for place in places] for row in cells], alignments, width)
    return Table(list(lines), tuple(name for place, name in enumerate(cells[0]) if place not in places))


def _rows_as_lines(cells: list[list[str]], width: int) -> Iterator[str]:
    for number, row in enumerate(cells[1:]):
        if number:
            yield ""
        yield from fact_lines(zip(cells[0], row, strict=True), width)


def cut(text: str, room: int | None) -> str:
    """At most `room` characters of a text, cut between words where they allow it, with an ellipsis where something is missing."""
    if room is None or len(text) <= room:
        return text
    kept = max(room - 3, 1)
    end = text.rfind(" ", kept // 2, kept + 1)
    return f"{text[: kept if end < 0 else end]}..."


def _total(cells: list[list[str]], places: list[int]) -> int:
    return sum(max(len(row[place]) for row in cells) for place in places) + len(_GAP) * (len(places) - 1)


def _least(cells: list[list[str]], places: list[int], last: str) -> int:
    """How wide a table is at least: its last column may be wrapped where it is text."""
    widest = max(len(row[places[-1]]) for row in cells)
    return _total(cells, places) - widest + (min(widest, _NARROWEST) if last[0] == "<" else widest)


def _laid_out(cells: list[list[str]], alignments: list[str], width: int | None) -> Iterator[str]:
    widths = [min(max(len(row[place]) for row in cells), _WIDEST) for place in range(len(alignments))]
    before = sum(widths[:-1]) + len(_GAP) * (len(widths) - 1)
    for number, row in enumerate(cells):
        last = _wrapped(row[-1], width, before) if alignments[-1] == "<" else [row[-1].rjust(widths[-1])]
        start = [
            f"{cell:{side}{size}}" for cell, side, size in zip(row[:-1], alignments[:-1], widths[:-1], strict=True)
        ]
        line = _GAP.join([*start, last[0]]).rstrip()
        yield Line(line) if number == 0 else line
        yield from (f"{' ' * before}{more}" for more in last[1:])


def _wrapped(text: str, width: int | None, indent: int) -> list[str]:
    room = 0 if width is None else max(width - indent, _NARROWEST)
    if width is None or len(text) <= room:
        return [text]
    return textwrap.wrap(text, room, break_long_words=False, break_on_hyphens=False) or [""]
