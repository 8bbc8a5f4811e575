"""Answers as JSON, JSON lines and CSV. JSON is ASCII: it cannot hold what steers a terminal or turns a line around."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator
from enum import Enum
from itertools import chain
from typing import Any

from seenat.registry.answer import TableAnswer
from seenat.registry.columns import Columns
from seenat.service.api.csv import Path, columns_of, csv_header, csv_lines, csv_of_columns
from seenat.service.api.printing import are_numbers, csv_numbers, json_numbers

__all__ = ["Form", "Rows", "encode", "json_bytes", "rows_key"]

Rows = list[dict[str, Any]]
_ROWS_A_BLOCK = 500
_ENCODER = json.JSONEncoder(separators=(",", ":"), allow_nan=False)


class Form(Enum):
    """The form of an answer, and its media type."""

    JSON = "application/json"
    JSONL = "application/jsonl"
    CSV = "text/csv; charset=utf-8"

    @property
    def suffix(self) -> str:
        """As it ends an address."""
        return f".{self.name.lower()}"


def json_bytes(document: Any) -> bytes:
    """A document as JSON; numbers that JSON does not have are null."""
    try:
        return _dump(document)
    except ValueError:
        return _dump(_finite(document))


def rows_key(answer: Any) -> str | None:
    """The key that holds the rows of an answer; None where it is a list itself, or has none."""
    return answer.table_key() if isinstance(answer, TableAnswer) else None


def encode(pages: Iterable[Rows | Columns], form: Form) -> Iterator[bytes]:
    """The rows of pages, a block of bytes at a time; those of the first page tell which columns CSV has."""
    pages = iter(pages)
    first = next(pages, [])
    columns = list(first.values) if isinstance(first, Columns) else columns_of(first)
    if form is Form.CSV:
        yield csv_header(columns)
    for page in chain([first], pages):
        if isinstance(page, Columns):
            yield _of_columns(page, form)
        else:
            yield from _of_rows(page, columns, form)


def _of_rows(page: Rows, columns: list[Path], form: Form) -> Iterator[bytes]:
    for start in range(0, len(page), _ROWS_A_BLOCK):
        block = page[start : start + _ROWS_A_BLOCK]
        yield csv_lines(block, columns) if form is Form.CSV else _json_lines(block)


def _of_columns(columns: Columns, form: Form) -> bytes:
    if are_numbers(columns):
        return csv_numbers(columns) if form is Form.CSV else json_numbers(columns)
    return csv_of_columns(columns.lists()) if form is Form.CSV else _json_lines(columns.rows())


def _json_lines(rows: Iterable[Any]) -> bytes:
    return b"".join(json_bytes(row) + b"\n" for row in rows)


def _dump(document: Any) -> bytes:
    return _ENCODER.encode(document).encode()


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _finite(entry) for key, entry in value.items()}
    return [_finite(entry) for entry in value] if isinstance(value, list | tuple) else value
