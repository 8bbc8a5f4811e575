"""What the file system says of a file without its content being read.

Length and time of change alone do not show that a file was replaced: `cp -p`, `rsync -t`, `tar` and `os.utime` set the time of
change to whatever they like. The time of the last change of the file's entry (ctime) cannot be set, and another file
has another inode. A file of which all four are as before has the content that it had; of any other, the content has to be read.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

__all__ = ["FileState", "changed_file", "state_of"]

# Databases hold signed numbers of 64 bits; some file systems use the highest bit of an inode too.
_INODE_BITS = (1 << 63) - 1


class FileState(NamedTuple):
    """The state of a file; equal ones are of the same content."""

    bytes: int
    modified_ns: int
    """Time of the last change of its content, as whoever copied it set it; nanoseconds since 1970."""
    changed_ns: int
    """Time of the last change of content, name or owner, as the file system saw it."""
    inode: int

    @classmethod
    def of(cls, status: os.stat_result) -> FileState:
        """From what `stat` returned."""
        return cls(status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino & _INODE_BITS)


def state_of(path: Path) -> FileState:
    """The state of a file, or of that to which a link leads; raises as `stat` does."""
    return FileState.of(path.stat())


def changed_file(states: Mapping[Path, FileState]) -> Path | None:
    """The first of some files that is gone or in another state than this; None where none is."""
    for path, state in states.items():
        try:
            if state_of(path) != state:
                return path
        except OSError:
            return path
    return None
