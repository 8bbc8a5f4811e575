"""What the second array's files have in common, wherever they lie: a head that names their sources, and chunks of all rows."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import BinaryIO

from seenat.memorization.protocol.measures import Values
from seenat.memorization.results.files.block_array import BlockArray, BlockFile
from seenat.memorization.results.files.description import Description, Files, array_files, group_files
from seenat.memorization.results.files.layout import LARGEST_CHUNK, part_layout
from seenat.memorization.results.shard_codec import ShardLayout, check_shard, encode_shard, is_packed, read_shard

__all__ = ["PartFiles"]

_DAMAGED = (OSError, RuntimeError, ValueError, MemoryError)
"""What reading raises of a file that is damaged, or none; memory, where its decompressor is promised too much."""
_LONGEST_HEAD = 1 << 24
"""Bytes of the first line, at most; a row takes 75."""


class PartFiles(ABC):
    """The files of the second array of a measurement."""

    def __init__(self, array: BlockArray, largest_chunk: int = LARGEST_CHUNK) -> None:
        self.array = array
        self.largest_chunk = largest_chunk

    @property
    @abstractmethod
    def place(self) -> str:
        """Where they lie, as a person would write it."""

    @property
    @abstractmethod
    def are_there(self) -> bool:
        """Whether there may be any."""

    @abstractmethod
    def prepare(self, description: Description) -> None:
        """Describe the array, without parts of another shape or layout, and clear away what killed writers left."""

    @abstractmethod
    def write(self, block: int, data: bytes) -> None:
        """Write the file of a part; raises `NoRoom` where the disk is full."""

    @abstractmethod
    def bytes_of(self, block: int) -> int:
        """Bytes of a part that is there."""

    @abstractmethod
    def remove(self, block: int) -> None:
        """Delete a part, if it is there; it is made again from the blocks."""

    @abstractmethod
    def opened(self, block: int) -> AbstractContextManager[BinaryIO]:
        """The file of a part, open for reading; raises `OSError` where there is none."""

    def described(self, description: Description) -> Files:
        """What the array says of itself, by path."""
        describe = group_files if self.array.format > 1 else array_files
        layout = self._layout(len(description.rows))
        return describe(description, self.array.measure, self.array.sequences, layout, is_part=True)

    def encoded(self, block: int, rows: int, recorded: Mapping[int, BlockFile]) -> tuple[bytes, int]:
        """The file of a part, and how many block files were left out because they are not what is recorded."""
        layout, start = self._layout(rows), block * self.array.block_sequences
        length = min(self.array.block_sequences, self.array.sequences - start)
        values = self.array.measure.empty(rows, length)
        sources: list[str | None] = [None] * rows
        for row, file in recorded.items():
            of_row = self.array.content(row, block, file)
            if of_row is not None:
                values[row], sources[row] = of_row, file.digest
        head = json.dumps(sources).encode() + b"\n"
        return encode_shard(values, layout, head), sum(sources[row] is None for row in recorded)

    def sources(self, block: int) -> dict[int, str]:
        """The digests of the block files that a part was made from, by row; empty where there is no sound part."""
        try:
            with self.opened(block) as file:
                sources = _sources(file)
                self._check(file, self._layout(len(sources)))
        except _DAMAGED:
            return {}
        return {row: digest for row, digest in enumerate(sources) if digest is not None}

    def read(
        self, block: int, rows: list[int], start: int, stop: int, committed: dict[int, BlockFile]
    ) -> Values | None:
        """Values of some rows over a range within a block, if a sound part was made from what is committed of them.

        Also None where the block files of these rows cost less.
        """
        try:
            with self.opened(block) as file:
                sources, head = _sources(file), file.tell()
                digests = {row: file.digest for row, file in committed.items()}
                is_made_from = all(row < len(sources) and sources[row] == digests.get(row) for row in rows)
                if not is_made_from or self._is_more(len(sources), rows, start, stop):
                    return None
                first = block * self.array.block_sequences
                layout = self._layout(len(sources))
                if not layout.checked and not is_packed(file, layout, head):
                    return None
                values = read_shard(file, layout, start - first, stop - first)
        except _DAMAGED:  # Or none, or of another layout: the block files are what counts.
            return None
        chosen: Values = values[rows]
        return chosen

    def _is_more(self, total: int, rows: list[int], start: int, stop: int) -> bool:
        """Whether a part's chunks of a range hold over twice the values of the block files of some rows.

        Up to that, one file costs less than many.
        """
        size = self._layout(total).chunk[1]
        chunks = -(-stop // size) - start // size
        return total * chunks * size > 2 * len(rows) * self.array.block_sequences

    def _check(self, file: BinaryIO, layout: ShardLayout) -> None:
        """Raise where a part, of which the head was read, is damaged."""
        if layout.checked:
            check_shard(file, layout)
        elif is_packed(file, layout, file.tell()):
            read_shard(file, layout, 0, self.array.block_sequences)
        else:
            raise ValueError("its index is not one of a part")

    def _layout(self, rows: int) -> ShardLayout:
        array = self.array
        return part_layout(array.measure, array.block_sequences, rows, self.largest_chunk, array.format)


def _sources(file: BinaryIO) -> list[str | None]:
    """The first line of a part; raises `ValueError` where it is damaged."""
    try:
        sources: list[str | None] = json.loads(file.readline(_LONGEST_HEAD))
    except RecursionError as error:
        raise ValueError("its head is nested too deep") from error
    if not isinstance(sources, list) or not sources:
        raise ValueError("its head is no list of digests")
    return sources
