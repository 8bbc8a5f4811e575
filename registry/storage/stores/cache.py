"""Copies of objects on this machine, by their digests: fetched once a node, shared by its processes, within a bound.

    SEENAT_HOME/cache/objects/AB/DIGEST

A copy appears under its name whole, and is compared with its digest: when it is fetched, and if it is small each time it is read. When
copies exceed the limit, the least recently used are deleted, down to nine tenths of it; never one that somebody holds. Who holds
one has a shared lock on its file, which the system releases however its holder ends.
"""

from __future__ import annotations

import contextlib
import logging
import os
import secrets
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from seenat.registry import settings
from seenat.registry.errors import CorruptFile
from seenat.registry.storage.digests import sha256_of_bytes, sha256_of_file
from seenat.registry.storage.local import PARTIAL, full_disk_told, write_atomic_unsynced
from seenat.registry.storage.locks import exclusive, try_lock

__all__ = ["ObjectCache", "object_cache"]

_ABANDONED = 3600.0
"""Seconds after which a file that is still being written is taken to belong to a process that died."""

_log = logging.getLogger(__name__)


class _Copy(NamedTuple):
    used_ns: int
    bytes: int
    path: Path


class ObjectCache:
    """Copies in one folder, at most `limit` bytes beside those that are held. Safe with several threads and processes."""

    def __init__(self, folder: Path, limit: int) -> None:
        self.folder = folder
        self.limit = limit
        self._room = 0
        """Bytes that may be written before the folder is looked through again; others write too, so never all that is free."""

    def read(self, digest: str) -> bytes | None:
        """A copy's bytes; None where there is none, or a damaged one, which is deleted."""
        path = self._path(digest)
        try:
            data = path.read_bytes()
        except OSError:
            return None
        if sha256_of_bytes(data) != digest:
            _log.warning("%s was damaged; it is fetched anew.", path)
            path.unlink(missing_ok=True)
            return None
        _touch(path)
        return data

    def has(self, digest: str) -> bool:
        """Whether there is a copy, whole or damaged."""
        return self._path(digest).exists()

    def keep(self, digest: str, data: bytes) -> None:
        """Keep bytes that have this digest; an error of the disk is only logged, since they can be fetched again."""
        if len(data) > self.limit:
            return
        try:
            write_atomic_unsynced(self._path(digest), data)
            self._wrote(len(data))
        except OSError as error:
            _log.warning("An object cannot be kept in %s: %s.", self.folder, error.strerror)

    @contextlib.contextmanager
    def held(self, digest: str, fetch: Callable[[Path], None]) -> Iterator[Path]:
        """The file of a copy, which `fetch` writes where there is none; it stays while the context is open.

        Of several processes that want it, one fetches. Raises `CorruptFile` where what was fetched has another digest, and
        `NoRoom` where the disk is full.
        """
        path = self._path(digest)
        while True:
            descriptor = _hold(path)
            if descriptor is not None:
                break
            with exclusive(self.folder / "fetching" / path.name[:2]):
                if not path.exists():
                    self._fetch(path, digest, fetch)
        try:
            _touch(path)
            yield path
        finally:
            os.close(descriptor)

    def _fetch(self, path: Path, digest: str, fetch: Callable[[Path], None]) -> None:
        partial = path.with_name(f"{path.name}.{secrets.token_hex(4)}{PARTIAL}")
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with full_disk_told(path):
                fetch(partial)
            found = sha256_of_file(partial)
            if found != digest:
                raise CorruptFile(
                    f"An object arrived as {found}, and {digest} was recorded; verify what it belongs to."
                )
            size = partial.stat().st_size
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)
        self._wrote(size)

    def _path(self, digest: str) -> Path:
        name = digest.removeprefix("sha256:")
        return self.folder / name[:2] / name

    # -- room

    def _wrote(self, size: int) -> None:
        self._room -= size
        if self._room < 0:
            self._make_room()

    def _make_room(self) -> None:
        copies = sorted(self._copies())
        total = sum(copy.bytes for copy in copies)
        if total > self.limit:
            for copy in copies:
                total -= copy.bytes if _delete_unless_held(copy.path) else 0
                if total <= self.limit * 9 // 10:
                    break
        self._room = max(0, self.limit - total) // 4

    def _copies(self) -> Iterator[_Copy]:
        """Every copy; partial ones of dead processes are deleted on the way."""
        for path in self.folder.glob("??/*"):
            with contextlib.suppress(OSError):  # Another process deleted it.
                status = path.stat()
                if not path.name.endswith(PARTIAL):
                    yield _Copy(status.st_mtime_ns, status.st_size, path)
                elif time.time() - status.st_mtime > _ABANDONED:
                    path.unlink()


def object_cache() -> ObjectCache:
    """The cache in seenat's own folder, as the settings bound it."""
    return ObjectCache(settings.home() / "cache" / "objects", settings.object_cache_bytes())


def _hold(path: Path) -> int | None:
    """A descriptor with a shared lock on a file; None where it is not there, or was deleted just now."""
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
    except FileNotFoundError:
        return None
    try_lock(descriptor, shared=True)
    with contextlib.suppress(FileNotFoundError):
        if os.path.samestat(os.fstat(descriptor), path.stat()):
            return descriptor
    os.close(descriptor)
    return None


def _delete_unless_held(path: Path) -> bool:
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
    except OSError:
        return False
    try:
        if not try_lock(descriptor, shared=False):
            return False
        path.unlink(missing_ok=True)
        return True
    except OSError:  # Windows deletes no open file.
        return False
    finally:
        os.close(descriptor)


def _touch(path: Path) -> None:
    """Record that a copy was used now, by a clock that is finer than the file system's."""
    moment = time.time_ns()
    with contextlib.suppress(OSError):
        os.utime(path, ns=(moment, moment))
