"""The array of a measurement: one Zarr v3 array, `[checkpoint, sequence]`, of the measure's type, in a group (`files`).

Prefixes and scores are uint8, 255 where nothing was measured; losses float32 with their quantities along a third axis, NaN
where nothing was measured.

One file (a Zarr shard) is one *block*: one row over `block_sequences` consecutive sequences. A block is written whole:
encoded in memory, written under a partial name, synced, renamed, and its folder synced. It counts once the catalog has
recorded its digest; until then it may be written again, with the same bytes, and what the file held before is kept
beside it.

Any Zarr reader opens it, and xarray the group; each row's step and state are beside the values. Anything else that lies
among the files, such as a folder or a pipe in the place of one, is passed over by readers and moved aside by writers.

Whoever writes, describes, or clears away what killed writers left holds the catalog's write lock, so one does at a time.
"""

from __future__ import annotations

import io
import os
import re
from contextlib import suppress
from pathlib import Path

from seenat.memorization.protocol.measures import MEASURES, Measure, Values
from seenat.memorization.results.files.block_array import HASHED_UP_TO, ArrayShape, BlockArray, BlockFile
from seenat.memorization.results.files.description import (
    VALUES,
    Description,
    array_files,
    group_files,
    read_steps,
    write_described,
)
from seenat.memorization.results.files.format import NEWEST
from seenat.memorization.results.shard_codec import encode_shard
from seenat.registry.storage.digests import sha256_of_bytes
from seenat.registry.storage.local import PARTIAL, write_atomic
from seenat.registry.storage.regular import is_regular, make_way, open_regular, read_regular, remove_regular

__all__ = ["BlockFile", "ResultArray", "Values"]

_BEFORE = ".before"
"""Suffix of what a block's file held before it was written again."""


