"""The row groups of a Parquet file: how many rows each has, and where the values of each column lie.

Read from the footer by our own means: pyarrow's view of a column ends the process where a footer is damaged.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seenat.registry.parquet.compact import (
    BINARY,
    I32,
    I64,
    STRUCT,
    MalformedError,
    Shape,
    read_struct,
)

__all__ = ["Chunk", "FileBytes", "RowGroup", "check_footer_length", "read_row_groups"]

# Of 1,024 row groups of three columns it has half a MB. pyarrow makes hundreds of bytes of three of some footers.
_LONGEST_FOOTER = 16 << 20
_TAIL = 8

_COLUMN: Shape = {
    1: I32, 2: (I32,), 3: (BINARY,), 4: I32, 5: I64, 7: I64, 8: (STRUCT,), 9: I64, 11: I64, 13: (STRUCT,),
    16: {2: (I64,), 3: (I64,)}, 17: {2: (I32,)},
}  # fmt: skip
_ROW_GROUP: Shape = {1: [{3: _COLUMN, 8: {}}], 3: I64, 4: (STRUCT,)}
_FOOTER: Shape = {2: (STRUCT,), 4: [_ROW_GROUP], 5: (STRUCT,), 7: (STRUCT,)}


@dataclass(frozen=True)
class FileBytes:
    """Bytes of a file, of this machine or of an fsspec file system; opened for each reading."""

    path: str
    filesystem: Any = None

    @property
    def length(self) -> int:
        """Bytes of the file."""
        return Path(self.path).stat().st_size if self.filesystem is None else int(self.filesystem.size(self.path))

    def read(self, start: int, length: int) -> bytes:
        """Bytes from `start` on; fewer at the end of the file."""
        if self.filesystem is not None:
            end = min(start + length, self.length)
            # By itself fsspec fetches five megabytes for each of these.
            return bytes(self.filesystem.cat_file(self.path, start=start, end=end, cache_type="none"))
        with Path(self.path).open("rb") as file:
            file.seek(start)
            return file.read(length)


@dataclass(frozen=True, slots=True)
class Chunk:
    """A column of a row group."""

    codec: int
    """The number of its compression."""
    values: int
    """How many, as the footer says; a list without any counts for one."""
    start: int
    stop: int
    """Half-open range of its bytes in the file."""


@dataclass(frozen=True, slots=True)
class RowGroup:
    """A row group as the footer says."""

    rows: int
    chunks: tuple[Chunk, ...]


def check_footer_length(file: FileBytes) -> int:
    """Bytes of the footer; raises `MalformedError` where that is more than any order's."""
    tail = file.read(max(0, file.length - _TAIL), _TAIL)
    length = int.from_bytes(tail[:4], "little")
    if length > _LONGEST_FOOTER:
        raise MalformedError(f"its footer has {length:,} bytes, and at most {_LONGEST_FOOTER:,} are read")
    return length


def read_row_groups(file: FileBytes) -> list[RowGroup]:
    """All row groups; raises `MalformedError` for a footer that cannot be read strictly."""
    length = check_footer_length(file)
    footer, _ = read_struct(file.read(max(0, file.length - _TAIL - length), length), _FOOTER)
    return [_row_group(found, file.length) for found in footer.get(4, ())]


def _row_group(found: dict[int, Any], length: int) -> RowGroup:
    chunks = tuple(_chunk(column, length) for column in found.get(1, ()))
    if 3 not in found or found[3] < 0:
        raise MalformedError(f"a row group has {found.get(3, 'no number of')} rows")
    return RowGroup(found[3], chunks)


def _chunk(found: dict[int, Any], length: int) -> Chunk:
    described = found.get(3, {})
    if 8 in found or not {4, 5, 7, 9} <= described.keys():
        raise MalformedError("a column is not described, or encrypted")
    values, stored, start = described[5], described[7], described[9]
    dictionary = described.get(11, 0)
    start = dictionary if 0 < dictionary < start else start
    if min(values, stored) < 0 or start < 0 or start + stored > length:
        raise MalformedError(f"a column has {values} values in bytes {start} to {start + stored} of {length}")
    return Chunk(described[4], values, start, start + stored)
