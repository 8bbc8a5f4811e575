"""Lists of sequences that are given a page at a time, each page by the sequence that the one before ended with."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["Indices", "SequencePage"]

Indices = npt.NDArray[np.int64]


class SequencePage:
    """The first sequences above one, of many that come ascending."""

    def __init__(self, limit: int, after: int) -> None:
        self.limit, self.after = limit, after
        self.sequences: tuple[int, ...] = ()
        self.next: int | None = None

    def add(self, sequences: Indices) -> tuple[int, ...]:
        """Take what still belongs to the page, and return it."""
        above = sequences[np.searchsorted(sequences, self.after, side="right") :]
        taken = tuple(above[: self.limit - len(self.sequences)].tolist())
        self.sequences += taken
        if self.sequences and len(above) > len(taken):
            self.next = self.sequences[-1]
        return taken