class ResultArray(BlockArray):
    """The values of one measurement in a folder; see `BlockArray`."""

    def __init__(
        self,
        group: Path,
        *,
        sequences: int,
        block_sequences: int,
        measure: Measure = MEASURES["prefix"],
        format_: int = NEWEST,
        hashed_up_to: int = HASHED_UP_TO,
        remake: tuple[str, str] | None = None,
    ) -> None:
        shape = {"sequences": sequences, "block_sequences": block_sequences, "format_": format_}
        super().__init__(ArrayShape(**shape, measure=measure, hashed_up_to=hashed_up_to, remake=remake))
        self.group = group
        """The folder that describes itself."""
        self.folder = group / VALUES if format_ > 1 else group
        """The folder of the values."""

    @property
    def place(self) -> str:
        """See `BlockArray.place`."""
        return str(self.group)

    def describe(self, description: Description) -> None:
        """Write what the array says of itself, where it says something else or nothing; values are not touched."""
        files = group_files if self.format > 1 else array_files
        write_described(self.group, files(description, self.measure, self.sequences, self.layout))

    @property
    def is_described(self) -> bool:
        """Whether the array says of itself what can be understood."""
        return read_steps(self.group) is not None

    @property
    def steps(self) -> dict[int, int]:
        """The step of each measured row, as the array describes itself; empty where it does not."""
        return read_steps(self.group) or {}

    def write(self, row: int, block: int, values: Values, staged: BlockFile | None = None) -> BlockFile:
        """See `BlockArray.write`; nothing is ever staged, and what the file held before is kept beside it."""
        data = encode_shard(values[None], self.layout)
        path, before = self._path(row, block), self._before(row, block)
        for place in (path, before):
            make_way(place, self.group)
        held = read_regular(path)
        if held is not None:
            write_atomic(before, held)
        write_atomic(path, data)
        return BlockFile(bytes=len(data), digest=sha256_of_bytes(data))

    def is_staged(self, values: Values, staged: BlockFile | None) -> bool:
        """See `BlockArray.is_staged`."""
        return True

    def remove(self, row: int, block: int) -> None:
        """Delete the file of a block that is not recorded any more, and what it held before."""
        for path in (self._path(row, block), self._before(row, block)):
            remove_regular(path)

    def rewritten(self) -> list[tuple[int, int]]:
        """Row and block of every file that was written again, and neither accepted nor restored since."""
        found = []
        for path in self.folder.glob(f"{self._files}{_BEFORE}"):
            _, *key = path.relative_to(self.folder).parts
            numbers = [part.removesuffix(_BEFORE) for part in key[:2]]
            if all(re.fullmatch("[0-9]{1,9}", number) for number in numbers):
                row, block = map(int, numbers)
                if path == self._before(row, block) and is_regular(path):
                    found.append((row, block))
        return found

    def accept(self, row: int, block: int) -> None:
        """Delete what a block's file held before."""
        remove_regular(self._before(row, block))

    def restore(self, row: int, block: int) -> None:
        """Put back what a block's file held before."""
        make_way(self._path(row, block), self.group)
        self._before(row, block).replace(self._path(row, block))

    def read(self, rows: list[int], start: int, stop: int) -> Values:
        """What lies in files, committed or not, `[len(rows), stop - start]`; not measured where there is no file.

        With several quantities, `[len(rows), stop - start, quantities]`.

        Raises `CorruptFile` for a file that cannot be decoded.
        """
        values = self.measure.empty(len(rows), stop - start)
        for block, first, last in self.spans(start, stop):
            for place, row in enumerate(rows):
                data = read_regular(self._path(row, block))
                if data is not None:
                    values[place, first - start : last - start] = self._decoded(io.BytesIO(data), row, first, last)
        return values

    def holds(self, row: int, block: int, file: BlockFile) -> bool:
        """Whether what was committed of a block is there: its length and its digest."""
        for path in self.places(row, block):
            with suppress(OSError):
                if path.stat().st_size == file.bytes and _digest(path) == file.digest:
                    return True
        return False

    def places(self, row: int, block: int) -> tuple[Path, ...]:
        """Where a committed file may lie, to be tried in turn."""
        path = self._path(row, block)
        # It may be put back from the second place to the first while the second is tried.
        return path, self._before(row, block), path

    def content(self, row: int, block: int, file: BlockFile) -> Values | None:
        """See `BlockArray.content`."""
        return self.read_block(row, block, file.digest)

    def read_block(self, row: int, block: int, digest: str) -> Values | None:
        """The values of a block, `[sequences of the block]`, if its file is there and has this digest."""
        data = read_regular(self._path(row, block)) or b""
        if sha256_of_bytes(data) != digest:
            return None
        return self._decoded(io.BytesIO(data), row, *self._span(block))

    def digest_of(self, row: int, block: int) -> str | None:
        """The digest of a block's file as it is now; None when there is none."""
        return _digest(self._path(row, block))

    def remove_partials(self) -> None:
        """Delete what writers that were killed left behind."""
        for pattern in (f"*{PARTIAL}", f"*/*{PARTIAL}", f"*/c/*{PARTIAL}"):
            for path in self.group.glob(pattern):
                remove_regular(path)
        for path in self.folder.glob(f"{self._files}{PARTIAL}"):
            remove_regular(path)

    def _read_committed(self, row: int, block: int, span: tuple[int, int], file: BlockFile) -> Values:
        """See `BlockArray._read_committed`."""
        reason = ""
        for path in self.places(row, block):
            try:
                with open_regular(path) as opened:
                    if os.fstat(opened.fileno()).st_size != file.bytes:
                        reason = reason or f"{self._name(path)} has not the {file.bytes} bytes that were committed"
                    elif self.layout.checked and file.bytes > self.hashed_up_to and span != self._span(block):
                        return self._decoded(opened, row, *span)
                    elif sha256_of_bytes(data := opened.read()) == file.digest:
                        return self._decoded(io.BytesIO(data), row, *span)
                    else:
                        reason = reason or f"{self._name(path)} is not what was committed"
            except OSError as error:
                reason = reason or f"{self._name(path)} cannot be opened: {error.strerror}"
        raise self._corrupt(row, *span, reason)

    def _name(self, path: Path) -> str:
        return path.relative_to(self.folder).as_posix()

    @property
    def _files(self) -> str:
        """A pattern of the blocks' files."""
        return "/".join(("c", *["*"] * len(self._key(0, 0))))

    def _key(self, row: int, block: int) -> tuple[str, ...]:
        """Where Zarr looks for a block: `row/block`, and behind it `0` for the axis of several quantities."""
        return (str(row), str(block), *["0"] * len(self.measure.axis))

    def _path(self, row: int, block: int) -> Path:
        return self.folder.joinpath("c", *self._key(row, block))

    def _before(self, row: int, block: int) -> Path:
        path = self._path(row, block)
        return path.with_name(path.name + _BEFORE)


def _digest(path: Path) -> str | None:
    """The digest of a file; None where there is none."""
    data = read_regular(path)
    return None if data is None else sha256_of_bytes(data)
