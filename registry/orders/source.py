"""What every order offers to its readers, however it is stored."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from seenat.registry.orders.extents import Extent
from seenat.registry.orders.geometry import Geometry
from seenat.registry.units import SequenceRange

__all__ = ["DescribedOrder", "Sequences", "TokenSource", "Tokens"]

Tokens = npt.NDArray[np.integer[Any]]
"""Ids, `[sequences, positions]`, in the type that the order stores."""

Sequences = npt.NDArray[np.int64]
"""Indices of sequences, in any order, with or without repetitions."""


class TokenSource(Protocol):
    """Random access to an order. Results are arrays of their own; a reader may write into them."""

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

    def extents(self, sequences: SequenceRange) -> tuple[Extent, ...]:
        """Where the bytes of consecutive sequences lie, in order; several where files are cut within them.

        None for formats in which no sequence lies in one place: Parquet, index maps. Raises `UnknownSequence` beyond the
        order.
        """

    def place(self, sequence: int, position: int) -> str:
        """Where one id of a sequence of the order lies, as the beginning of a message: its file, and its byte or row."""


class DescribedOrder(Protocol):
    """What readers and exports need to know of an order beside its ids; the catalog's `Order` is one."""

    @property
    def id(self) -> int:
        """Its id in the catalog."""

    @property
    def name(self) -> str:
        """Its name."""

    @property
    def suite(self) -> str:
        """The suite that it belongs to."""

    @property
    def digest(self) -> str | None:
        """Over geometry and content; None until every file's digest is known."""

    @property
    def geometry(self) -> Geometry:
        """How many sequences, of how many ids, of which type."""

    @property
    def sequences_per_batch(self) -> int:
        """How many sequences one of its batches has."""

    @property
    def tokenizer(self) -> str | None:
        """A file, a folder or a repository on the hub; None where it names none."""

    def source(self) -> TokenSource:
        """The reader of its ids."""
