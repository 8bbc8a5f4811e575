"""The interface by which the ids of an order are read, however it is stored."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from seenat.registry.orders.extents import Extent
from seenat.registry.orders.geometry import Geometry
from seenat.registry.units import SequenceRange

__all__ = ["Sequences", "TokenSource", "Tokens"]

Tokens = npt.NDArray[np.integer[Any]]
"""Ids, `[sequences, positions]`, in the type that the order stores."""

Sequences = npt.NDArray[np.int64]
"""Indices of sequences, in any order, with or without repetitions."""


class TokenSource(Protocol):
    """Random access to an order. Results are new arrays; the caller may write into them."""

    @property
    def geometry(self) -> Geometry:
        """How many sequences, of how many ids, of which type."""

    def tokens(self, sequences: SequenceRange) -> Tokens:
        """All ids of consecutive sequences, `[len(sequences), tokens_per_sequence]`.

        Raises `UnknownSequence` beyond the order, `CorruptFile` on an id beyond the vocabulary.
        """

    def take(self, indices: Sequences, start: int, stop: int) -> Tokens:
        """The ids at positions `[start, stop)` of the given sequences, `[len(indices), stop - start]`, in their order.

        Memory is that of the result, whatever the length of the sequences. Raises `UnknownSequence` beyond the order,
        `InvalidValue` for positions beyond a sequence, `CorruptFile` on an id beyond the vocabulary.
        """

    def windows(self, indices: Sequences, offsets: Sequences, length: int) -> Tokens:
        """`length` ids of each given sequence from a position of its own on, `[len(indices), length]`, in their order.

        They are not compared with the vocabulary. Raises `UnknownSequence` beyond the order, `InvalidValue` for positions beyond
        a sequence.
        """

    def extents(self, sequences: SequenceRange) -> tuple[Extent, ...]:
        """Where the bytes of consecutive sequences lie, in order; several where files are cut within them.

        Empty for Parquet and index maps, where a sequence is not contiguous. Raises `UnknownSequence` beyond the order.
        """

    def place(self, sequence: int, position: int) -> str:
        """The beginning of a message about one id of a sequence: its file, and its byte or row there."""
