"""Reading an order while its files may be changed: what was read counts only if no file has changed since it proved right.

A file that is damaged and restored between two looks at it holds the right bytes both times, and what was read in between is wrong.
Its state (length, times, inode) tells: every write changes it, and so does every replacement.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from seenat.registry.errors import CorruptFile
from seenat.registry.orders.extents import Extent
from seenat.registry.orders.geometry import Geometry
from seenat.registry.orders.source import Sequences, Tokens, TokenSource
from seenat.registry.storage.file_state import FileState, state_of
from seenat.registry.units import SequenceRange

__all__ = ["UnchangedSource"]


@dataclass(frozen=True)
class UnchangedSource:
    """A `TokenSource` over files in these states; each reading raises `CorruptFile` where one has another state behind it."""

    source: TokenSource
    states: Mapping[Path, FileState]

    @property
    def geometry(self) -> Geometry:
        """See `TokenSource`."""
        return self.source.geometry

    def tokens(self, sequences: SequenceRange) -> Tokens:
        """See `TokenSource`."""
        return self._checked(self.source.tokens(sequences))

    def take(self, indices: Sequences, start: int, stop: int) -> Tokens:
        """See `TokenSource`."""
        return self._checked(self.source.take(indices, start, stop))

    def windows(self, indices: Sequences, offsets: Sequences, length: int) -> Tokens:
        """See `TokenSource`."""
        return self._checked(self.source.windows(indices, offsets, length))

    def extents(self, sequences: SequenceRange) -> tuple[Extent, ...]:
        """See `TokenSource`."""
        return self.source.extents(sequences)

    def place(self, sequence: int, position: int) -> str:
        """See `TokenSource`."""
        return self.source.place(sequence, position)

    def _checked(self, ids: Tokens) -> Tokens:
        ids = ids.copy() if ids.base is not None else ids  # A map of the file would show what is written to it later.
        for path, state in self.states.items():
            try:
                is_same = state_of(path) == state
            except OSError:
                is_same = False
            if not is_same:
                raise CorruptFile(
                    f"{path} was changed while it was read; restore it if it is not what it was, and run this again."
                )
        return ids
