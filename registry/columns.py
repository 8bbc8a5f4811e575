"""Rows by column: how lists of millions of rows are read and written, a block of consecutive rows at a time.

Each column stands under the keys that lead to its values in the JSON of a row: `("onset", "step")` for `onset.step`. Every row has
all of them. Whole numbers and flags are arrays, a masked one where some rows have null; anything else is a list of JSON's values.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["Column", "Columns", "Keys", "known", "limited"]

Keys = tuple[str, ...]
Column = npt.NDArray[Any] | Sequence[Any]


@dataclass(frozen=True, slots=True)
class Columns:
    """A block of rows."""

    values: Mapping[Keys, Column]
    """All of one length, in the order of the keys of a row."""

    def __len__(self) -> int:
        return len(next(iter(self.values.values()), ()))

    def __getitem__(self, rows: slice) -> Columns:
        return Columns({keys: column[rows] for keys, column in self.values.items()})

    def lists(self) -> list[list[Any]]:
        """The values of each column as JSON's own types."""
        return [column.tolist() if isinstance(column, np.ndarray) else list(column) for column in self.values.values()]

    def rows(self) -> Iterator[dict[str, Any]]:
        """Each row as its JSON object."""
        for values in zip(*self.lists(), strict=True):
            row: dict[str, Any] = {}
            for keys, value in zip(self.values, values, strict=True):
                inner = row
                for key in keys[:-1]:
                    inner = inner.setdefault(key, {})
                inner[keys[-1]] = value
            yield row


def known(values: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """A column whose negative values stand for null."""
    return np.ma.masked_less(values, 0) if values.min(initial=0) < 0 else values


def limited(blocks: Iterable[Columns], limit: int | None) -> Iterator[Columns]:
    """The same rows without empty blocks, and at most so many."""
    left = limit
    for block in blocks:
        taken = block if left is None or len(block) <= left else block[:left]
        if len(taken):
            yield taken
        left = None if left is None else left - len(taken)
        if left == 0:
            return
