"""Refuses ids that the vocabulary cannot hold: they are damage, or a file read with the wrong type or offset.

Where the size of the vocabulary is not known, negative ids are still refused.
"""

from __future__ import annotations

import numpy as np

from seenat.registry.errors import CorruptFile
from seenat.registry.orders.source import Sequences, Tokens, TokenSource
from seenat.registry.units import SequenceRange

__all__ = ["check_ids"]


def check_ids(
    source: TokenSource, tokens: Tokens, indices: Sequences | SequenceRange, position: int, vocab_size: int | None
) -> None:
    """Check the ids read from `source`: row r of `tokens` is sequence `indices[r]`, from `position` on.

    Raises `CorruptFile` with sequence, position, id and place of the first id outside `[0, vocab_size)`.
    """
    if not tokens.size or not _any_outside(tokens, vocab_size):
        return
    outside = (tokens < 0) if vocab_size is None else (tokens < 0) | (tokens >= vocab_size)
    row, column = (int(place[0]) for place in np.nonzero(outside))
    sequence = indices.start + row if isinstance(indices, SequenceRange) else int(indices[row])
    bound = "is negative" if vocab_size is None else f"is not in a vocabulary of {vocab_size} ids"
    raise CorruptFile(
        f"{source.place(sequence, position + column)}: id {tokens[row, column]} at position {position + column} of "
        f"sequence {sequence} {bound}; check the file's digest, and the order's dtype and vocab_size."
    )


def _any_outside(tokens: Tokens, vocab_size: int | None) -> bool:
    # Two reductions without a temporary array, because this runs over every id that is ever read.
    if tokens.dtype.kind == "i" and tokens.min() < 0:
        return True
    return vocab_size is not None and vocab_size <= np.iinfo(tokens.dtype).max and bool(tokens.max() >= vocab_size)
