"""Files of this machine that are either whole or absent: written under another name, then renamed."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from seenat.registry.errors import NoRoom

__all__ = ["PARTIAL", "full_disk_told", "sync_folder", "write_atomic", "write_atomic_unsynced", "written_atomically"]

PARTIAL = ".partial"
"""Suffix of a file that is still being written; anything with this suffix may be deleted."""

# A full disk, a used-up quota, and a file larger than the system allows.
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def write_atomic(path: Path, data: bytes) -> None:
    """Write a file so that, after a crash at any moment, `path` holds all of `data` or what it held before.

    The data reach the disk before the name does, and the name before this returns. Raises `NoRoom` where the disk is full;
    then nothing of `data` is left.
    """
    with full_disk_told(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with written_atomically(path) as file:
            file.write(data)
        sync_folder(path.parent)


@contextmanager
def written_atomically(path: Path) -> Iterator[BinaryIO]:
    """A file that takes the place of `path`, on the disk, once all of it is written; nothing of it is left where that fails."""
    # Two that write one file must not share the partial one, be they processes or threads.
    partial = path.with_name(f"{path.name}.{os.getpid()}-{threading.get_ident()}{PARTIAL}")
    try:
        with partial.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except BaseException:
        with suppress(OSError):  # The first error is the one to report.
            partial.unlink(missing_ok=True)
        raise


@contextmanager
def full_disk_told(path: Path) -> Iterator[None]:
    """Raise `NoRoom`, with the file that was to be written, for the system's error that its disk is full."""
    try:
        yield
    except OSError as error:
        if error.errno not in _FULL:
            raise
        raise NoRoom(
            f"{path} cannot be written: {error.strerror}; make room on its disk, then run the same command again."
        ) from error


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
