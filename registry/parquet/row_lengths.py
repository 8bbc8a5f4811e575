"""How many values each row of a column has, by its levels alone: 0 begins a row, and 1 goes on with it.

Levels stand in runs of one level, or in groups of eight bits. Only lengths are counted; nothing is kept of a row.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from seenat.registry.errors import CorruptFile
from seenat.registry.parquet.compact import MalformedError

__all__ = ["RowLengths"]

# Bytes of bits that are unpacked at a time.
_PIECE = 1 << 16


class RowLengths:
    """Counts rows forwards; raises `CorruptFile` at the first one of more values than any may have."""

    def __init__(self, pages: Iterator[tuple[bytes, int]], most: int, where: str) -> None:
        """`pages` are levels and the number of values of each page."""
        self._pages = pages
        self._most = most
        self._where = where
        self._begun = 0
        self._length = 0

    def check(self, rows: int) -> None:
        """Look at this many rows from the first: at all values of each."""
        while self._begun <= rows:
            page = next(self._pages, None)
            if page is None:
                return
            self._count(*page)

    def _count(self, levels: bytes, values: int) -> None:
        at = 0
        while values:
            head, at = _varint(levels, at)
            count = min(values, head >> 1 if head & 1 == 0 else (head >> 1) * 8)
            if count == 0:
                raise MalformedError("a run of levels is empty")
            values -= count
            if head & 1:
                stop = at + (count + 7) // 8
                self._bits(levels[at:stop], count)
                at += head >> 1
            else:
                self._run(levels[at : at + 1], count)
                at += 1

    def _run(self, level: bytes, count: int) -> None:
        if level == b"\x00":
            self._begun += count
            self._length = 1
        elif level == b"\x01":
            self._length += count
        else:
            raise MalformedError("a level is neither 0 nor 1")
        self._check_length(self._length)

    def _bits(self, packed: bytes, count: int) -> None:
        if len(packed) < (count + 7) // 8:
            raise MalformedError("its levels end early")
        for start in range(0, len(packed), _PIECE):
            piece = np.frombuffer(packed[start : start + _PIECE], np.uint8)
            bits = np.unpackbits(piece, count=min(8 * len(piece), count - 8 * start), bitorder="little")
            begins = np.flatnonzero(bits == 0)
            if not len(begins):
                self._length += len(bits)
            else:
                self._check_length(self._length + int(begins[0]))
                self._check_length(int(np.diff(begins).max(initial=0)))
                self._begun += len(begins)
                self._length = len(bits) - int(begins[-1])
            self._check_length(self._length)

    def _check_length(self, length: int) -> None:
        if length > self._most:
            raise CorruptFile(f"{self._where}: a row has more than {self._most:,} ids; replace the file.")


def _varint(data: bytes, at: int) -> tuple[int, int]:
    number = 0
    for place in range(5):
        if at >= len(data):
            break
        number |= (data[at] & 0x7F) << 7 * place
        at += 1
        if data[at - 1] < 0x80:
            return number, at
    raise MalformedError("its levels end early")
