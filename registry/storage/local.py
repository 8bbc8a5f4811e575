"""Files that are either wholly there or not there at all, and digests that say how they were made."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

__all__ = ["PARTIAL", "sha256_of_bytes", "sha256_of_file", "sync_folder", "write_atomic", "write_atomic_unsynced"]

PARTIAL = ".partial"
"""Suffix of a file that is still being written; anything that carries it may be deleted."""

_CHUNK = 4 << 20


def write_atomic(path: Path, data: bytes) -> None:
    """Write a file so that, after a crash at any moment, `path` holds all of `data` or what it held before.

    The data reach the disk before the name does, and the name before this returns.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.{os.getpid()}{PARTIAL}")
    with partial.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)
    sync_folder(path.parent)


def write_atomic_unsynced(path: Path, *parts: bytes | memoryview) -> None:
    """Write a file that appears under its name whole, whichever of several threads and processes writes it.

    It is not forced to the disk, which is for what can be made again and carries a digest of itself.
    """
    import tempfile  # 4 ms, which `seenat --help` does not have.

    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, partial = tempfile.mkstemp(PARTIAL, f"{path.name}.", path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            for part in parts:
                file.write(part)
        Path(partial).replace(path)
    except BaseException:
        Path(partial).unlink(missing_ok=True)
        raise


def sync_folder(folder: Path) -> None:
    """Make renames within a folder survive a power cut, where the system can."""
    if os.name == "nt":  # Windows cannot open a folder; its renames are journalled.
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sha256_of_bytes(data: bytes | memoryview) -> str:
    """`sha256:` and the hexadecimal digest of some bytes."""
    return "sha256:" + hashlib.sha256(data).hexdigest()


def sha256_of_file(path: Path, progress: Callable[[int], None] | None = None) -> str:
    """`sha256:` and the hexadecimal digest of a file, read in pieces of 4 MiB; `progress` is told the bytes of each."""
    hasher = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(_CHUNK):
            hasher.update(piece)
            if progress is not None:
                progress(len(piece))
    return "sha256:" + hasher.hexdigest()
