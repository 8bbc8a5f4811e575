"""The layout of answers: names beside values, and tables. Values and a width in, lines out; nothing is ever cut off.

A width of None means that the output is no terminal (a pipe, a file): every value stays on one line.
"""

from __future__ import annotations

import shutil
import sys
import textwrap
from collections.abc import Iterable, Iterator, Sequence

from seenat.cli.framework.terminal import Line, is_terminal
from seenat.registry.printable import one_line

__all__ = ["cut", "fact_lines", "table_lines", "terminal_width"]

_GAP = "  "
# Characters. Text is not wrapped into a narrower column: a word a line is harder to read than a long line.
_NARROWEST = 24
# Characters. A longer cell moves what stands after it in its row; padded to it, 10 MB in one row would be 10 MB in each.
_WIDEST = 1000


def terminal_width() -> int | None:
    """Columns of the terminal; None where stdout is no terminal."""
    return shutil.get_terminal_size().columns if is_terminal(sys.stdout) else None


def fact_lines(pairs: Iterable[tuple[str, object]], width: int | None) -> Iterator[str]:
    """Names and values under each other; a pair whose value is None is left out, one without a name leaves a gap."""
    shown = [(one_line(name), one_line(str(value))) for name, value in pairs if value is not None]
    indent = max((len(name) for name, _ in shown), default=0)
    for name, value in shown:
        first, *rest = _wrapped(value, width, indent + len(_GAP))
        yield Line(f"{name.ljust(indent)}{_GAP}{first}", indent) if name or first else ""
        yield from (f"{' ' * indent}{_GAP}{line}" for line in rest)


def table_lines(
    columns: Sequence[str], rows: Iterable[Sequence[object]], width: int | None, spare: Sequence[str] = ()
) -> Iterator[str]:
    """A table; a column is its heading after `<` (text) or `>` (numbers), None in a cell is a dash.

    Where the terminal is too narrow, the `spare` columns are left out, and then a last column of text is wrapped.
    """
    cells = [[column[1:] for column in columns]]
    cells += [["-" if value is None else one_line(str(value)) for value in row] for row in rows]
    places = list(range(len(columns)))
    for name in spare:
        if width is not None and _total(cells, places) > width:
            places.remove(cells[0].index(name))
    alignments = [columns[place][0] for place in places]
    yield from _laid_out([[row[place] for place in places] for row in cells], alignments, width)


def cut(text: str, room: int | None) -> str:
    """At most `room` characters of a text, with an ellipsis where something is missing."""
    return text if room is None or len(text) <= room else f"{text[: max(room - 3, 1)]}..."


def _total(cells: list[list[str]], places: list[int]) -> int:
    return sum(max(len(row[place]) for row in cells) for place in places) + len(_GAP) * (len(places) - 1)


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
