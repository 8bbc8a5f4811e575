"""Trajectory parts in a store: a Zarr group that any reader opens, `PREFIX/MODEL/PROTOCOL-ORDER.trajectories.zarr`.

Its objects are replaced whole. That is safe since nothing rests on them: a part answers only where it was made from the very files that
the catalog names, and its chunks end in check sums.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, cast

from seenat.memorization.results.files.description import VALUES, Description
from seenat.memorization.results.files.layout import LARGEST_CHUNK
from seenat.memorization.results.files.part_files import PartFiles
from seenat.memorization.results.objects.array import ObjectArray
from seenat.registry.storage.stores.reader import ObjectReader

__all__ = ["ObjectParts"]

_BUFFER = 1 << 16
"""Bytes of a request: a head of 154 rows, or a chunk with what stands around it."""


class ObjectParts(PartFiles):
    """See `PartFiles`."""

    def __init__(self, array: ObjectArray, largest_chunk: int = LARGEST_CHUNK) -> None:
        super().__init__(array, largest_chunk)
        self._store = array.store
        self.folder = array.folder.removesuffix(".zarr") + ".trajectories.zarr"

    @property
    def place(self) -> str:
        """See `PartFiles.place`."""
        return self._store.locate(self.folder)

    @property
    def are_there(self) -> bool:
        """See `PartFiles.are_there`; asking would cost what opening one does."""
        return True

    def prepare(self, description: Description) -> None:
        """See `PartFiles.prepare`; a part of another layout does not fit its own check sums, and is written again."""
        for name, data in self.described(description).items():
            if self._store.get(f"{self.folder}/{name}") != data:
                self._store.replace(f"{self.folder}/{name}", data)

    def write(self, block: int, data: bytes) -> None:
        """See `PartFiles.write`."""
        self._store.replace(self._name(block), data)

    def bytes_of(self, block: int) -> int:
        """See `PartFiles.bytes_of`."""
        return self._store.size(self._name(block)) or 0

    def remove(self, block: int) -> None:
        """See `PartFiles.remove`."""
        self._store.delete(self._name(block))

    @contextmanager
    def opened(self, block: int) -> Iterator[BinaryIO]:
        """See `PartFiles.opened`."""
        name = self._name(block)
        size = self._store.size(name)
        if size is None:
            raise FileNotFoundError(self._store.locate(name))
        with io.BufferedReader(ObjectReader(self._store, name, size), _BUFFER) as reader:
            yield cast(BinaryIO, reader)

    def _name(self, block: int) -> str:
        values = [VALUES] if self.array.format > 1 else []
        return "/".join([self.folder, *values, "c", "0", str(block), *["0"] * len(self.array.measure.axis)])
