"""Where the keys of all shards begin: one file beside the shards, which a search reads instead of each of them.

    starts   uint32 [65,537, shards]: the first sample of each code in each shard
    middles  uint32: the middles of all shards, one shard after the other

So the starts of one code in all shards lie together, and are one read. The file is made from the shards, is named by their
digests, and may be deleted: without it, the same numbers are gathered from the shards.

A place that a damaged one does not show would not be found, and nobody would know. So its digest, and the state in which the file
system had it, stand in a record beside it (`.directory-record`), and a file that is not as it was written is gathered again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from seenat.attribution.ngrams.codes import CODES
from seenat.attribution.ngrams.files.shard_file import ShardLayout
from seenat.registry.errors import NoRoom
from seenat.registry.storage.file_state import FileState, state_of
from seenat.registry.storage.local import full_disk_told, write_atomic, written_atomically
from seenat.registry.storage.moved import proven_state

__all__ = ["Directory", "IndexedShard", "is_derived", "open_directory", "write_directory"]

_DIRECTORY, _RECORD = ".directory", ".directory-record"
_LONGEST_RECORD = 1000

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
    """The directory of some shards, mapped from its file where that is as it was written; else gathered from them.

    A damaged file is written again. Where there is none, more shards may be about to come, and whoever builds them writes it.
    """
    path, counts = _path(folder, shards), [shard.layout.middles for shard in shards]
    if _is_kept(path):
        parts = np.memmap(path, "<u4", "r").view(np.ndarray)
    else:
        parts = np.concatenate(list(_parts(shards)), dtype=np.uint32)
        if path.exists():
            with suppress(OSError, NoRoom):  # In a folder that may not be written it stays damaged.
                _write(path, [parts])
    starts, middles = np.split(parts, [(CODES + 1) * len(shards)])
    first_middles = np.concatenate([[0], np.cumsum(counts[:-1])]).astype(np.int64)
    return Directory(starts.reshape(CODES + 1, len(shards)), middles, first_middles)


def write_directory(folder: Path, shards: Sequence[IndexedShard]) -> None:
    """Write the directory of some shards, unless it is there, and delete those of other shards.

    Memory is that of the starts of a sixteenth of all codes.
    """
    path = _path(folder, shards)
    if not _is_kept(path):
        _write(path, _parts(shards))
    for other in folder.glob("*.directory*"):
        if other not in (path, _record_path(path)):
            other.unlink(missing_ok=True)


def is_derived(path: Path) -> bool:
    """Whether a file of an index is a directory, or its record: nothing names them, and they may be deleted."""
    return path.suffix in (_DIRECTORY, _RECORD)


def _is_kept(path: Path) -> bool:
    """Whether a directory's file is the one that was written; reads it where it was copied."""
    try:
        digest, *numbers = json.loads(_record_path(path).read_bytes()[:_LONGEST_RECORD])
        state = proven_state(path, recorded := FileState(*numbers), digest)
    except (OSError, ValueError, TypeError):
        return False
    if state is not None and state != recorded:
        with suppress(OSError, NoRoom):  # In a folder that may not be written it is read each time.
            _record(path, digest, state)
    return state is not None


def _write(path: Path, parts: Iterable[npt.NDArray[Any]]) -> None:
    """Write a directory, and then the state and the digest by which it is known again."""
    hasher = hashlib.sha256()
    with full_disk_told(path), written_atomically(path) as file:
        for part in parts:
            file.write(part.data)
            hasher.update(part.data)
    _record(path, f"sha256:{hasher.hexdigest()}", state_of(path))


def _record(path: Path, digest: str, state: FileState) -> None:
    write_atomic(_record_path(path), json.dumps([digest, *state]).encode())


def _record_path(path: Path) -> Path:
    return path.with_suffix(_RECORD)


def _parts(shards: Sequence[IndexedShard]) -> Iterator[npt.NDArray[Any]]:
    yield from _transposed(shards)
    yield from _middles(shards)


def _path(folder: Path, shards: Sequence[IndexedShard]) -> Path:
    joined = "\n".join(shard.digest for shard in shards)
    return folder / f"{hashlib.sha256(joined.encode()).hexdigest()[:16]}{_DIRECTORY}"


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
