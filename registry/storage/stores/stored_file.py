"""Files that a catalog names together with their digest, and copying them so that the copy is what the catalog says."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from seenat.registry.errors import CorruptFile
from seenat.registry.storage.digests import sha256_of_bytes, sha256_of_file
from seenat.registry.storage.local import PARTIAL, full_disk_told
from seenat.registry.storage.regular import is_regular, open_regular
from seenat.registry.storage.stores.reader import ObjectReader
from seenat.registry.storage.stores.store import Store

__all__ = ["StoredFile", "StoredObject", "copy_stored", "is_whole"]

_CHUNK = 4 << 20


@dataclass(frozen=True, slots=True)
class StoredObject:
    """An object of a store, as a place of a file."""

    store: Store
    name: str
    bytes: int

    def __str__(self) -> str:
        return self.store.locate(self.name)


Place = Path | StoredObject


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredFile:
    """A file that counts."""

    name: str
    """Relative to the folder in which all of its kind lie, with `/` between folders."""
    places: tuple[Place, ...]
    """Where it may lie, to be tried in turn."""
    digest: str
    what: str
    """What it holds, as a person would say it."""


def is_whole(file: StoredFile) -> bool:
    """Whether one of its places holds what was recorded."""
    return any(_digest(place) == file.digest for place in file.places)


def copy_stored(file: StoredFile, target: Path, progress: Callable[[int], None] = lambda _: None) -> int:
    """Copy a file and return its bytes; `progress` gets those of each chunk.

    The copy appears under its name once it is whole and on the disk. Raises `CorruptFile` where no place holds bytes of the
    file's digest, and `NoRoom` where the disk is full; then nothing is left.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f"{target.name}.{os.getpid()}{PARTIAL}")
    with full_disk_told(target):
        try:
            for place in file.places:
                size = _copy_if_it_is(place, partial, file.digest, progress)
                if size is not None:
                    partial.replace(target)
                    return size
        finally:
            with suppress(OSError):
                partial.unlink(missing_ok=True)
    raise CorruptFile(f"{file.places[0]}, {file.what}, is gone or not the file that was recorded.")


def _copy_if_it_is(source: Place, target: Path, digest: str, progress: Callable[[int], None]) -> int | None:
    """Copy a file; None where it cannot be read or has another digest."""
    hasher, size = hashlib.sha256(), 0
    try:
        opened = _opened(source)
        with opened as reading, target.open("wb") as writing:
            while chunk := reading.read(_CHUNK):
                hasher.update(chunk)
                writing.write(chunk)
                size += len(chunk)
                progress(len(chunk))
            writing.flush()
            os.fsync(writing.fileno())
    except FileNotFoundError:
        return None
    return size if f"sha256:{hasher.hexdigest()}" == digest else None


@contextmanager
def _opened(place: Place) -> Iterator[BinaryIO]:
    if isinstance(place, StoredObject):
        with ObjectReader(place.store, place.name, place.bytes) as reader:
            yield cast(BinaryIO, reader)
    else:
        with open_regular(place) as file:
            yield file


def _digest(place: Place) -> str | None:
    """The digest of a file; None where none can be read."""
    try:
        if isinstance(place, StoredObject):
            data = place.store.get(place.name, most=place.bytes)
            return None if data is None else sha256_of_bytes(data)
        return sha256_of_file(place) if is_regular(place) else None
    except OSError:
        return None
