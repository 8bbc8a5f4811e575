"""The array of a measurement: one Zarr v3 array, `[checkpoint, sequence]`, of the measure's type.

Prefixes and scores are uint8, 255 where nothing was measured; losses float32 with their quantities along a third axis, NaN
where nothing was measured.

One file (a Zarr shard) is one *block*: one row over `block_sequences` consecutive sequences. A block is written whole:
encoded in memory, written under a partial name, synced, renamed, and its folder synced. It counts once the catalog has
recorded its digest; until then it may be written again, with the same bytes, and what the file held before is kept
beside it.

Any Zarr reader opens the array; the rows' steps are among its attributes.

Whoever writes, describes, or clears away what killed writers left holds the catalog's write lock, so one does at a time.
"""

from __future__ import annotations

import io
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import zarr
from numcodecs.abc import Codec
from numcodecs.blosc import Blosc
from numcodecs.zstd import Zstd
from zarr.codecs import BloscCodec, TransposeCodec, ZstdCodec
from zarr.core.buffer import Buffer
from zarr.storage import MemoryStore

from seenat.memorization.protocol.measures import MEASURES, Measure, Values
from seenat.memorization.protocol.protocol import Protocol
from seenat.memorization.results.shard_codec import ShardLayout, encode_shard, read_shard
from seenat.registry.errors import CorruptFile, SeenatError
from seenat.registry.storage.digests import sha256_of_bytes, sha256_of_file
from seenat.registry.storage.local import PARTIAL, write_atomic

__all__ = ["BlockFile", "ResultArray", "Values"]

_LARGEST_CHUNK = 1 << 16
"""Bytes that are decompressed together, at most: 64 KiB keeps a trajectory cheap and compresses as well as 1 MiB."""

_HASHED_UP_TO = 1 << 16
"""Bytes of a file whose digest is computed whatever is read of it: 0.04 ms at most. Blocks of prefixes have some 24 KB."""

