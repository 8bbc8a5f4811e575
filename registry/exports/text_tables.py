"""Tables as text: CSV, and JSON lines, a document a row.

In CSV a list is its numbers with blanks between, and what else has levels below is JSON. In JSON lines a list stays one, and
what is no number is null.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from seenat.registry.optional import arrow

__all__ = ["csv_writer", "json_lines_writer"]


@contextmanager
def csv_writer(path: Path, schema: Any) -> Iterator[Callable[[Any], None]]:
    """Yield a function that appends record batches of a schema to a new CSV file."""
    pa = arrow()
    from pyarrow import csv

    flat = pa.schema([(field.name, pa.string() if pa.types.is_nested(field.type) else field.type) for field in schema])
    with csv.CSVWriter(path, flat) as writer:
        yield lambda batch: writer.write_batch(
            pa.record_batch([_flat(column) for column in batch.columns], schema=flat)
        )


@contextmanager
def json_lines_writer(path: Path) -> Iterator[Callable[[Any], None]]:
    """Yield a function that appends record batches to a new file, a JSON document a row."""
    with path.open("w", encoding="utf-8", newline="\n") as file:
        yield lambda batch: file.writelines(
            f"{json.dumps(_finite(row), ensure_ascii=False)}\n" for row in batch.to_pylist()
        )


def _finite(value: Any) -> Any:
    """A value without what JSON has no word for: NaN and the infinities become null."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _finite(entry) for key, entry in value.items()}
    # The ids of a sequence are many, and never floats.
    return (
        [_finite(entry) for entry in value]
        if isinstance(value, list) and value and not isinstance(value[0], int)
        else value
    )


def _flat(column: Any) -> Any:
    """A column that CSV can hold: lists of numbers with blanks between, what else has levels below as JSON."""
    pa = arrow()
    if not pa.types.is_nested(column.type):
        return column
    is_numbers = pa.types.is_list(column.type) and not pa.types.is_nested(column.type.value_type)
    return pa.array(
        [value if value is None else _written(value, is_numbers) for value in column.to_pylist()], pa.string()
    )


def _written(value: Any, is_numbers: bool) -> str:
    return " ".join(map(str, value)) if is_numbers else json.dumps(value)
