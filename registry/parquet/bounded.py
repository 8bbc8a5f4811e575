"""Chosen columns of a Parquet file, a few rows at a time, within bounds of memory; whatever pyarrow raises becomes `CorruptFile`.

A column holds numbers, one a row, or lists of whole numbers; any other is refused before it is decoded, since a few bytes can
say a text of gigabytes. Where the reader says that a column may hold texts, they are read as numbers of a dictionary, which holds
each text of a page once.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from seenat.registry.errors import CorruptFile, SeenatError
from seenat.registry.optional import arrow
from seenat.registry.parquet.chunks import FileBytes, check_footer_length
from seenat.registry.parquet.guard import MOST_IDS, Guard

__all__ = ["BoundedFile", "read_metadata", "reading", "rows_of_groups", "shown"]

# Of a file that is not local; a local one is mapped.
_BUFFER = 1 << 20
# Characters of what a file or a library says that a message repeats.
_SHOWN = 200


@contextmanager
def reading(where: str, kind: str = "a Parquet file") -> Iterator[None]:
    """Raise `CorruptFile` for whatever pyarrow raises: damaged files make it fail in ways that it does not document."""
    try:
        yield
    except SeenatError:
        raise
    except Exception as error:
        # Its own ArrowInvalid is a ValueError; UnicodeDecodeError, StopIteration and MemoryError were seen beside them.
        said = (isinstance(error, OSError) and error.strerror) or str(error).partition("\n")[0].rstrip(".")
        raise CorruptFile(
            f"{where} cannot be read as {kind}: {shown(said or type(error).__name__)}; download it again, or give {kind}."
        ) from error


def shown(words: str) -> str:
    """What a file or a library says, as short as a message may repeat it."""
    return words if len(words) <= _SHOWN else f"{words[:_SHOWN]}..."


def read_metadata(path: str, filesystem: Any = None) -> Any:
    """pyarrow's own `FileMetaData` of a file of this machine or of an fsspec file system; raises `CorruptFile` for any other."""
    with reading(path):
        check_footer_length(FileBytes(path, filesystem))
        metadata = arrow().parquet.read_metadata(path, filesystem=filesystem)
        rows = rows_of_groups(metadata)
    if min(rows, default=0) < 0 or sum(rows) != metadata.num_rows:
        raise CorruptFile(
            f"{path}: its footer says {metadata.num_rows} rows, and its row groups {sum(rows)}; download it again."
        )
    return metadata


def rows_of_groups(metadata: Any) -> list[int]:
    """Rows of each row group."""
    return [metadata.row_group(number).num_rows for number in range(metadata.num_row_groups)]


class BoundedFile:
    """A file whose footer was read before, with no whole column in memory.

    A local file is mapped, so that no length within it can ask for more memory than it has bytes. `columns` are those that will
    be decoded. Raises `CorruptFile` where the file is no longer as it was, or a column is neither of numbers nor of lists of
    whole numbers.
    """

    def __init__(
        self, path: str, metadata: Any, columns: Sequence[str], filesystem: Any = None, *, texts: Collection[str] = ()
    ) -> None:
        """`texts` are those of the columns that may hold texts too."""
        self._path = path
        self._columns = list(columns)
        self._may_be_text = frozenset(texts)
        self._texts: list[str] = []
        with reading(path):
            self._rows = rows_of_groups(metadata)
            lists, numbers = self._numbers_of_columns(metadata)
            file = FileBytes(path, filesystem)
            self._guard = Guard(file, lists, numbers, len(metadata.schema), texts=self._numbers_of_texts(metadata))
            self._file = self._open(metadata, filesystem)

    def batches(self, group: int, *, rows: int, most: int) -> Iterator[Any]:
        """The record batches of a row group, in which a list has at most so many values.

        They have so many rows, and fewer where lists may be long. Raises `CorruptFile` where they cannot be decoded, or a row
        has more values.
        """
        where = f"{self._path}, row group {group}"
        with reading(where):
            lengths = self._guard.row_group(group, self._rows[group], most, where)
            if lengths:
                rows = max(1, min(rows, MOST_IDS // most))
            batches = self._file.iter_batches(rows, [group], self._columns, use_threads=False)
        done = 0
        while True:
            with reading(where):
                done += rows
                for each in lengths:
                    each.check(done)
                batch = next(batches, None)
            if batch is None:
                return
            yield batch

    def all_batches(self, *, rows: int, most: int) -> Iterator[Any]:
        """The record batches of all row groups, one after the other; see `batches`."""
        for group in range(len(self._rows)):
            yield from self.batches(group, rows=rows, most=most)

    def close(self) -> None:
        """Close the file."""
        self._file.close(force=True)

    def _open(self, metadata: Any, filesystem: Any) -> Any:
        options = {"metadata": metadata, "pre_buffer": False, "read_dictionary": self._texts}
        if filesystem is None:
            return arrow().parquet.ParquetFile(Path(self._path), memory_map=True, **options)
        return arrow().parquet.ParquetFile(self._path, filesystem=filesystem, buffer_size=_BUFFER, **options)

    def _numbers_of_columns(self, metadata: Any) -> tuple[list[int], list[int]]:
        """The numbers of the columns with lists and of the others, counted as the file stores them."""
        lists: list[int] = []
        numbers: list[int] = []
        schema = metadata.schema.to_arrow_schema()
        paths = [metadata.schema.column(number).path for number in range(len(metadata.schema))]
        for name in self._columns:
            kind = schema.field(name).type
            stored = [number for number, path in enumerate(paths) if name in (path, path.partition(".")[0])]
            if len(stored) == 1 and name in self._may_be_text and _is_text(kind):
                self._texts.append(name)
                numbers.append(stored[0])
                continue
            if len(stored) != 1 or not (_is_number(kind) or _is_list_of_ids(kind)):
                raise CorruptFile(
                    f"{self._path}: the column {shown(name)} holds {shown(str(kind))}, where numbers or lists of whole numbers "
                    "are due; save it again, or leave the column out."
                )
            (numbers if _is_number(kind) else lists).append(stored[0])
        return lists, numbers

    def _numbers_of_texts(self, metadata: Any) -> list[int]:
        paths = [metadata.schema.column(number).path for number in range(len(metadata.schema))]
        return [paths.index(name) for name in self._texts]


def _is_text(kind: Any) -> bool:
    types = arrow().types
    value = kind.value_type if types.is_dictionary(kind) else kind
    return bool(types.is_string(value) or types.is_large_string(value))


def _is_number(kind: Any) -> bool:
    types = arrow().types
    return bool(types.is_integer(kind) or types.is_floating(kind) or types.is_boolean(kind))


def _is_list_of_ids(kind: Any) -> bool:
    types = arrow().types
    is_list = types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind)
    return bool(is_list and types.is_integer(kind.value_type))
