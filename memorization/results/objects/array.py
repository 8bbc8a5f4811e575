"""A measurement's blocks as objects of a store.

    PREFIX/MODEL/PROTOCOL-ORDER.zarr/ROW/BLOCK/jJOB-sCHECKPOINT-fFENCE-DIGEST

An object is written once and never changed. Its name says who wrote it: the job, the shard (a checkpoint over the block), the fence
of the lease, and the beginning of its digest, so that no two writers want one name for two contents. It counts once the
catalog's row of the block names it; one that nothing names was left by a writer that was killed or late, and `seenat gc` finds it.

So nothing is undone after a kill, and a reader whose row is of a moment ago still finds what the row names. Objects that were
replaced stay until they are collected as garbage.

Copies are kept on this machine by their digests (`storage.stores.cache`), since each commit derives onsets from every
checkpoint's file of the block.
"""

from __future__ import annotations

import io
import logging
import secrets
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor

from seenat.memorization.protocol.measures import Values
from seenat.memorization.results.files.block_array import ArrayShape, BlockArray, BlockFile
from seenat.memorization.results.files.description import Description
from seenat.memorization.results.shard_codec import encode_shard
from seenat.registry.errors import CorruptFile
from seenat.registry.storage.digests import sha256_of_bytes
from seenat.registry.storage.stores.cache import ObjectCache
from seenat.registry.storage.stores.reader import ObjectReader
from seenat.registry.storage.stores.store import Store

__all__ = ["ObjectArray"]

_AT_ONCE = 16
"""Requests under way together, where many files are wanted."""
_DIGEST_SHOWN = 16


class ObjectArray(BlockArray):
    """See `BlockArray`; `folder` begins the names of its objects, and `read_steps` asks the catalog for the steps of its rows."""

    def __init__(
        self,
        store: Store,
        folder: str,
        cache: ObjectCache,
        read_steps: Callable[[], dict[int, int]],
        shape: ArrayShape,
    ) -> None:
        super().__init__(shape)
        self.store = store
        self.folder = folder
        self._cache = cache
        self._read_steps = read_steps

    @property
    def place(self) -> str:
        """See `BlockArray.place`."""
        return self.store.locate(self.folder)

    def describe(self, description: Description) -> None:
        """Do nothing: names of objects are no Zarr keys, so the catalog alone says what they are."""

    @property
    def steps(self) -> dict[int, int]:
        """See `BlockArray.steps`; as the catalog says."""
        return self._read_steps()

    # -- writing

    def stage(self, row: int, block: int, values: Values, writer: str) -> BlockFile:
        """See `BlockArray.stage`; `writer` is the part of the name that says who wrote it."""
        data = encode_shard(values[None], self.layout)
        digest = sha256_of_bytes(data)
        name = f"{self.folder}/{row}/{block}/{writer}-{digest.removeprefix('sha256:')[:_DIGEST_SHOWN]}"
        self.store.put_new(name, data)
        self._cache.keep(digest, data)
        return BlockFile(bytes=len(data), digest=digest, object=name)

    def write(self, row: int, block: int, values: Values, staged: BlockFile | None = None) -> BlockFile:
        """See `BlockArray.write`."""
        if staged is not None and self.is_staged(values, staged):
            return staged
        return self.stage(row, block, values, f"w{secrets.token_hex(8)}")

    def is_staged(self, values: Values, staged: BlockFile | None) -> bool:
        """See `BlockArray.is_staged`."""
        return staged is not None and sha256_of_bytes(encode_shard(values[None], self.layout)) == staged.digest

    # -- reading

    def content(self, row: int, block: int, file: BlockFile) -> Values | None:
        """See `BlockArray.content`."""
        data = self._content(file)
        return None if data is None else self._decoded(io.BytesIO(data), row, *self._span(block))

    def holds(self, row: int, block: int, file: BlockFile) -> bool:
        """See `BlockArray.holds`; asks the store, whatever copies there are."""
        return self._fetched(file) is not None

    def fetch(self, files: Iterable[BlockFile]) -> None:
        """See `BlockArray.fetch`."""
        missing = [file for file in files if not self._cache.has(file.digest)]
        if len(missing) > 1:
            with ThreadPoolExecutor(min(_AT_ONCE, len(missing))) as pool:
                list(pool.map(self._content, missing))
        elif missing:
            self._content(missing[0])

    def read_committed(
        self, rows: list[int], block: int, span: tuple[int, int], committed: Mapping[int, BlockFile]
    ) -> Values:
        """See `BlockArray.read_committed`; what is read whole is asked for together."""
        files = (committed[row] for row in rows if row in committed)
        self.fetch(file for file in files if not self._is_read_by_ranges(block, span, file))
        return super().read_committed(rows, block, span, committed)

    def _is_read_by_ranges(self, block: int, span: tuple[int, int], file: BlockFile) -> bool:
        return self.layout.checked and file.bytes > self.hashed_up_to and span != self._span(block)

    def _read_committed(self, row: int, block: int, span: tuple[int, int], file: BlockFile) -> Values:
        """See `BlockArray._read_committed`; a part of a larger one is read by ranges, of which no copy is kept."""
        if self._is_read_by_ranges(block, span, file):
            with io.BufferedReader(ObjectReader(self.store, file.object or "", file.bytes), 1) as reader:
                return self._decoded(reader, row, *span)
        data = self._content(file)
        if data is None:
            raise self._corrupt(row, *span, f"{self.store.locate(file.object or '')} is gone or not what was committed")
        return self._decoded(io.BytesIO(data), row, *span)

    def _content(self, file: BlockFile) -> bytes | None:
        """The bytes of what was committed, from the copy or the store; None where neither holds them."""
        data = self._cache.read(file.digest)
        if data is None:
            data = self._fetched(file)
            if data is not None:
                self._cache.keep(file.digest, data)
        return data

    def _fetched(self, file: BlockFile) -> bytes | None:
        if file.object is None:
            return None
        try:
            data = self.store.get(file.object, most=file.bytes)
        except CorruptFile as error:
            logging.getLogger(__name__).warning("%s", error)
            return None
        return data if data is not None and sha256_of_bytes(data) == file.digest else None