_LEVEL = 3
"""Of zstd."""
_METADATA = "zarr.json"
_BEFORE = ".before"
"""Suffix of what a block's file held before it was written again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockFile:
    """What was written of a block."""

    bytes: int
    digest: str


class ResultArray:
    """The values of one measurement on disk.

    `block_sequences` is fixed when the array is made; the rows may become more.
    """

    def __init__(
        self,
        folder: Path,
        *,
        sequences: int,
        block_sequences: int,
        measure: Measure = MEASURES["prefix"],
        hashed_up_to: int = _HASHED_UP_TO,
    ) -> None:
        self.folder = folder
        self.sequences = sequences
        self.block_sequences = block_sequences
        self.measure = measure
        self.hashed_up_to = hashed_up_to

    def describe(self, rows: int, attributes: dict[str, Any]) -> None:
        """Write the array's metadata, if it says something else or is not there; values are not touched."""
        files: dict[str, Buffer] = {}
        _create(files, (rows, self.sequences), self.block_sequences, self.measure, attributes)
        metadata = files[_METADATA].to_bytes()
        if not self._is_described or json.loads(self._metadata.read_bytes()) != json.loads(metadata):
            write_atomic(self._metadata, metadata)

    @property
    def attributes(self) -> dict[str, Any]:
        """What the array says of itself; empty where it is not described yet."""
        if not self._is_described:
            return {}
        attributes: dict[str, Any] = json.loads(self._metadata.read_bytes())["attributes"]
        return attributes

    @property
    def steps(self) -> dict[int, int]:
        """The step of each row, as the array describes itself."""
        return {row: step for row, step in enumerate(self.attributes.get("steps", ())) if step is not None}

    def write(self, row: int, block: int, values: Values) -> BlockFile:
        """Write one block, `[sequences of the block]`, durably; equal values always make equal bytes."""
        data = encode_shard(values[None], self.layout)
        path = self._path(row, block)
        if path.exists():
            write_atomic(self._before(row, block), path.read_bytes())
        write_atomic(path, data)
        return BlockFile(bytes=len(data), digest=sha256_of_bytes(data))

    def rewritten(self) -> list[tuple[int, int]]:
        """Row and block of every file that was written again, and neither accepted nor restored since."""
        names = [path.relative_to(self.folder).parts for path in self.folder.glob(f"{self._files}{_BEFORE}")]
        return [(int(parts[1]), int(parts[2].removesuffix(_BEFORE))) for parts in names]

    def accept(self, row: int, block: int) -> None:
        """Delete what a block's file held before."""
        self._before(row, block).unlink(missing_ok=True)

    def restore(self, row: int, block: int) -> None:
        """Put back what a block's file held before."""
        self._before(row, block).replace(self._path(row, block))

    def read(self, rows: list[int], start: int, stop: int) -> Values:
        """What lies in files, committed or not, `[len(rows), stop - start]`; not measured where there is no file.

        With several quantities, `[len(rows), stop - start, quantities]`.

        Raises `CorruptFile` for a file that cannot be decoded.
        """
        values = self.measure.empty(len(rows), stop - start)
        for block, first, last in self.spans(start, stop):
            for place, row in enumerate(rows):
                path = self._path(row, block)
                if path.exists():
                    with path.open("rb") as file:
                        values[place, first - start : last - start] = self._decoded(file, row, first, last)
        return values

    def read_committed(
        self, rows: list[int], block: int, span: tuple[int, int], committed: Mapping[int, BlockFile]
    ) -> Values:
        """Values of some rows over a span of sequences within a block, `[len(rows), length of the span]`, as committed.

        Not measured in rows in which nothing is committed, whatever lies there. A file's length is compared, and its digest
        where it has at most 64 KiB or is read whole. A part of a larger file, which only losses have, is only as sure as its
        length and what its compression notices.

        Raises `CorruptFile` where something is committed and its file is gone or another one.
        """
        values = self.measure.empty(len(rows), span[1] - span[0])
        for place, row in enumerate(rows):
            if row in committed:
                values[place] = self._read_committed(row, block, span, committed[row])
        return values

    def holds(self, row: int, block: int, file: BlockFile) -> bool:
        """Whether what was committed of a block is there: its length, and its digest where it has at most 64 KiB."""
        for path in self._places(row, block):
            with suppress(OSError):
                if path.stat().st_size == file.bytes:
                    return file.bytes > self.hashed_up_to or sha256_of_file(path) == file.digest
        return False

    def spans(self, start: int, stop: int) -> Iterator[tuple[int, int, int]]:
        """The blocks that a range of sequences meets, each with the first sequence and the stop of the part within it."""
        size = self.block_sequences
        for block in range(start // size, -(-stop // size) if start < stop else 0):
            yield block, max(start, block * size), min(stop, (block + 1) * size)

    def read_block(self, row: int, block: int, digest: str) -> Values | None:
        """The values of a block, `[sequences of the block]`, if its file is there and has this digest."""
        path = self._path(row, block)
        data = path.read_bytes() if path.exists() else b""
        if sha256_of_bytes(data) != digest:
            return None
        return self._decoded(io.BytesIO(data), row, *self._span(block))

    def digest_of(self, row: int, block: int) -> str | None:
        """The digest of a block's file as it is now; None when there is none."""
        path = self._path(row, block)
        return sha256_of_file(path) if path.exists() else None

    def remove_partials(self) -> None:
        """Delete what writers that were killed left behind."""
        for pattern in (f"*{PARTIAL}", f"{self._files}{PARTIAL}"):
            for path in self.folder.glob(pattern):
                path.unlink(missing_ok=True)

    @property
    def _metadata(self) -> Path:
        return self.folder / _METADATA

    @property
    def _is_described(self) -> bool:
        return self._metadata.exists()

    def _read_committed(self, row: int, block: int, span: tuple[int, int], file: BlockFile) -> Values:
        """Values of one row; a span that is the whole block, or a file of at most 64 KiB, is read by its digest."""
        reason = ""
        for path in self._places(row, block):
            try:
                with path.open("rb") as opened:
                    if os.fstat(opened.fileno()).st_size != file.bytes:
                        reason = reason or f"{self._name(path)} has not the {file.bytes} bytes that were committed"
                    elif file.bytes > self.hashed_up_to and span != self._span(block):
                        return self._decoded(opened, row, *span)
                    elif sha256_of_bytes(data := opened.read()) == file.digest:
                        return self._decoded(io.BytesIO(data), row, *span)
                    else:
                        reason = reason or f"{self._name(path)} is not what was committed"
            except OSError as error:
                reason = reason or f"{self._name(path)} cannot be opened: {error.strerror}"
        raise self._corrupt(row, *span, reason)

    def _places(self, row: int, block: int) -> Iterator[Path]:
        """Where a committed file may lie, to be tried in turn."""
        # It may be put back from the second place to the first while the second is tried.
        yield self._path(row, block)
        yield self._before(row, block)
        yield self._path(row, block)

    def _name(self, path: Path) -> str:
        return path.relative_to(self.folder).as_posix()

    def _span(self, block: int) -> tuple[int, int]:
        start = block * self.block_sequences
        return start, min(start + self.block_sequences, self.sequences)

    def _decoded(self, file: BinaryIO, row: int, start: int, stop: int) -> Values:
        """Values of a range of sequences within one block, from its file."""
        before = start // self.block_sequences * self.block_sequences
        try:
            values: Values = read_shard(file, self.layout, start - before, stop - before)[0]
        except Exception as error:  # Of reading, of decompressing, of a shape that does not fit.
            raise self._corrupt(row, start, stop, str(error).rstrip(".") or type(error).__name__) from error
        return values

    def _corrupt(self, row: int, start: int, stop: int, reason: str) -> CorruptFile:
        """The error for values that were committed and cannot be read."""
        remedy = "repeat the command that measured them, which measures anew what is lost"
        try:
            attributes = self.attributes
            step, options = attributes["steps"][row], Protocol.from_json(attributes["protocol"]).options
            remedy = (
                f"run `seenat memorize {attributes['model']} --steps {step} --sequences {start}:{start + 1} --unseen{options}`, "
                "which measures anew all that was measured of their block, or repeat the command that measured them, which "
                "mends every block of its own"
            )
        except (OSError, ValueError, LookupError, SeenatError):  # The array's description is lost as well.
            pass
        return CorruptFile(f"{self.folder} cannot be read for the sequences {start}:{stop}: {reason}; {remedy}.")

    @property
    def layout(self) -> ShardLayout:
        """How a block's values lie in its file."""
        chunk = _chunk(self.block_sequences, self.measure.bytes)
        return ShardLayout(
            chunks=self.block_sequences // chunk,
            chunk=(1, chunk, *self.measure.axis),
            dtype=np.dtype(self.measure.dtype),
            fill=self.measure.fill,
            codec=_codec(self.measure),
            check_bytes=4,
            axes=_axes(self.measure),
        )

    @property
    def _files(self) -> str:
        """A pattern of the blocks' files."""
        return "/".join(("c", *["*"] * len(self._key(0, 0))))

    def _key(self, row: int, block: int) -> tuple[str, ...]:
        """Where Zarr looks for a block: `row/block`, and behind it `0` for the axis of several quantities."""
        return (str(row), str(block), *["0"] * len(self.measure.axis))

    def _path(self, row: int, block: int) -> Path:
        return self.folder.joinpath("c", *self._key(row, block))

    def _before(self, row: int, block: int) -> Path:
        path = self._path(row, block)
        return path.with_name(path.name + _BEFORE)


def _create(
    files: dict[str, Buffer],
    shape: tuple[int, int],
    block_sequences: int,
    measure: Measure,
    attributes: dict[str, Any],
) -> zarr.Array[Any]:
    """A new array over a dictionary of files, which gets the metadata; blocks become files when they are written."""
    axis = measure.axis
    return zarr.create_array(
        MemoryStore(files),
        shape=(*shape, *axis),
        dtype=measure.dtype,
        shards=(1, block_sequences, *axis),
        chunks=(1, _chunk(block_sequences, measure.bytes), *axis),
        fill_value=measure.fill,
        dimension_names=("checkpoint", "sequence", *["quantity"] * len(axis)),
        attributes=attributes,
        **_codecs(measure),
    )


def _axes(measure: Measure) -> tuple[int, ...]:
    """The order in which a chunk's axes are stored: the values of one quantity side by side."""
    return (0, 2, 1) if measure.axis else (0, 1)


def _codec(measure: Measure) -> Codec:
    """Encodes and decodes a chunk's bytes; `_codecs` describes the same to Zarr."""
    return Blosc(cname="zstd", clevel=_LEVEL, shuffle=Blosc.BITSHUFFLE) if measure.axis else Zstd(level=_LEVEL)


def _codecs(measure: Measure) -> dict[str, Any]:
    """How a chunk becomes bytes, in Zarr's words.

    zstd alone stores losses in 3.45 bytes a value (1,272 different sequences). Their last bits are noise; with the other bits
    of one quantity side by side it is 2.85. Shuffled by bytes instead it is 3.0, by bits but with quantities mixed 3.1.
    """
    if not measure.axis:
        return {"compressors": ZstdCodec(level=_LEVEL)}
    size = np.dtype(measure.dtype).itemsize
    return {
        "filters": [TransposeCodec(order=_axes(measure))],
        "compressors": BloscCodec(cname="zstd", clevel=_LEVEL, shuffle="bitshuffle", typesize=size),
    }


def _chunk(block_sequences: int, size: int) -> int:
    """The largest number of sequences, of `size` bytes each, that divides a block and takes at most 64 KiB."""
    pieces = -(-block_sequences * size // _LARGEST_CHUNK)
    while block_sequences % pieces:
        pieces += 1
    return block_sequences // pieces
