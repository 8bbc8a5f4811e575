"""Rows as CSV: nested values as columns with dots, lists as JSON.

No cell is one that a spreadsheet takes for a formula, or steers a terminal; JSON has the text as it is.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from seenat.registry.printable import printable

__all__ = ["columns_of", "csv_lines", "flatten"]

# What begins a formula in Excel, LibreOffice or Google Sheets.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def flatten(row: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """A row whose nested objects became columns: `onset.step`."""
    cells: dict[str, Any] = {}
    for key, value in row.items():
        if isinstance(value, Mapping) and value:
            cells |= flatten(value, f"{prefix}{key}.")
        else:
            cells[f"{prefix}{key}"] = value
    return cells


def columns_of(rows: Iterable[Mapping[str, Any]]) -> list[str]:
    """The columns of flattened rows, in the order in which they first come.

    A nested value that is null in some rows is the columns of the others.
    """
    names = list(dict.fromkeys(name for row in rows for name in row))
    parents = {name.rpartition(".")[0] for name in names}
    return [name for name in names if name not in parents]


def csv_lines(rows: Iterable[Mapping[str, Any]], columns: Sequence[str], *, header: bool) -> bytes:
    """Lines of flattened rows."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    if header:
        writer.writerow(columns)
    writer.writerows([_cell(row.get(name)) for name in columns] for row in rows)
    return out.getvalue().encode("utf-8", "backslashreplace")


def _cell(value: Any) -> Any:
    if value is None or isinstance(value, int | float):
        return str(value).lower() if isinstance(value, bool) else value
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return printable(f"'{text}" if text.startswith(_FORMULA) else text)
