"""Files that are in another state than recorded, because their folder was copied or moved, and hold what they held.

A copy has another inode and other times, so only its content tells. Reading that takes a second a gigabyte: a look-up does it
for small files, whose state is then recorded, and leaves large ones to the command that verifies them.
"""

from __future__ import annotations

from pathlib import Path

from seenat.registry.storage.digests import sha256_of_file
from seenat.registry.storage.file_state import FileState, state_of

__all__ = ["proven_state"]

_MOST_BYTES = 1 << 30


def proven_state(path: Path, recorded: FileState, digest: str | None) -> FileState | None:
    """The state of a file, where it is the recorded one or its content is; None where that is not so, or not known.

    A larger file than a look-up should read is not read. Raises as `stat` does.
    """
    state = state_of(path)
    if state == recorded:
        return state
    if digest is None or state.bytes != recorded.bytes or state.bytes > _MOST_BYTES:
        return None
    return state if sha256_of_file(path) == digest and state_of(path) == state else None
