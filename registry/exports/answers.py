"""The rows of any answer that is a table, as a Parquet, CSV or JSON lines file or as a folder that `datasets.load_from_disk` opens."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from seenat.registry.answer import Answers, TableAnswer
from seenat.registry.errors import InvalidValue
from seenat.registry.exports.batches import Exported
from seenat.registry.exports.files import format_of, table_writer

__all__ = ["write_table"]

# Rows of a row group.
_ROWS_AT_ONCE = 1 << 14


def write_table(
    answer: TableAnswer | Answers[Any], path: str | Path, format: str | None = None, *, force: bool = False
) -> Exported:
    """Write the rows of an answer, a column a key of their JSON; what else the answer says becomes the file's metadata.

    The name decides the format: .parquet, .csv, .jsonl, or a folder. Raises `InvalidValue` for another ending, for an answer
    without rows, whose columns have no types, and for a path that exists, unless `force`.
    """
    chosen = format_of(Path(path), format, force=force)
    table = answer.to_arrow()
    if not len(table):
        raise InvalidValue(f"This answer has no rows, so there is nothing to write to {path}.")
    metadata = {}
    if isinstance(answer, TableAnswer):
        metadata = {name: value for name, value in answer.to_json().items() if name != answer.table_key()}
    with table_writer(Path(path), chosen, table.schema, metadata, force=force) as write:
        for batch in table.to_batches(max_chunksize=_ROWS_AT_ONCE):
            write({name: batch.column(name) for name in batch.schema.names})
    return Exported(path=Path(path).absolute(), format=chosen, rows=len(table), metadata=metadata)
