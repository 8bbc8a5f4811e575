"""Reading an order while its files may be changed: what was read counts only if no file has changed since it proved right.

A file that is damaged and restored between two looks at it holds the right bytes both times, and what was read in between is wrong.
Its state (length, times, inode) tells: every write changes it, and so does every replacement.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from seenat.registry.errors import CorruptFile
from seenat.registry.orders.extents import Extent
from seenat.registry.orders.geometry import Geometry
from seenat.registry.orders.source import Sequences, Tokens, TokenSource
from seenat.registry.storage.file_state import FileState, changed_file
from seenat.registry.units import SequenceRange

__all__ = ["Proven", "UnchangedSource"]

_TRIES = 5


@dataclass(frozen=True)
class Proven:
    """A reader of an order that has read nothing yet, and the states of the files that proved right."""

    source: TokenSource
    states: Mapping[Path, FileState]


class UnchangedSource:
    """A `TokenSource` that reads anew what it read while a file was changed, once `prove` says that it is right again.

    `prove` raises `CorruptFile` where a file is not what the catalog knows.
    """

    def __init__(self, prove: Callable[[], Proven]) -> None:
        self._prove = prove
        self._proven = prove()

    @property
    def geometry(self) -> Geometry:
        """See `TokenSource`."""
        return self._proven.source.geometry

    def tokens(self, sequences: SequenceRange) -> Tokens:
        """See `TokenSource`."""
        return self._read(lambda source: source.tokens(sequences))

    def take(self, indices: Sequences, start: int, stop: int) -> Tokens:
        """See `TokenSource`."""
        return self._read(lambda source: source.take(indices, start, stop))

    def windows(self, indices: Sequences, offsets: Sequences, length: int) -> Tokens:
        """See `TokenSource`."""
        return self._read(lambda source: source.windows(indices, offsets, length))

    def extents(self, sequences: SequenceRange) -> tuple[Extent, ...]:
        """See `TokenSource`."""
        return self._proven.source.extents(sequences)

    def place(self, sequence: int, position: int) -> str:
        """See `TokenSource`."""
        return self._proven.source.place(sequence, position)

    def _read(self, read: Callable[[TokenSource], Tokens]) -> Tokens:
        for _ in range(_TRIES):
            try:
                ids = read(self._proven.source)
                ids = ids.copy() if ids.base is not None else ids  # A map would show what is written to the file later.
            except Exception:
                if (changed := changed_file(self._proven.states)) is None:
                    raise
            else:
                if (changed := changed_file(self._proven.states)) is None:
                    return ids
            self._proven = self._prove()
        raise CorruptFile(
            f"{changed} is changed again and again while it is read; let nobody write to it, and run this again."
        )
