"""The pages of a column: their headers, one after the other, and the levels that say where rows begin.

A page is what is unpacked at a time, so each is held against the most bytes that one may have; and the pages of a column
together may hold no more values than the footer says, which pyarrow does not look at.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from seenat.registry.optional import arrow
from seenat.registry.parquet.chunks import Chunk, FileBytes
from seenat.registry.parquet.compact import I32, MalformedError, Shape, read_struct

__all__ = ["Page", "levels_of", "pages_of"]

# Writers make them of about 1 MiB; one of 64 MiB is a few rows of millions of ids.
_LARGEST_PAGE = 128 << 20
# Two extremes of a column and some numbers; pyarrow begins with as many.
_LONGEST_HEADER = 16 << 10
# A value of a dictionary once it is decoded; writers end a dictionary at 1 MiB.
_VALUE_BYTES = 8

_DATA, _DICTIONARY, _DATA_2 = 0, 2, 3
_HEADER: Shape = {
    1: I32,
    2: I32,
    3: I32,
    5: {1: I32, 2: I32, 4: I32},
    7: {1: I32, 2: I32},
    8: {1: I32, 4: I32, 5: I32, 6: I32},
}
_OF_TYPE = {_DATA: 5, _DICTIONARY: 7, _DATA_2: 8}
_RLE = 3
_CODECS = {1: "snappy", 2: "gzip", 4: "brotli", 6: "zstd", 7: "lz4_raw"}


@dataclass(frozen=True, slots=True)
class Page:
    """A page of data, or of a dictionary."""

    values: int
    start: int
    """Its first byte in the file, after the header."""
    stored: int
    unpacked: int
    """Its bytes as they are stored, and as they are unpacked."""
    level_bytes: int | None
    """Bytes of the levels of its rows where they lie before all else and are not packed; None where they are with it."""
    level_encoding: int
    is_dictionary: bool
    encoding: int
    """Of its values, as Parquet numbers encodings."""

    @property
    def memory(self) -> int:
        """Bytes that its column takes for it."""
        return max(self.unpacked, self.values * _VALUE_BYTES) if self.is_dictionary else self.unpacked


def pages_of(file: FileBytes, chunk: Chunk) -> Iterator[Page]:
    """The pages of a column.

    Raises `MalformedError` for a page that cannot be read, is too large, or holds more values than its column has left.
    """
    at, left = chunk.start, chunk.values
    while left > 0 and at < chunk.stop:
        header, length = read_struct(file.read(at, min(_LONGEST_HEADER, chunk.stop - at)), _HEADER)
        at += length
        kind = header.get(1, -1)
        own = header.get(_OF_TYPE.get(kind, -1))
        if own is None or 1 not in own or not {2, 3} <= header.keys():
            raise MalformedError(f"byte {at} follows on the header of no page that has ids")
        _check_size(at, header[2], header[3], own[1])
        if header[3] > chunk.stop - at:
            raise MalformedError(
                f"the page at byte {at} has {header[3]} bytes, and {chunk.stop - at} follow in its column"
            )
        at += header[3]
        left -= own[1] if kind != _DICTIONARY else 0
        if left < 0:
            raise MalformedError(f"its pages hold more than the {chunk.values} values of its footer")
        encoding, first = (own.get(4, -1), None) if kind == _DATA else (_RLE, own.get(6, -1))
        of_values = own.get(4 if kind == _DATA_2 else 2, -1)
        page = Page(own[1], at - header[3], header[3], header[2], first, encoding, kind == _DICTIONARY, of_values)
        if page.memory > _LARGEST_PAGE:
            raise MalformedError(f"a dictionary is said to have {page.values} values")
        yield page


def _check_size(at: int, unpacked: int, stored: int, values: int) -> None:
    if min(unpacked, stored, values) < 0 or unpacked > _LARGEST_PAGE:
        raise MalformedError(f"the page at byte {at} has {stored} bytes, {unpacked} unpacked, and {values} values")


def levels_of(file: FileBytes, chunk: Chunk, page: Page) -> bytes:
    """The levels of a page, packed in runs, of which 0 begins a row; raises `MalformedError` where they cannot be unpacked."""
    if page.level_encoding != _RLE:
        raise MalformedError(f"its levels have encoding {page.level_encoding}, which nobody has written since 2013")
    if page.level_bytes is not None:
        return file.read(page.start, max(0, min(page.level_bytes, page.stored)))
    whole = _unpacked(chunk.codec, file.read(page.start, page.stored), page.unpacked)
    return whole[4 : 4 + int.from_bytes(whole[:4], "little")]


def _unpacked(codec: int, data: bytes, length: int) -> bytes:
    if codec == 0:
        return data
    if codec not in _CODECS:
        raise MalformedError(f"its compression {codec} is not known; snappy and zstd are")
    try:
        return bytes(arrow().Codec(_CODECS[codec]).decompress(data, decompressed_size=length, asbytes=True))
    except Exception as error:
        # A length that does not fit is ArrowInvalid, a ValueError; damaged bytes are OSError.
        raise MalformedError(str(error)) from error
