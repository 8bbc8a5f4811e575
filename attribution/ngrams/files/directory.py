"""Where the keys of all shards begin: one file beside the shards, which a search reads instead of each of them.

    starts   uint32 [65,537, shards]: the first sample of each code in each shard
    middles  uint32: the middles of all shards, one shard after the other

So the starts of one code in all shards lie together, and are one read. The file is made from the shards, is named by their
digests, and may be deleted: without it, the same numbers are gathered from the shards in memory.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from seenat.attribution.ngrams.codes import CODES
from seenat.attribution.ngrams.files.shard_file import ShardLayout
from seenat.registry.errors import CorruptFile
from seenat.registry.storage.local import PARTIAL, full_disk_told

__all__ = ["Directory", "IndexedShard", "open_directory", "write_directory"]

# Codes whose starts are transposed together; of 4,500 shards 74 MB.
_CODES_AT_ONCE = 4096

_Numbers = npt.NDArray[np.uint32]


@dataclass(frozen=True, slots=True)
class IndexedShard:
    """A shard of an index, and its file."""

    path: Path
    layout: ShardLayout
    digest: str


@dataclass(frozen=True)
class Directory:
    """The starts and middles of some shards."""

    starts: _Numbers
    """`[65537, shards]`"""
    middles: _Numbers
    first_middles: npt.NDArray[np.int64]
    """Where the middles of each shard begin, `[shards]`."""


def open_directory(folder: Path, shards: Sequence[IndexedShard]) -> Directory:
    """The directory of some shards, mapped from its file where that is there; raises `CorruptFile` for a damaged one."""
    path, counts = _path(folder, shards), [shard.layout.middles for shard in shards]
    size = 4 * ((CODES + 1) * len(shards) + sum(counts))
    try:
        length = path.stat().st_size
    except FileNotFoundError:
        parts = np.concatenate([*_transposed(shards), *_middles(shards)], dtype=np.uint32)
    else:
        if length != size:
            raise CorruptFile(f"{path} is damaged: it has {length} bytes instead of {size}; delete it.")
        parts = np.memmap(path, "<u4", "r").view(np.ndarray)
    starts, middles = np.split(parts, [(CODES + 1) * len(shards)])
    first_middles = np.concatenate([[0], np.cumsum(counts[:-1])]).astype(np.int64)
    return Directory(starts.reshape(CODES + 1, len(shards)), middles, first_middles)


def write_directory(folder: Path, shards: Sequence[IndexedShard]) -> None:
    """Write the directory of some shards, unless it is there, and delete those of other shards.

    Memory is that of the starts of a sixteenth of all codes.
    """
    path = _path(folder, shards)
    if not path.exists():
        partial = path.with_name(f"{path.name}.{os.getpid()}{PARTIAL}")
        with full_disk_told(path):
            try:
                with partial.open("wb") as file:
                    for part in (*_transposed(shards), *_middles(shards)):
                        file.write(part.data)
                partial.replace(path)
            except BaseException:
                partial.unlink(missing_ok=True)
                raise
    for other in folder.glob("*.directory"):
        if other != path:
            other.unlink(missing_ok=True)


def _path(folder: Path, shards: Sequence[IndexedShard]) -> Path:
    joined = "\n".join(shard.digest for shard in shards)
    return folder / f"{hashlib.sha256(joined.encode()).hexdigest()[:16]}.directory"


def _transposed(shards: Sequence[IndexedShard]) -> Iterator[npt.NDArray[Any]]:
    """The starts by code and shard, flat, some codes at a time."""
    for first in range(0, CODES + 1, _CODES_AT_ONCE):
        count = min(_CODES_AT_ONCE, CODES + 1 - first)
        rows = [_read(shard, shard.layout.starts_at + 4 * first, count) for shard in shards]
        yield np.ascontiguousarray(np.stack(rows).T).reshape(-1)


def _middles(shards: Sequence[IndexedShard]) -> Iterator[npt.NDArray[Any]]:
    for shard in shards:
        yield _read(shard, shard.layout.middles_at, shard.layout.middles)


def _read(shard: IndexedShard, offset: int, count: int) -> npt.NDArray[Any]:
    return np.fromfile(shard.path, "<u4", count, offset=offset)
