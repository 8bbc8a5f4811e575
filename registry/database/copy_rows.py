"""All rows of a catalog into another one with the same schema, whichever databases the two are.

Tables go in the order in which they point to each other, a few thousand rows at a time, so that memory does not grow with the
catalog.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from sqlalchemy import JSON, Connection, Table, TypeDecorator, delete, func, insert, select, text

from seenat.registry.database.bulk_insert import bulk_insert
from seenat.registry.database.tables.complete import metadata

__all__ = ["copy_rows"]

_ROWS_AT_ONCE = 5000


def copy_rows(
    source: Connection, target: Connection, progress: Callable[[int, int], None] = lambda _done, _all: None
) -> None:
    """Put all rows of one catalog in the place of those of another; `progress` gets (rows copied, all).

    Both have the schema of this version. `source` is in a transaction that sees one state, `target` in one that writes.
    """
    tables = metadata.sorted_tables
    for table in reversed(tables):
        target.execute(delete(table))
    total, done = sum(source.execute(select(func.count()).select_from(table)).scalar_one() for table in tables), 0
    for table in tables:
        for rows in _pages(source, table):
            _insert(target, table, rows)
            done += len(rows)
            progress(done, total)
        _go_on_counting(target, table)


def _pages(source: Connection, table: Table[Any]) -> Iterator[list[Any]]:
    rows = source.execution_options(yield_per=_ROWS_AT_ONCE).execute(select(table))
    yield from ([tuple(row) for row in page] for page in rows.partitions())


def _insert(target: Connection, table: Table[Any], rows: list[Any]) -> None:
    names = tuple(column.name for column in table.columns)
    if any(isinstance(column.type, JSON | TypeDecorator) for column in table.columns):
        target.execute(insert(table), [dict(zip(names, row, strict=True)) for row in rows])
    else:
        bulk_insert(target, table, names, rows)


def _go_on_counting(target: Connection, table: Table[Any]) -> None:
    """Let PostgreSQL number the rows that follow from where these end; SQLite does so by itself."""
    key = table.autoincrement_column
    if target.dialect.name != "postgresql" or key is None:
        return
    sequence = target.execute(
        text("SELECT pg_get_serial_sequence(:table, :column)"), {"table": table.name, "column": key.name}
    )
    if (name := sequence.scalar()) is not None and (last := target.execute(select(func.max(key))).scalar()) is not None:
        target.execute(text("SELECT setval(:name, :last)"), {"name": name, "last": last})
