"""Results once more, trajectory by trajectory: a second Zarr v3 array beside the first, with the same rows and values.

The first array keeps a block of one checkpoint in a file, which is how values are measured; a trajectory is then a file of
every checkpoint. In the second a file is one *part*: all checkpoints over one block, compressed in chunks of some hundreds
or thousands of sequences, so that a trajectory is one chunk of one file.

It is derived, and may be deleted at any time. A part begins with the digests of the block files that it was made from, and
answers for a row only as long as the catalog says the same digest of that row; otherwise the block files are read. So no
answer is wrong; at worst it takes longer.

Parts are written whole and under the catalog's write lock, as blocks are, and a compaction that was killed goes on where it
was. Its memory is a block's: 10 MB of values at 154 checkpoints and 65,536 sequences.
"""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import zarr
from numcodecs.zstd import Zstd
from sqlalchemy import Connection, select
from zarr.codecs import BytesCodec, ShardingCodec, TransposeCodec, ZstdCodec
from zarr.core.buffer import Buffer
from zarr.storage import MemoryStore

from seenat.memorization.jobs.plan import Job
from seenat.memorization.protocol.measures import MEASURES
from seenat.memorization.protocol.protocol import Protocol
from seenat.memorization.results.array import BlockFile, ResultArray, Values
from seenat.memorization.results.commit import committed_files, open_array, read_committed
from seenat.memorization.results.measurements import Measurement, array_rows, find_measurement
from seenat.memorization.results.shard_codec import ShardLayout, encode_shard, read_shard
from seenat.registry.catalog.catalog import Catalog
from seenat.registry.catalog.models import Model
from seenat.registry.database.tables import blocks
from seenat.registry.errors import NotMeasured
from seenat.registry.storage.local import PARTIAL, write_atomic

__all__ = ["Compaction", "compact", "compact_finished", "read_values"]

_LARGEST_CHUNK = 1 << 16
"""Bytes that are decompressed for one trajectory, at most: 0.08 ms. They take 0.367 B a value, and four times as many 0.380."""

_LEAST_SHARE = 4
"""A job that measured a quarter of its blocks' values, or more, is followed by a compaction."""

_LEVEL = 3
"""Of zstd."""

_METADATA = "zarr.json"


@dataclass(frozen=True, kw_only=True)
class Compaction:
    """What a compaction found and did."""

    model: str
    protocol: Protocol
    blocks: int
    """Blocks of which anything is committed."""
    written: int
    """Parts written now; the others said already what is committed."""
    left_out: int
    """Block files that are not what was committed, of whole parts or not; they are read, or refused, as before."""
    bytes: int
    """Of all parts."""
    folder: Path

    def to_json(self) -> dict[str, Any]:
        """Every field by name."""
        return {
            "model": self.model,
            "protocol": {"id": self.protocol.id, **self.protocol.to_json()},
            "blocks": self.blocks,
            "written": self.written,
            "left_out": self.left_out,
            "bytes": self.bytes,
            "folder": str(self.folder),
        }


