"""How answers look in a notebook: JSON values in, a piece of HTML out, every text escaped.

facts   names beside values
table   one row an object, numbers to the right
"""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["facts", "table"]

# A page shows the beginning of an answer, which may hold a million rows; `to_pandas` gives all of them.
_ROWS_SHOWN = 10
_LISTED = 8
_LONGEST_TEXT = 120

_LEFT, _RIGHT = ' style="text-align:left"', ' style="text-align:right"'


def facts(values: Mapping[str, Any]) -> str:
    """A table of names and values; a list of objects is a table within it."""
    rows = "".join(
        f"<tr><th{_LEFT}>{_escaped(_words(key))}</th><td{_LEFT}>{_fact(values[key])}</td></tr>" for key in values
    )
    return f"<table><tbody>{rows}</tbody></table>"


def table(rows: Sequence[Any]) -> str:
    """A table of the first rows, and how many there are; columns whose values are all numbers are aligned to the right."""
    if not rows:
        return "<p>no rows</p>"
    shown = [row if isinstance(row, Mapping) else {"value": row} for row in rows[:_ROWS_SHOWN]]
    names = list(dict.fromkeys(name for row in shown for name in row))
    sides = {name: _RIGHT if _is_numeric([row.get(name) for row in shown]) else _LEFT for name in names}
    head = "".join(f"<th{sides[name]}>{_escaped(_words(name))}</th>" for name in names)
    body = "".join(
        "<tr>" + "".join(f"<td{sides[name]}>{_escaped(_text(row.get(name)))}</td>" for name in names) + "</tr>"
        for row in shown
    )
    more = f"<p>The first {_ROWS_SHOWN} of {len(rows):,} rows.</p>" if len(rows) > _ROWS_SHOWN else ""
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{more}"


def _fact(value: Any) -> str:
    if isinstance(value, list) and value and all(isinstance(entry, Mapping) for entry in value):
        return table(value)
    return _escaped(_text(value))


def _is_numeric(values: Sequence[Any]) -> bool:
    known = [value for value in values if value is not None]
    return bool(known) and all(isinstance(value, int | float) and not isinstance(value, bool) for value in known)


def _text(value: Any) -> str:
    """A value as people write it: `1,024`, `0.03125`, `yes`, `0:1024` for a range, and lists with commas between."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.4g}" if abs(value) < 1000 else f"{value:,.0f}"
    text = _mapping(value) if isinstance(value, Mapping) else _listed(value) if isinstance(value, list) else str(value)
    return text if len(text) <= _LONGEST_TEXT else f"{text[:_LONGEST_TEXT]}..."


def _mapping(value: Mapping[str, Any]) -> str:
    if value.keys() == {"start", "stop"}:
        return f"{value['start']:,} to {value['stop']:,}"
    return ", ".join(f"{_words(key)} {_text(entry)}" for key, entry in value.items() if entry is not None)


def _listed(values: Sequence[Any]) -> str:
    if any(isinstance(value, Mapping | list) for value in values):
        return f"{len(values):,} entries" if len(values) != 1 else _text(values[0])
    shown = ", ".join(map(_text, values[:_LISTED]))
    return shown if len(values) <= _LISTED else f"{shown}, ... ({len(values):,})"


def _words(name: str) -> str:
    return name.replace("_", " ")


def _escaped(text: str) -> str:
    return html.escape(text)
