"""Trajectory parts: the files of a second Zarr v3 array beside the first, with the same rows and values.

The first array keeps a block of one checkpoint in a file, which is how values are measured; a trajectory is then a file of
every checkpoint. In the second a file is one *part*: all checkpoints over one block, compressed in chunks of some hundreds
or thousands of sequences, so that a trajectory is one chunk of one file.

It is derived, and may be deleted at any time. A part begins with the digests of the block files that it was made from, and
answers for a row only as long as the catalog says the same digest of that row; otherwise the block files are read. So no
answer is wrong; at worst it takes longer. Whatever is damaged, or no part at all, is passed over, and written anew by the next
compaction.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any, BinaryIO

from seenat.memorization.results.array import BlockFile, ResultArray, Values
from seenat.memorization.results.files.description import (
    METADATA,
    VALUES,
    Description,
    array_files,
    group_files,
    write_described,
)
from seenat.memorization.results.files.layout import LARGEST_CHUNK, part_layout
from seenat.memorization.results.shard_codec import ShardLayout, check_shard, encode_shard, is_packed, read_shard
from seenat.registry.storage.local import PARTIAL, write_atomic
from seenat.registry.storage.regular import make_way, open_regular, read_regular, remove_regular

__all__ = ["LARGEST_CHUNK", "TrajectoryParts"]

_DAMAGED = (OSError, RuntimeError, ValueError, MemoryError)
"""What reading raises of a file that is damaged, or none; memory, where its decompressor is promised too much."""
_LONGEST_HEAD = 1 << 24
"""Bytes of the first line, at most; a row takes 75."""


class TrajectoryParts:
    """The files of the second array, beside those of the first."""

    def __init__(self, array: ResultArray, largest_chunk: int = LARGEST_CHUNK) -> None:
        self.array = array
        self.largest_chunk = largest_chunk
        self.group = array.group.with_suffix(".trajectories.zarr")
        self.folder = self.group / VALUES if array.format > 1 else self.group

    def path(self, block: int) -> Path:
        """Where the file of a part lies."""
        return self.folder.joinpath("c", "0", str(block), *["0"] * len(self.array.measure.axis))

    def prepare(self, description: Description) -> None:
        """Describe the array, without parts of another shape or layout, and clear away what killed writers left."""
        layout = self._layout(len(description.rows))
        describe = group_files if self.array.format > 1 else array_files
        files = describe(description, self.array.measure, self.array.sequences, layout, is_part=True)
        metadata = files[(self.folder / METADATA).relative_to(self.group).as_posix()]
        if _described_layout(read_regular(self.folder / METADATA) or b"") != _described_layout(metadata):
            shutil.rmtree(self.group, ignore_errors=True)
        write_described(self.group, files)
        for partial in self.group.rglob(f"*{PARTIAL}"):
            remove_regular(partial)

    def write(self, block: int, data: bytes) -> None:
        """Write the file of a part; raises `NoRoom` where the disk is full."""
        make_way(self.path(block), self.group)
        write_atomic(self.path(block), data)

    def encoded(self, block: int, rows: int, recorded: dict[int, str]) -> tuple[bytes, int]:
        """The file of a part, and how many block files were left out because they are not what is recorded."""
        layout, start = self._layout(rows), block * self.array.block_sequences
        length = min(self.array.block_sequences, self.array.sequences - start)
        values = self.array.measure.empty(rows, length)
        sources: list[str | None] = [None] * rows
        for row, digest in recorded.items():
            of_row = self.array.read_block(row, block, digest)
            if of_row is not None:
                values[row], sources[row] = of_row, digest
        head = json.dumps(sources).encode() + b"\n"
        return encode_shard(values, layout, head), sum(sources[row] is None for row in recorded)

    def sources(self, block: int) -> dict[int, str]:
        """The digests of the block files that a part was made from, by row; empty where there is no sound part."""
        try:
            with open_regular(self.path(block)) as file:
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
            with open_regular(self.path(block)) as file:
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


def _described_layout(metadata: bytes) -> Any:
    """What an array's description says of its files' layout; None where it cannot be understood."""
    try:
        return {key: value for key, value in json.loads(metadata).items() if key != "attributes"}
    except (ValueError, AttributeError, RecursionError):
        return None


def _sources(file: BinaryIO) -> list[str | None]:
    """The first line of a part; raises `ValueError` where it is damaged."""
    try:
        sources: list[str | None] = json.loads(file.readline(_LONGEST_HEAD))
    except RecursionError as error:
        raise ValueError("its head is nested too deep") from error
    if not isinstance(sources, list) or not sources:
        raise ValueError("its head is no list of digests")
    return sources
