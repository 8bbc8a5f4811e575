"""Rows as CSV: nested values as columns with dots, lists as JSON.

No cell is one that a spreadsheet takes for a formula, or steers a terminal; JSON has each text as it is.

A block of rows is written column by column: most columns hold numbers, which need no look at each cell.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from seenat.registry.printable import printable

__all__ = ["Path", "columns_of", "csv_header", "csv_lines", "csv_of_columns"]

Path = tuple[str, ...]
"""The keys that lead to a column's value: `("onset", "step")` for `onset.step`."""

# What begins a formula in Excel, LibreOffice or Google Sheets.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
_NUMBERS = {int, float, type(None)}


def columns_of(rows: Iterable[Mapping[str, Any]]) -> list[Path]:
    """The columns of rows, in the order in which they first come.

    A nested value that is null in some rows is the columns of the others.
    """
    paths = list(dict.fromkeys(path for row in rows for path in _paths(row)))
    parents = {path[:-1] for path in paths}
    return [path for path in paths if path not in parents]


def _paths(row: Mapping[str, Any], prefix: Path = ()) -> Iterator[Path]:
    for key, value in row.items():
        if isinstance(value, Mapping) and value:
            yield from _paths(value, (*prefix, key))
        else:
            yield (*prefix, key)


def csv_header(columns: Iterable[Path]) -> bytes:
    """The line of the names of columns."""
    return _written([[_text(".".join(path)) for path in columns]])


def csv_lines(rows: Sequence[Mapping[str, Any]], columns: Iterable[Path]) -> bytes:
    """Lines of rows."""
    return csv_of_columns([_values(rows, path) for path in columns])


def csv_of_columns(columns: Iterable[Sequence[Any]]) -> bytes:
    """Lines of columns of JSON's values."""
    return _written(zip(*map(_cells, columns), strict=True))


def _written(lines: Iterable[Iterable[Any]]) -> bytes:
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n").writerows(lines)
    return out.getvalue().encode("utf-8", "backslashreplace")


def _values(rows: Iterable[Any], path: Path) -> list[Any]:
    """The values of a column; None where a row has none."""
    values = list(rows)
    for key in path:
        try:
            values = [row[key] for row in values]
        except (KeyError, TypeError):  # Some rows lack it, or have null where others have more.
            values = [row.get(key) if isinstance(row, Mapping) else None for row in values]
    return values


def _cells(values: Sequence[Any]) -> Sequence[Any]:
    return values if set(map(type, values)) <= _NUMBERS else [_cell(value) for value in values]


def _cell(value: Any) -> Any:
    if value is None or isinstance(value, int | float):
        return str(value).lower() if isinstance(value, bool) else value
    return _text(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))


def _text(text: str) -> str:
    return printable(f"'{text}" if text.startswith(_FORMULA) else text)
