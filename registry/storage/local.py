"""Files of this machine that are either whole or absent: written under another name, then renamed."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["PARTIAL", "sync_folder", "write_atomic", "write_atomic_unsynced"]

PARTIAL = ".partial"
"""Suffix of a file that is still being written; anything with this suffix may be deleted."""


def write_atomic(path: Path, data: bytes) -> None:
    """Write a file so that, after a crash at any moment, `path` holds all of `data` or what it held before.

    The data reach the disk before the name does, and the name before this returns.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # Two processes that write one file must not share the partial one.
    partial = path.with_name(f"{path.name}.{os.getpid()}{PARTIAL}")
    try:
        with partial.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def write_atomic_unsynced(path: Path, *parts: bytes | memoryview) -> None:
    """Write a file that appears under its name whole, even if several threads and processes write it at once.

    It is not forced to the disk. Use it for data that can be made again and carry a digest of themselves.
    """
    import tempfile  # Takes 4 ms to import, too much for `seenat --help`.

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
