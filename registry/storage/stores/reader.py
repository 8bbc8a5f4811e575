"""An object as a file: what is read of it is asked for as a range, so that a part costs a part."""

from __future__ import annotations

import io

from seenat.registry.storage.stores.store import Store

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

    def read(self, size: int | None = -1, /) -> bytes:
        """The next bytes, by one request."""
        stop = self._bytes if size is None or size < 0 else min(self._place + size, self._bytes)
        data = self._store.get_range(self._name, self._place, stop) if stop > self._place else b""
        self._place += len(data)
        return data
