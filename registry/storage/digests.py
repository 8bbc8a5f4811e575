"""SHA-256 in the form in which the catalog keeps it: `sha256:` and 64 hexadecimal digits."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

__all__ = ["sha256_of_bytes", "sha256_of_file"]

_CHUNK = 4 << 20


def sha256_of_bytes(data: bytes | memoryview) -> str:
    """The digest of some bytes."""
    return "sha256:" + hashlib.sha256(data).hexdigest()


def sha256_of_file(path: Path, progress: Callable[[int], None] | None = None) -> str:
    """The digest of a file, read 4 MiB at a time; `progress` receives the number of bytes of each chunk."""
    hasher = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            hasher.update(chunk)
            if progress is not None:
                progress(len(chunk))
    return "sha256:" + hasher.hexdigest()
