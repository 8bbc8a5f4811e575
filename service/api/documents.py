"""Answers as JSON, JSON lines and CSV. JSON is ASCII: it cannot hold what steers a terminal or turns a line around."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator
from enum import Enum
from typing import Any

from seenat.registry.answer import TableAnswer
from seenat.service.api.csv import Path, columns_of, csv_lines

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


def encode(pages: Iterable[Rows], form: Form) -> Iterator[bytes]:
    """The rows of pages, a block of bytes at a time."""
    columns: list[Path] | None = None
    for page in pages:
        if form is Form.CSV and columns is None:
            columns = columns_of(page)
            yield csv_lines((), columns, header=True)
        for start in range(0, len(page), _ROWS_A_BLOCK):
            block = page[start : start + _ROWS_A_BLOCK]
            if form is Form.JSONL:
                yield b"".join(json_bytes(row) + b"\n" for row in block)
            else:
                yield csv_lines(block, columns or (), header=False)


def _dump(document: Any) -> bytes:
    return _ENCODER.encode(document).encode()


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _finite(entry) for key, entry in value.items()}
    return [_finite(entry) for entry in value] if isinstance(value, list | tuple) else value
