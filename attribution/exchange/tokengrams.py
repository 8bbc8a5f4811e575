"""An index of tokengrams: a file of ids and a file of their suffix array.

    text   the ids without borders, uint16 little-endian; uint32 for vocabularies above 65,536
    table  uint64, little-endian: the positions of all suffixes, by ascending suffix; ids compare as numbers

It knows no sequences. Here a text is whole consecutive sequences of an order, and what crosses the border of two of them is no
place of anything.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from seenat.attribution.duplicates.answers import DuplicatePlace
from seenat.attribution.duplicates.contents import ComparedOrder
from seenat.attribution.duplicates.places import places_of
from seenat.attribution.exchange.suffix_array import suffix_array
from seenat.registry.answer import Answers
from seenat.registry.errors import CorruptFile, InvalidValue
from seenat.registry.orders.duplicate_sequences import Indices
from seenat.registry.orders.source import Tokens

__all__ = ["SuffixIndex", "open_tokengrams", "write_tokengrams"]

# Sequences of the text that are compared with the order when an index is opened.
_COMPARED = 32


def write_tokengrams(folder: Path, number: int, rows: Tokens) -> None:
    """Write text.N.bin and table.N.idx of a folder from the ids of consecutive sequences."""
    text = rows.astype("<u2" if rows.dtype.itemsize <= 2 else "<u4").reshape(-1)
    text.tofile(folder / f"text.{number}.bin")
    suffix_array(text).astype("<u8").tofile(folder / f"table.{number}.idx")


class SuffixIndex:
    """Where ids stand in a part of an order, by a suffix array that another program made."""

    def __init__(
        self, compared: ComparedOrder, text: npt.NDArray[Any], table: npt.NDArray[np.uint64], name: Path
    ) -> None:
        self._compared = compared
        self._text = text
        self._table = table
        self._name = name

    def count(self, ids: npt.ArrayLike) -> int:
        """At how many places some ids stand."""
        return len(self._places(ids))

    def positions(self, ids: npt.ArrayLike) -> Answers[DuplicatePlace]:
        """The places at which some ids stand, in training order, with batches and steps."""
        length = self._compared.source.geometry.tokens_per_sequence
        rows, offsets = np.divmod(self._places(ids), length)
        return Answers(places_of(rows + self._compared.sequences.start, offsets, self._compared.sequences_per_batch))

    def _places(self, ids: npt.ArrayLike) -> Indices:
        """Positions in the text, ascending."""
        query = np.asarray(ids)
        width = self._compared.source.geometry.tokens_per_sequence
        if query.ndim != 1 or not 0 < len(query) <= width or not np.issubdtype(query.dtype, np.integer):
            raise InvalidValue(f"Give 1 to {width} ids as a list of whole numbers, not {ids!r:.80}.")
        if query.min() < 0 or query.max() > np.iinfo(self._text.dtype).max:
            return np.empty(0, np.int64)
        wanted = query.astype(self._text.dtype.newbyteorder(">")).tobytes()
        first, last = self._bound(wanted, len(query), False), self._bound(wanted, len(query), True)
        places = np.sort(np.asarray(self._table[first:last]).astype(np.int64))
        if len(places) and (places[0] < 0 or places[-1] > len(self._text) - len(query)):
            raise CorruptFile(f"{self._name} is damaged: it names positions beyond its text; make it again.")
        places = places[places % width + len(query) <= width]
        # The table may not be sorted as it should be: what it finds is compared with the ids.
        for place, id_ in enumerate(query.tolist()):
            places = places[self._text[places + place] == id_]
        return places

    def _bound(self, wanted: bytes, length: int, after: bool) -> int:
        """The first place of the table whose suffix begins with no less than the wanted ids, or with more."""
        low, high = 0, len(self._table)
        big = self._text.dtype.newbyteorder(">")
        while low < high:
            middle = (low + high) // 2
            start = int(self._table[middle])
            found = self._text[start : start + length].astype(big).tobytes()
            if found < wanted or (after and found == wanted):
                low = middle + 1
            else:
                high = middle
        return low


def open_tokengrams(compared: ComparedOrder, text: Path, table: Path) -> SuffixIndex:
    """An index over the sequences of a part of an order; nothing of it is read into memory.

    Raises `CorruptFile` for files whose lengths do not fit together, `InvalidValue` for a text of other ids.
    """
    geometry = compared.source.geometry
    dtype = np.dtype("<u2" if geometry.id_bytes <= 2 else "<u4")
    count = len(compared.sequences) * geometry.tokens_per_sequence
    for path, expected in ((text, count * dtype.itemsize), (table, count * 8)):
        size = _size(path)
        if size != expected:
            raise CorruptFile(
                f"{path} has {size:,} bytes, and for the sequences {compared.sequences} of {compared.name} it would have "
                f"{expected:,}; choose the batches that it was made from."
            )
    index = SuffixIndex(compared, np.memmap(text, dtype, "r"), np.memmap(table, "<u8", "r"), table)
    _check_text(compared, np.memmap(text, dtype, "r"), text)
    return index


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError as error:
        raise InvalidValue(f"{path} cannot be read: {error.strerror}; check the path.") from error


def _check_text(compared: ComparedOrder, text: npt.NDArray[Any], path: Path) -> None:
    """Compare the first, the last and some other sequences with the order."""
    rows = np.unique(np.linspace(0, len(compared.sequences) - 1, _COMPARED).astype(np.int64))
    width = compared.source.geometry.tokens_per_sequence
    due = compared.source.take(rows + compared.sequences.start, 0, width)
    if (text.reshape(-1, width)[rows] != due).any():
        raise InvalidValue(
            f"{path} holds other ids than the sequences {compared.sequences} of {compared.name}; choose the batches that it "
            "was made from."
        )
