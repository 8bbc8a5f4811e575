"""An object as a file: what is read of it is asked for as a range, so that a part costs a part."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from seenat.registry.storage.stores.store import Store

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

__all__ = ["ObjectReader"]


class ObjectReader(io.RawIOBase):
    """An object, open for reading, of which the length is known; raises `FileNotFoundError` when it is read and gone."""

    def __init__(self, store: Store, name: str, bytes_: int) -> None:
        super().__init__()
        self._store, self._name, self._bytes, self._place = store, name, bytes_, 0

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Go to a place; costs nothing."""
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self._bytes}[whence]
        self._place = max(0, start + offset)
        return self._place

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """Fill a buffer with the next bytes, by one request; fewer only at the end."""
        view = memoryview(buffer).cast("B")
        stop = min(self._place + len(view), self._bytes)
        data = self._store.get_range(self._name, self._place, stop) if stop > self._place else b""
        view[: len(data)] = data
        self._place += len(data)
        return len(data)

    def readall(self) -> bytes:
        """All that is left, by one request."""
        return self.read(max(0, self._bytes - self._place)) or b""