def compact(
    catalog: Catalog,
    model: Model,
    protocol: str | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Compaction:
    """Write what is committed of a measurement trajectory by trajectory, as far as that is not done yet.

    `progress` is told how many of how many blocks are done. Raises `NotMeasured` when nothing is committed.
    """
    with catalog.database.read() as connection:
        measurement = find_measurement(connection, model, protocol, measures=tuple(MEASURES))
        rows, chosen = array_rows(connection, measurement), _committed_blocks(connection, measurement)
    if not chosen:
        raise NotMeasured(f"Nothing of {model.name} has been measured yet; run `seenat memorize {model.name}`.")
    parts = _Parts(open_array(catalog.database, measurement))
    with catalog.database.write():
        parts.prepare(rows)
    written = left_out = 0
    for done, block in enumerate(chosen, start=1):
        with catalog.database.read() as connection:
            files = committed_files(connection, measurement, block, list(range(rows)))
            recorded = {row: file.digest for row, file in files.items()}
        if parts.sources(block) != recorded:
            data, missing = parts.encoded(block, rows, recorded)
            with catalog.database.write():
                write_atomic(parts.path(block), data)
            written += 1
            left_out += missing
        progress(done, len(chosen))
    return Compaction(
        model=model.name,
        protocol=measurement.protocol,
        blocks=len(chosen),
        written=written,
        left_out=left_out,
        bytes=sum(parts.path(block).stat().st_size for block in chosen),
        folder=parts.folder,
    )


def compact_finished(catalog: Catalog, job: Job) -> None:
    """Compact a job's measurement when the job is finished, unless it measured but little of the blocks it met.

    10 ns a value of these blocks here, where measuring one takes 1,500 ns at what a large GPU can do at best.
    """
    progress = job.progress
    met = progress.shards * job.measurement.block_sequences
    if job.finished_at is not None and (progress.measured + progress.reused) * _LEAST_SHARE >= met:
        compact(catalog, catalog.model(job.model), job.measurement.protocol.id)


def read_values(
    connection: Connection, array: ResultArray, measurement: Measurement, rows: list[int], start: int, stop: int
) -> Values:
    """Committed values of some rows over a range of sequences, from parts where they answer and cost less.

    As `ResultArray.read_committed` gives them: `[len(rows), stop - start]`, with quantities last where there are several,
    not measured where nothing was committed. Raises `CorruptFile` where something was and no file holds it.
    """
    parts = _Parts(array)
    is_compacted = parts.folder.exists()
    pieces = [array.measure.empty(len(rows), 0)]
    for block, first, last in array.spans(start, stop):
        committed = committed_files(connection, measurement, block, rows)
        piece = parts.read(block, rows, first, last, committed) if is_compacted and committed else None
        if piece is None:
            piece = read_committed(connection, array, measurement, rows, block, (first, last), committed)
        pieces.append(piece)
    return np.concatenate(pieces, axis=1)


class _Parts:
    """The files of the second array, beside those of the first."""

    def __init__(self, array: ResultArray) -> None:
        self.array = array
        self.folder = array.folder.with_suffix(".trajectories.zarr")

    def path(self, block: int) -> Path:
        """Of the file of a part."""
        return self.folder.joinpath("c", "0", str(block), *["0"] * len(self.array.layout.chunk[2:]))

    def prepare(self, rows: int) -> None:
        """Describe the array, without parts of another shape or layout, and clear away what killed writers left."""
        path, metadata = self.folder / _METADATA, self._metadata(rows)
        held = path.read_bytes() if path.exists() else b"{}"
        if _layout_told(held) != _layout_told(metadata):
            shutil.rmtree(self.folder, ignore_errors=True)
            held = b"{}"
        if held != metadata:
            write_atomic(path, metadata)
        for left in self.folder.rglob(f"*{PARTIAL}"):
            left.unlink(missing_ok=True)

    def encoded(self, block: int, rows: int, recorded: dict[int, str]) -> tuple[bytes, int]:
        """The file of a part, and how many block files were left out because they are not what is recorded."""
        layout, start = self._layout(rows), block * self.array.block_sequences
        length = min(self.array.block_sequences, self.array.sequences - start)
        values = np.full((rows, length, *layout.chunk[2:]), layout.fill, layout.dtype)
        sources: list[str | None] = [None] * rows
        for row, digest in recorded.items():
            found = self.array.read_block(row, block, digest)
            if found is not None:
                values[row], sources[row] = found, digest
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
            sources = _sources(file)
            if len(sources) <= max(rows) or self._is_more(len(sources), rows, start, stop):
                return None
            known = {row: file.digest for row, file in committed.items()}
            if any(sources[row] != known.get(row) for row in rows):
                return None
            before = block * self.array.block_sequences
            try:
                values = read_shard(file, self._layout(len(sources)), start - before, stop - before)
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
        pieces = min(size, -(-size * rows * value // _LARGEST_CHUNK))
        while size % pieces:
            pieces += 1
        chunk = (rows, size // pieces, *block.chunk[2:])
        return replace(block, chunks=pieces, chunk=chunk, codec=Zstd(level=_LEVEL, checksum=True), check_bytes=0)

    def _metadata(self, rows: int) -> bytes:
        layout, held = self._layout(rows), dict[str, Buffer]()
        _, chunk, *rest = layout.chunk
        zarr.create_array(
            MemoryStore(held),
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
        return held[_METADATA].to_bytes()


def _layout_told(metadata: bytes) -> dict[str, Any]:
    """What an array's description says of its files."""
    return {key: value for key, value in json.loads(metadata).items() if key != "attributes"}


def _sources(file: BinaryIO) -> list[str | None]:
    """The first line of a part; empty where it is damaged."""
    try:
        sources: list[str | None] = json.loads(file.readline())
    except ValueError:
        return []
    return sources if isinstance(sources, list) else []


def _committed_blocks(connection: Connection, measurement: Measurement) -> list[int]:
    query = select(blocks.c.block).distinct().where(blocks.c.measurement_id == measurement.id)
    return list(connection.execute(query.order_by(blocks.c.block)).scalars())
