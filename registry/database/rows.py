"""What modules with queries share: rows by name, many as whole numbers, the time as it is written, writes of many or unknown rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import chain, islice
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import Connection, Row, Select, Table, insert, select, update
from sqlalchemy.exc import DBAPIError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

__all__ = ["AnyRow", "insert_rows", "now", "pieces", "read_numbers", "upsert"]

AnyRow = Row[*tuple[Any, ...]]
"""A row whose columns are read by name."""
Item = TypeVar("Item")

_ROWS_AT_ONCE = 20_000
# SQLite before 3.32 takes at most 999 values in a statement.
_VALUES_AT_ONCE = 500


def now() -> str:
    """The present moment as the catalog writes it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def pieces(items: Iterable[Item], size: int = _VALUES_AT_ONCE) -> Iterator[list[Item]]:
    """Consecutive items, `size` at a time: a database takes a limited number of values in one statement."""
    iterator = iter(items)
    while piece := list(islice(iterator, size)):
        yield piece


def read_numbers(
    connection: Connection, query: Select[*tuple[Any, ...]], values: Mapping[str, Any] | None = None
) -> npt.NDArray[np.int64]:
    """`[columns, rows]` of a query whose columns are whole numbers, none of them null, without an object a row in between."""
    import numpy as np

    width = len(query.selected_columns)
    errors = connection.dialect.loaded_dbapi.Error
    with connection.execute(query, values) as result:
        cursor: Any = result.cursor
        try:
            flat = np.fromiter(chain.from_iterable(cursor), np.int64)
        except errors as error:  # As SQLAlchemy raises it where it reads rows itself.
            raise DBAPIError.instance(str(query), None, error, errors, dialect=connection.dialect) from error
    return flat.reshape(-1, width).T


def insert_rows(connection: Connection, table: Table[Any], rows: Iterable[Mapping[str, Any]]) -> None:
    """Insert rows of any number, none included; not all of them are in memory at once."""
    for piece in pieces(rows, _ROWS_AT_ONCE):
        connection.execute(insert(table), piece)


def upsert(
    connection: Connection, table: Table[Any], name: str, values: Mapping[str, Any], clearing: Sequence[str] = ()
) -> int:
    """Insert or update the row of this name; returns its id. None overwrites only in the columns of `clearing`."""
    row_id: int | None = connection.execute(select(table.c.id).where(table.c.name == name)).scalar()
    if row_id is None:
        key = connection.execute(insert(table).values(name=name, **values)).inserted_primary_key
        return int(key[0])  # type: ignore[index]
    stated = {column: value for column, value in values.items() if value is not None or column in clearing}
    connection.execute(update(table).where(table.c.id == row_id).values(**stated))
    return row_id
