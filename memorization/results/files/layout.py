"""How values become bytes, by the format of a measurement (`format`).

A block is one checkpoint's values, cut into chunks of at most 64 KiB. A *part* of the second array holds all checkpoints over
one block.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numcodecs.abc import Codec
from numcodecs.blosc import Blosc
from numcodecs.zstd import Zstd
from zarr.codecs import BloscCodec, BytesCodec, Crc32cCodec, ShardingCodec, TransposeCodec, ZstdCodec

from seenat.memorization.protocol.measures import Measure
from seenat.memorization.results.files.format import NEWEST
from seenat.memorization.results.shard_codec import ShardLayout

__all__ = ["LARGEST_CHUNK", "block_layout", "part_layout", "zarr_codecs", "zarr_part_codecs"]

LARGEST_CHUNK = 1 << 16
"""Bytes that are decompressed together, at most.

64 KiB keeps a trajectory cheap, 0.08 ms, and compresses as well as 1 MiB: of parts 0.367 B a value, four times as many 0.380.
"""

_LEVEL = 3
"""Of zstd."""


def block_layout(measure: Measure, block_sequences: int, format_: int = NEWEST) -> ShardLayout:
    """How a block's values lie in its file."""
    chunk = _block_chunk(block_sequences, measure.bytes)
    return ShardLayout(
        chunks=block_sequences // chunk,
        chunk=(1, chunk, *measure.axis),
        dtype=np.dtype(measure.dtype),
        fill=measure.fill,
        codec=_codec(measure),
        check_bytes=4,
        checked=format_ > 1,
        axes=_axes(measure),
    )


def part_layout(
    measure: Measure, block_sequences: int, rows: int, largest_chunk: int = LARGEST_CHUNK, format_: int = NEWEST
) -> ShardLayout:
    """How the values of a part lie in its file: as many sequences a chunk as take at most so many bytes."""
    value = measure.bytes
    pieces = min(block_sequences, -(-block_sequences * rows * value // largest_chunk))
    while block_sequences % pieces:
        pieces += 1
    return ShardLayout(
        chunks=pieces,
        chunk=(rows, block_sequences // pieces, *measure.axis),
        dtype=np.dtype(measure.dtype),
        fill=measure.fill,
        # By format 1 the decompressor itself compares a check sum, once it is done.
        codec=Zstd(level=_LEVEL, checksum=format_ == 1),
        check_bytes=4 if format_ > 1 else 0,
        checked=format_ > 1,
        axes=_axes(measure),
    )


def zarr_codecs(measure: Measure, format_: int) -> dict[str, Any]:
    """How a chunk of a block becomes bytes, in Zarr's words.

    zstd alone stores losses in 3.45 bytes a value (1,272 different sequences). Their last bits are noise; with the other bits
    of one quantity side by side it is 2.85. Shuffled by bytes instead it is 3.0, by bits but with quantities mixed 3.1.
    """
    check: list[Any] = [Crc32cCodec()] if format_ > 1 else []
    if not measure.axis:
        return {"compressors": [ZstdCodec(level=_LEVEL), *check]}
    size = np.dtype(measure.dtype).itemsize
    return {
        **_filters(measure),
        "compressors": [BloscCodec(cname="zstd", clevel=_LEVEL, shuffle="bitshuffle", typesize=size), *check],
    }


def zarr_part_codecs(measure: Measure, layout: ShardLayout) -> dict[str, Any]:
    """How a chunk of a part becomes bytes, in Zarr's words."""
    if not layout.checked:
        order = TransposeCodec(order=layout.axes)
        serializer = ShardingCodec(
            chunk_shape=layout.chunk,
            codecs=[order, BytesCodec(), ZstdCodec(level=_LEVEL, checksum=True)],
            index_codecs=[BytesCodec()],
        )
        shard = (layout.chunk[0], layout.chunks * layout.chunk[1], *measure.axis)
        return {"serializer": serializer, "compressors": None, "shards": None, "chunks": shard}
    return {**_filters(measure), "compressors": [ZstdCodec(level=_LEVEL), Crc32cCodec()]}


def _filters(measure: Measure) -> dict[str, Any]:
    return {"filters": [TransposeCodec(order=_axes(measure))]} if measure.axis else {}


def _axes(measure: Measure) -> tuple[int, ...]:
    """The order in which a chunk's axes are stored: the values of one quantity side by side."""
    return (0, 2, 1) if measure.axis else (0, 1)


def _codec(measure: Measure) -> Codec:
    """Encodes and decodes a chunk's bytes; `zarr_codecs` describes the same to Zarr."""
    return Blosc(cname="zstd", clevel=_LEVEL, shuffle=Blosc.BITSHUFFLE) if measure.axis else Zstd(level=_LEVEL)


def _block_chunk(block_sequences: int, size: int) -> int:
    """The largest number of sequences, of `size` bytes each, that divides a block and takes at most 64 KiB."""
    pieces = -(-block_sequences * size // LARGEST_CHUNK)
    while block_sequences % pieces:
        pieces += 1
    return block_sequences // pieces
