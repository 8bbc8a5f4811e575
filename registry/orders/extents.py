"""Where the bytes of an order lie: the concatenation of pieces, each a run of bytes in one file.

A headerless file is one piece from byte 0, an array file one piece behind its header. A piece may end anywhere, within a
sequence and even within an id (Pythia's shards of 30,000,000,000 bytes cut 20 sequences in two), so everything is counted
in bytes. Arithmetic only: nothing is read, and numpy is not needed.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path, PurePosixPath

from seenat.registry.orders.geometry import ByteRange

__all__ = ["Extent", "ExtentMap", "HubPath"]


class HubPath(PurePosixPath):
    """The address of a file on a hub, `hf://datasets/ORG/NAME@REVISION/FILE`, as fsspec opens it."""

    def __str__(self) -> str:
        # A path has no two slashes in a row, and an address begins with them.
        return super().__str__().replace("hf:/", "hf://", 1)


@dataclass(frozen=True, slots=True)
class Extent:
    """A run of bytes in one file."""

    file: Path | HubPath
    """The file, absolute, or its address on a hub."""
    offset: int
    """Its first byte, from the beginning of the file."""
    length: int
    """How many bytes; may be 0."""


class ExtentMap:
    """Byte positions of an order, and the files that hold them."""

    def __init__(self, pieces: Iterable[Extent]) -> None:
        self.pieces = tuple(piece for piece in pieces if piece.length)
        # Where each piece begins in the order, and one entry more: the bytes of all.
        self.starts = (0, *accumulate(piece.length for piece in self.pieces))

    @property
    def total_bytes(self) -> int:
        """Bytes of all pieces."""
        return self.starts[-1]

    def number_at(self, position: int) -> int:
        """The number of the piece that holds a byte."""
        return bisect_right(self.starts, position) - 1

    def cut(self, span: ByteRange) -> Iterator[tuple[int, ByteRange]]:
        """The numbers of the pieces that a byte range touches, each with the range of the piece's own bytes."""
        number, position = self.number_at(span.start), span.start
        while position < span.stop:
            first, end = self.starts[number], min(self.starts[number + 1], span.stop)
            yield number, ByteRange(position - first, end - first)
            number, position = number + 1, end

    def extents(self, span: ByteRange) -> tuple[Extent, ...]:
        """The runs of bytes in files that make up a byte range of the order."""
        return tuple(
            Extent(self.pieces[number].file, self.pieces[number].offset + within.start, len(within))
            for number, within in self.cut(span)
        )
