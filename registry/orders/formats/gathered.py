"""The base of readers whose sequences are not contiguous: decoded from row groups, or joined from documents."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np

from seenat.registry.orders.bounds import check_positions, checked_indices
from seenat.registry.orders.extents import Extent
from seenat.registry.orders.geometry import Geometry
from seenat.registry.orders.source import Sequences, Tokens
from seenat.registry.orders.windows import windows_by_sequence
from seenat.registry.units import SequenceRange

__all__ = ["GatheredOrder"]


class GatheredOrder(ABC):
    """A `TokenSource` without `place` and `_take`; subclasses gather the ids of sequences in `_take`."""

    def __init__(self, geometry: Geometry) -> None:
        self._geometry = geometry

    @property
    def geometry(self) -> Geometry:
        """How many sequences, of how many ids, of which type."""
        return self._geometry

    def tokens(self, sequences: SequenceRange) -> Tokens:
        """All ids of consecutive sequences; see `TokenSource.tokens`."""
        self._geometry.bytes_of(sequences)
        indices = np.arange(sequences.start, sequences.stop, dtype=np.int64)
        return self._take(indices, 0, self._geometry.tokens_per_sequence)

    def take(self, indices: Sequences, start: int, stop: int) -> Tokens:
        """The ids at positions `[start, stop)` of the given sequences; see `TokenSource.take`."""
        indices = checked_indices(self._geometry, indices)
        check_positions(self._geometry, start, stop)
        return self._take(indices, start, stop)

    def windows(self, indices: Sequences, offsets: Sequences, length: int) -> Tokens:
        """Ids at a position of its own in each sequence; see `TokenSource.windows`."""
        return windows_by_sequence(self, indices, offsets, length)

    def extents(self, sequences: SequenceRange) -> tuple[Extent, ...]:
        """Always empty; see `TokenSource.extents`."""
        self._geometry.bytes_of(sequences)
        return ()

    @abstractmethod
    def place(self, sequence: int, position: int) -> str:
        """Where an id stands; see `TokenSource.place`."""

    @abstractmethod
    def _take(self, indices: Sequences, start: int, stop: int) -> Tokens:
        """The ids at these positions, `[len(indices), stop - start]`; the order has these sequences and positions."""
