"""Pieces of token files that were fetched before: a folder of bounded size beside the catalog.

    SEENAT_HOME/cache/tokens/ORG%2FNAME/COMMIT/FILE/START-STOP      SHA-256 of the bytes (32 bytes), then the bytes

Invariants:

* A commit never changes, so a piece is right for ever or damaged, and its digest decides which; a damaged piece is deleted
  and counts as missing.
* A piece appears under its name whole, by renaming, even if several processes write it at once. It is not forced to the
  disk: a piece that a power cut leaves in part fails its digest.
* When the pieces exceed the limit, the least recently used are deleted, down to nine tenths of it, so that one pass makes
  room for many pieces.
"""

from __future__ import annotations

import hashlib
import logging
import os
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from seenat.registry.storage.local import PARTIAL, write_atomic_unsynced

__all__ = ["PieceCache", "PieceKey"]

_DIGEST = hashlib.sha256().digest_size
# File systems allot space in blocks of 4 KiB; a small piece takes a whole one.
_BLOCK = 4096
# Seconds. A piece is written in milliseconds, so one still partial after an hour belongs to a process that died.
_ABANDONED = 3600.0

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class PieceKey:
    """The bytes `[start, stop)` of a file at a commit."""

    repository: str
    commit: str
    file: str
    start: int
    stop: int

    @property
    def path(self) -> Path:
        """Its path within the cache."""
        return Path(_quoted(self.repository), self.commit, _quoted(self.file), f"{self.start}-{self.stop}")


@dataclass(slots=True)
class _Stored:
    used_ns: int
    size: int
    path: str


class PieceCache:
    """The pieces in one folder, at most `limit` bytes; a limit of 0 keeps none. Safe with several threads and processes."""

    def __init__(self, folder: Path, limit: int) -> None:
        self.folder = folder
        self.limit = limit
        # Bytes that may be written before the folder is scanned again. Other processes write too, so it is a quarter of
        # what is free, never all.
        self._room = 0

    def get(self, key: PieceKey) -> memoryview | None:
        """The bytes of a piece; None when they are not in the cache, or were damaged."""
        path = self.folder / key.path
        try:
            stored = memoryview(path.read_bytes())
        except OSError:
            return None
        digest, data = stored[:_DIGEST], stored[_DIGEST:]
        if len(data) != key.stop - key.start or hashlib.sha256(data).digest() != digest:
            _log.warning("%s was damaged; it is fetched anew.", path)
            with suppress(OSError):
                path.unlink()
            return None
        _touch(path)
        return data

    def put(self, key: PieceKey, data: memoryview) -> None:
        """Keep the bytes of a piece. An error of the disk is only logged: the piece is then fetched again next time."""
        size = _size_on_disk(_DIGEST + len(data))
        if size > self.limit:
            return
        try:
            path = self.folder / key.path
            write_atomic_unsynced(path, hashlib.sha256(data).digest(), data)
            _touch(path)
            self._room -= size
            if self._room < 0:
                self._make_room()
        except OSError as error:
            _log.warning("%s cannot be kept in %s: %s.", key.file, self.folder, error.strerror)

    def forget(self, key: PieceKey) -> None:
        """Delete a piece, if it is there."""
        with suppress(OSError):
            (self.folder / key.path).unlink()

    def _make_room(self) -> None:
        pieces = sorted(self._pieces(), key=lambda piece: piece.used_ns)
        total = sum(piece.size for piece in pieces)
        if total > self.limit:
            for piece in pieces:
                Path(piece.path).unlink(missing_ok=True)
                total -= piece.size
                if total <= self.limit * 9 // 10:
                    break
        self._room = (self.limit - total) // 4

    def _pieces(self) -> Iterator[_Stored]:
        """Every piece; partial files of dead processes are deleted on the way."""
        for folder, _, names in os.walk(self.folder):
            for name in names:
                path = os.path.join(folder, name)  # noqa: PTH118 - a Path for each of 500,000 pieces would take seconds.
                try:
                    status = os.stat(path)  # noqa: PTH116
                except OSError:  # Another process deleted it.
                    continue
                if not name.endswith(PARTIAL):
                    yield _Stored(status.st_mtime_ns, _size_on_disk(status.st_size), path)
                elif time.time() - status.st_mtime > _ABANDONED:
                    Path(path).unlink(missing_ok=True)


def _touch(path: Path) -> None:
    """Record that a piece was used now."""
    # The file system's own clock has ticks of some milliseconds, too coarse to order pieces by.
    now = time.time_ns()
    with suppress(OSError):  # Another process deleted it, or the folder may only be read.
        os.utime(path, ns=(now, now))


def _size_on_disk(length: int) -> int:
    return -(-length // _BLOCK) * _BLOCK


def _quoted(name: str) -> str:
    """A name as that of one file or folder; `.` and `..` alone lead elsewhere."""
    return quote(name, safe="") if name.strip(".") else name.replace(".", "%2E")
