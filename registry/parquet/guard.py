"""Holds the row groups of a file against the most ids that a row may have, before pyarrow decodes them.

pyarrow decodes some rows at a time, and each as a whole. What that takes is bounded here: by what a footer and the pages say
together where a row group has few ids, and by the length of each row where it has many.
"""

from __future__ import annotations

from collections.abc import Sequence

from seenat.registry.errors import CorruptFile
from seenat.registry.parquet.chunks import Chunk, FileBytes, RowGroup, read_row_groups
from seenat.registry.parquet.compact import MalformedError
from seenat.registry.parquet.pages import levels_of, pages_of
from seenat.registry.parquet.row_lengths import RowLengths

__all__ = ["MOST_IDS", "Guard"]

MOST_IDS = 1 << 23
"""Ids that are decoded at a time, and so the most that a row may have: up to 28 bytes each, of which 16 are ids."""

# Plain, and two names of a dictionary. Others say a text by the one before it: a few bytes could say gigabytes.
_WHOLE_TEXTS = (0, 2, 8)
# A page of 64 MiB of ids beside a dictionary, and the pages of some columns of numbers.
_MOST_TOGETHER = 256 << 20


class Guard:
    """What the footer of a file says, read once. Raises `MalformedError` for one that cannot be read."""

    def __init__(
        self,
        file: FileBytes,
        lists: Sequence[int],
        numbers: Sequence[int],
        columns: int,
        *,
        texts: Sequence[int] = (),
        most_ids: int = MOST_IDS,
    ) -> None:
        """`lists` and `numbers` are the numbers of the columns that will be decoded, with so many and with one value a row.

        `texts` are those among the latter that hold texts. There are `columns` in all. The rows of a row group of more than `most_ids` are looked at one by one.
        """
        self._file = file
        self._lists = tuple(lists)
        self._numbers = tuple(numbers)
        self._texts = frozenset(texts)
        self._columns = columns
        self._most_ids = most_ids
        self._groups = read_row_groups(file)

    def row_group(self, number: int, rows: int, most: int, where: str) -> list[RowLengths]:
        """Check a row group of so many rows of at most so many ids; what remains to be checked row by row.

        Raises `CorruptFile` where there are more ids, `MalformedError` where it cannot be read.
        """
        group = self._group(number, rows)
        self._check_values(group, self._lists, most, where)
        self._check_values(group, self._numbers, 1, where)
        self._check_memory(group)
        chunks = [group.chunks[column] for column in self._lists]
        return [self._lengths(chunk, most, where) for chunk in chunks if chunk.values > self._most_ids]

    @staticmethod
    def _check_values(group: RowGroup, columns: Sequence[int], most: int, where: str) -> None:
        for column in columns:
            values = group.chunks[column].values
            if values > group.rows * most:
                raise CorruptFile(
                    f"{where}: it holds {values:,} ids, and {group.rows:,} rows have at most {most:,} each; replace the file."
                )

    def _check_memory(self, group: RowGroup) -> None:
        """A column takes its dictionary and a page at a time, all columns at once."""
        taken = 0
        for column in (*self._lists, *self._numbers):
            largest = [0, 0]
            for page in pages_of(self._file, group.chunks[column]):
                largest[page.is_dictionary] = max(largest[page.is_dictionary], page.memory)
                if column in self._texts and page.encoding not in _WHOLE_TEXTS:
                    raise MalformedError(
                        f"texts have encoding {page.encoding}, and are read plain or from a dictionary"
                    )
            taken += sum(largest)
            if taken > _MOST_TOGETHER:
                raise MalformedError(f"pages of its columns have {taken:,} bytes together")

    def _group(self, number: int, rows: int) -> RowGroup:
        if number >= len(self._groups):
            raise MalformedError(f"its footer has {len(self._groups)} row groups")
        group = self._groups[number]
        if (group.rows, len(group.chunks)) != (rows, self._columns):
            raise MalformedError(f"a row group has {len(group.chunks)} columns, and {self._columns} are due")
        return group

    def _lengths(self, chunk: Chunk, most: int, where: str) -> RowLengths:
        pages = (page for page in pages_of(self._file, chunk) if not page.is_dictionary)
        levels = ((levels_of(self._file, chunk, page), page.values) for page in pages)
        return RowLengths(levels, most, where)
