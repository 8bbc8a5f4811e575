"""Trajectory parts: the files of a second Zarr v3 array beside the first, with the same rows and values.

The first array keeps a block of one checkpoint in a file, which is how values are measured; a trajectory is then a file of
every checkpoint. In the second a file is one *part*: all checkpoints over one block, compressed in chunks of some hundreds
or thousands of sequences, so that a trajectory is one chunk of one file.

It is derived, and may be deleted at any time. A part begins with the digests of the block files that it was made from, and
answers for a row only as long as the catalog says the same digest of that row; otherwise the block files are read. So no
answer is wrong; at worst it takes longer.
"""

from __future__ import annotations

import json
import math
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import zarr
from numcodecs.zstd import Zstd
from zarr.codecs import BytesCodec, ShardingCodec, TransposeCodec, ZstdCodec
from zarr.core.buffer import Buffer
from zarr.storage import MemoryStore

from seenat.memorization.results.array import BlockFile, ResultArray, Values
from seenat.memorization.results.shard_codec import ShardLayout, encode_shard, has_layout, read_shard
from seenat.registry.storage.local import PARTIAL, write_atomic

__all__ = ["LARGEST_CHUNK", "TrajectoryParts"]

LARGEST_CHUNK = 1 << 16
"""Bytes that are decompressed for one trajectory, at most: 0.08 ms. They take 0.367 B a value, and four times as many 0.380."""

_LEVEL = 3
"""Of zstd."""
_METADATA = "zarr.json"


class TrajectoryParts:
    """The files of the second array, beside those of the first."""

    def __init__(self, array: ResultArray, largest_chunk: int = LARGEST_CHUNK) -> None:
        self.array = array
        self.largest_chunk = largest_chunk
        self.folder = array.folder.with_suffix(".trajectories.zarr")

    def path(self, block: int) -> Path:
        """Where the file of a part lies."""
        return self.folder.joinpath("c", "0", str(block), *["0"] * len(self.array.layout.chunk[2:]))

    def prepare(self, rows: int) -> None:
        """Describe the array, without parts of another shape or layout, and clear away what killed writers left."""
        path, metadata = self.folder / _METADATA, self._metadata(rows)
        stored = path.read_bytes() if path.exists() else b"{}"
        if _described_layout(stored) != _described_layout(metadata):
            shutil.rmtree(self.folder, ignore_errors=True)
            stored = b"{}"
        if stored != metadata:
            write_atomic(path, metadata)
        for partial in self.folder.rglob(f"*{PARTIAL}"):
            partial.unlink(missing_ok=True)

    def encoded(self, block: int, rows: int, recorded: dict[int, str]) -> tuple[bytes, int]:
        """The file of a part, and how many block files were left out because they are not what is recorded."""
        layout, start = self._layout(rows), block * self.array.block_sequences
        length = min(self.array.block_sequences, self.array.sequences - start)
        values = np.full((rows, length, *layout.chunk[2:]), layout.fill, layout.dtype)
        sources: list[str | None] = [None] * rows
        for row, digest in recorded.items():
            of_row = self.array.read_block(row, block, digest)
            if of_row is not None:
                values[row], sources[row] = of_row, digest
        head = json.dumps(sources).encode() + b"\n"
        return encode_shard(values, layout, head), sum(sources[row] is None for row in recorded)

    def sources(self, block: int) -> dict[int, str]:
        """The digests of the block files that a part was made from, by row; empty where there is no sound part."""
        if not self.path(block).exists():
            return {}
        with self.path(block).open("rb") as file:
            return {row: digest for row, digest in enumerate(_sources(file)) if digest is not None}

    def read(
        self, block: int, rows: list[int], start: int, stop: int, committed: dict[int, BlockFile]
    ) -> Values | None:
        """Values of some rows over a range within a block, if a sound part was made from what is committed of them.

        Also None where the block files of these rows cost less.
        """
        if not self.path(block).exists():
            return None
        with self.path(block).open("rb") as file:
            sources, head = _sources(file), file.tell()
            if len(sources) <= max(rows) or self._is_more(len(sources), rows, start, stop):
                return None
            digests = {row: file.digest for row, file in committed.items()}
            if any(sources[row] != digests.get(row) for row in rows):
                return None
            first = block * self.array.block_sequences
            layout = self._layout(len(sources))
            if not has_layout(file, layout, head):  # Made when chunks had another size, or damaged.
                return None
            try:
                values = read_shard(file, layout, start - first, stop - first)
            except (OSError, RuntimeError, ValueError):  # Damaged: the block files are what counts.
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

    def _layout(self, rows: int) -> ShardLayout:
        block = self.array.layout
        value = block.dtype.itemsize * math.prod(block.chunk[2:])
        size = self.array.block_sequences
        pieces = min(size, -(-size * rows * value // self.largest_chunk))
        while size % pieces:
            pieces += 1
        chunk = (rows, size // pieces, *block.chunk[2:])
        return replace(block, chunks=pieces, chunk=chunk, codec=Zstd(level=_LEVEL, checksum=True), check_bytes=0)

    def _metadata(self, rows: int) -> bytes:
        layout, files = self._layout(rows), dict[str, Buffer]()
        _, chunk, *rest = layout.chunk
        zarr.create_array(
            MemoryStore(files),
            shape=(rows, self.array.sequences, *rest),
            dtype=layout.dtype,
            chunks=(rows, self.array.block_sequences, *rest),
            serializer=ShardingCodec(
                chunk_shape=(rows, chunk, *rest),
                codecs=[TransposeCodec(order=layout.axes), BytesCodec(), ZstdCodec(level=_LEVEL, checksum=True)],
                index_codecs=[BytesCodec()],
            ),
            compressors=None,
            fill_value=layout.fill,
            dimension_names=("checkpoint", "sequence", "quantity")[: 2 + len(rest)],
            attributes=self.array.attributes,
        )
        return files[_METADATA].to_bytes()


def _described_layout(metadata: bytes) -> dict[str, Any]:
    """What an array's description says of its files' layout."""
    return {key: value for key, value in json.loads(metadata).items() if key != "attributes"}


def _sources(file: BinaryIO) -> list[str | None]:
    """The first line of a part; empty where it is damaged."""
    try:
        sources: list[str | None] = json.loads(file.readline())
    except ValueError:
        return []
    return sources if isinstance(sources, list) else []
