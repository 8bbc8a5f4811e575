"""Many rows of whole numbers at once: from the driver's cursor into an array, without an object a row in between."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt
from sqlalchemy import Connection, Select
from sqlalchemy.exc import DBAPIError

__all__ = ["read_numbers"]


def read_numbers(
    connection: Connection, query: Select[*tuple[Any, ...]], values: Mapping[str, Any] | None = None
) -> npt.NDArray[np.int64]:
    """`[columns, rows]` of a query whose columns are whole numbers, none of them null."""
    width = len(query.selected_columns)
    errors = connection.dialect.loaded_dbapi.Error
    with connection.execute(query, values) as result:
        cursor: Any = result.cursor
        try:
            flat = np.fromiter(chain.from_iterable(cursor), np.int64)
        except errors as error:  # As SQLAlchemy raises it where it reads rows itself.
            raise DBAPIError.instance(str(query), None, error, errors, dialect=connection.dialect) from error
    return flat.reshape(-1, width).T
