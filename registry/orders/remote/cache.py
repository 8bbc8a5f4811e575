"""Pieces of token files that were fetched before: a folder of bounded size beside the catalog.

    SEENAT_HOME/cache/tokens/ORG%2FNAME/COMMIT/FILE/START-STOP      SHA-256 of the bytes (32 bytes), then the bytes

Invariants: a commit never changes, so a piece is right for ever or damaged, and its digest tells which; a damaged one is
deleted and counts as missing. A piece appears under its name whole, by renaming, whichever of several processes writes it;
it is not forced to the disk, because one that a power cut leaves in part fails its digest. When the pieces exceed the
limit, those that were not used for longest go, down to nine tenths of it, so that room is made once for many pieces.
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
_BLOCK = 4096
"""Bytes by which file systems allot space: what a piece takes is counted in them."""
_ABANDONED = 3600.0
"""Seconds after which a piece that is still being written belongs to a process that died."""

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
        self._room = 0
        """Bytes that may be written before the folder is looked through again; others write too, so never all that is free."""

    def get(self, key: PieceKey) -> memoryview | None:
        """The bytes of a piece; None when they are not here, or were damaged."""
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
        """Keep the bytes of a piece; where they cannot be written, they are fetched again next time."""
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

    def commit_beginning_with(self, repository: str, digits: str) -> str | None:
        """The one commit of a repository, of those with pieces here, that begins with these digits."""
        try:
            known = [path.name for path in (self.folder / _quoted(repository)).iterdir()]
        except OSError:
            return None
        found = [commit for commit in known if commit.startswith(digits)]
        return found[0] if len(found) == 1 else None

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
        """Every piece; what a dead process left half-written is deleted on the way."""
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
    """Note that a piece was used now, by the clock that has nanoseconds and not by the file system's, which has ticks."""
    now = time.time_ns()
    with suppress(OSError):  # Another process deleted it, or the folder may only be read.
        os.utime(path, ns=(now, now))


def _size_on_disk(length: int) -> int:
    return -(-length // _BLOCK) * _BLOCK


def _quoted(name: str) -> str:
    return quote(name, safe="")
