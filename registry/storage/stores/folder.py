"""A store in a folder: of this machine, or of a disk that machines share. An object is a file.

A file gets its name once it is whole and on the disk, by a hard link, which fails where the name is taken: of two writers one
wins, whatever happens meanwhile.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from seenat.registry.errors import StoreUnavailable
from seenat.registry.storage.local import PARTIAL, full_disk_told, sync_folder, write_atomic
from seenat.registry.storage.regular import is_regular, open_regular, remove_regular
from seenat.registry.storage.stores.store import LARGEST, Listed, check_object_name, check_taken, too_large

__all__ = ["FolderStore"]

_CHUNK = 4 << 20


class FolderStore:
    """See `Store`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def url(self) -> str:
        """See `Store.url`."""
        return self.folder.as_uri()

    def put_new(self, name: str, data: bytes) -> None:
        """See `Store.put_new`."""
        path = self._path(name)
        partial = path.with_name(f"{path.name}.{os.getpid()}-{secrets.token_hex(4)}{PARTIAL}")
        with full_disk_told(path), _told(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                _write_durably(partial, data)
                path.hardlink_to(partial)
            except FileExistsError:
                check_taken(str(path), self.get(name), data)
            finally:
                with suppress(OSError):
                    partial.unlink(missing_ok=True)
            sync_folder(path.parent)

    def replace(self, name: str, data: bytes) -> None:
        """See `Store.replace`."""
        path = self._path(name)
        with _told(path):
            write_atomic(path, data)

    def put_file(self, name: str, file: Path) -> None:
        """See `Store.put_file`."""
        path = self._path(name)
        partial = path.with_name(f"{path.name}.{os.getpid()}-{secrets.token_hex(4)}{PARTIAL}")
        with full_disk_told(path), _told(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                with open_regular(file) as reading, partial.open("xb") as writing:
                    while chunk := reading.read(_CHUNK):
                        writing.write(chunk)
                    writing.flush()
                    os.fsync(writing.fileno())
                partial.replace(path)
            finally:
                partial.unlink(missing_ok=True)
            sync_folder(path.parent)

    def get(self, name: str, most: int = LARGEST) -> bytes | None:
        """See `Store.get`."""
        path = self._path(name)
        size = self.size(name)
        if size is not None and size > most:
            raise too_large(str(path), size, most)
        return None if size is None else self.get_range(name, 0, size)

    def get_range(self, name: str, start: int, stop: int) -> bytes:
        """See `Store.get_range`."""
        path = self._path(name)
        with _told(path), open_regular(path) as file:
            file.seek(start)
            return file.read(max(0, stop - start))

    def size(self, name: str) -> int | None:
        """See `Store.size`."""
        path = self._path(name)
        with _told(path):
            return path.stat().st_size if is_regular(path) else None

    def delete(self, name: str) -> None:
        """See `Store.delete`."""
        path = self._path(name)
        with _told(path):
            remove_regular(path)
        for folder in path.parents[: len(Path(name).parts) - 1]:
            with suppress(OSError):  # It holds something else.
                folder.rmdir()

    def listed(self, prefix: str = "") -> Iterator[Listed]:
        """See `Store.listed`."""
        root = self._path(prefix) if prefix else self.folder
        with _told(root):
            for path in sorted(root.rglob("*")):
                if is_regular(path):
                    status = path.stat()
                    modified = datetime.fromtimestamp(status.st_mtime, UTC)
                    yield Listed(path.relative_to(self.folder).as_posix(), status.st_size, modified)

    def locate(self, name: str) -> str:
        """See `Store.locate`."""
        return str(self.folder / name)

    def _path(self, name: str) -> Path:
        return self.folder / check_object_name(name)


class _told:  # noqa: N801 - a context, used as a function
    """Raise `StoreUnavailable` for errors of the file system, but for a file that is not there."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        if isinstance(error, OSError) and not isinstance(error, FileNotFoundError):
            raise StoreUnavailable(f"{self._path} cannot be used: {error.strerror}; see to its disk.") from error


def _write_durably(path: Path, data: bytes) -> None:
    with path.open("xb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
