"""Holds the row groups of a file against the most ids that a row may have, before pyarrow decodes them.

pyarrow decodes some rows at a time, and each as a whole. What that takes is bounded here: by what a footer and the pages say
together where a row group has few ids, and by the length of each row where it has many.
"""

from __future__ import annotations

from collections.abc import Sequence

from seenat.registry.errors import CorruptFile
from seenat.registry.orders.formats.parquet_limits.chunks import Chunk, FileBytes, RowGroup, read_row_groups
from seenat.registry.orders.formats.parquet_limits.compact import MalformedError
from seenat.registry.orders.formats.parquet_limits.pages import levels_of, pages_of
from seenat.registry.orders.formats.parquet_limits.row_lengths import RowLengths

__all__ = ["MOST_IDS", "Guard"]

MOST_IDS = 1 << 23
"""Ids that are decoded at a time, and so the most that a row may have: up to 28 bytes each, of which 16 are ids."""


class Guard:
    """What the footer of a file says, read once. Raises `MalformedError` for one that cannot be read."""

    def __init__(
        self, file: FileBytes, tokens: int, others: Sequence[int], columns: int, *, most_ids: int = MOST_IDS
    ) -> None:
        """`tokens` and `others` are the numbers of the columns that will be decoded, of so many in all.

        The rows of a row group of more than `most_ids` are looked at one by one.
        """
        self._file = file
        self._tokens = tokens
        self._others = tuple(others)
        self._columns = columns
        self._most_ids = most_ids
        self._groups = read_row_groups(file)

    def row_group(self, number: int, rows: int, most: int, where: str) -> RowLengths | None:
        """Check a row group of so many rows of at most so many ids; what remains to be checked row by row, if anything.

        Raises `CorruptFile` where there are more ids, `MalformedError` where it cannot be read.
        """
        group = self._group(number, rows)
        for column in (self._tokens, *self._others):
            chunk = group.chunks[column]
            if chunk.values > rows * most:
                raise CorruptFile(
                    f"{where}: it holds {chunk.values:,} ids, and {rows:,} rows have at most {most:,} each; replace the file."
                )
            for _ in pages_of(self._file, chunk):
                pass
        tokens = group.chunks[self._tokens]
        return None if tokens.values <= self._most_ids else self._lengths(tokens, most, where)

    def _group(self, number: int, rows: int) -> RowGroup:
        if number >= len(self._groups):
            raise MalformedError(f"its footer has {len(self._groups)} row groups")
        group = self._groups[number]
        if (group.rows, len(group.chunks)) != (rows, self._columns):
            raise MalformedError(f"a row group has {len(group.chunks)} columns, and {self._columns} are due")
        return group

    def _lengths(self, chunk: Chunk, most: int, where: str) -> RowLengths:
        levels = ((levels_of(self._file, chunk, page), page.values) for page in pages_of(self._file, chunk))
        return RowLengths(levels, most, where)
