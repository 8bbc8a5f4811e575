"""Which sequences of an order hold the same ids.

A *content* is a whole sequence of ids; sequences of equal ids have one content. Contents are told apart by 128-bit BLAKE2b
digests of their ids. Two different ones among the 146,432,000 sequences of Pythia share a digest with a probability of 3e-23.
Reading is sequential, 5 microseconds a sequence of Pythia's length beside what the disk takes. A sequence costs 16 bytes of
memory while the order is read, and 48 while it is sorted.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
import numpy.typing as npt

from seenat.registry.errors import InvalidValue
from seenat.registry.orders.source import DescribedOrder, TokenSource
from seenat.registry.units import SequenceRange

__all__ = ["MOST_BYTES", "MOST_SEQUENCES", "Contents", "Indices", "contents_of", "order_contents"]

MOST_SEQUENCES = 1 << 24
"""Sequences that are read without being asked to: 1.3 GB of memory; of Pythia's order, 69 GB of ids up to step 16,384."""

MOST_BYTES = 80
"""Of memory, a sequence, that a study of contents takes at most."""

_DIGEST = 16
_READ_AT_ONCE = 1 << 24
"""Bytes of ids: 16 MiB, four batches of Pythia."""

Indices = npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Contents:
    """Which of the first sequences of an order hold the same ids."""

    content: Indices
    """Of each sequence, `[sequences]`; numbered from 0."""
    times: Indices
    """How many of the sequences hold each content, `[contents]`."""

    @property
    def first(self) -> npt.NDArray[np.bool_]:
        """Which sequences are the first of their content, `[sequences]`."""
        flags = np.zeros(len(self.content), np.bool_)
        flags[np.unique(self.content, return_index=True)[1]] = True
        return flags

    @property
    def once(self) -> npt.NDArray[np.bool_]:
        """Which sequences are the only ones of their content, `[sequences]`."""
        flags: npt.NDArray[np.bool_] = self.times[self.content] == 1
        return flags


def contents_of(source: TokenSource, sequences: int, bytes_at_once: int = _READ_AT_ONCE) -> Contents:
    """Compare the first sequences of an order with each other, reading so many bytes of ids at a time."""
    digests = np.empty((sequences, 2), np.uint64)
    at_once = max(1, bytes_at_once // source.geometry.sequence_bytes)
    for start in range(0, sequences, at_once):
        stop = min(start + at_once, sequences)
        rows = source.tokens(SequenceRange(start, stop))
        joined = b"".join(blake2b(row, digest_size=_DIGEST).digest() for row in np.ascontiguousarray(rows))
        digests[start:stop] = np.frombuffer(joined, np.uint64).reshape(-1, 2)
    order = np.lexsort((digests[:, 1], digests[:, 0]))
    digests = digests[order]
    new = np.ones(sequences, np.bool_)
    new[1:] = (digests[1:] != digests[:-1]).any(axis=1)
    content = np.empty(sequences, np.int64)
    content[order] = np.cumsum(new) - 1
    return Contents(content=content, times=np.bincount(content).astype(np.int64))


def order_contents(order: DescribedOrder, known: dict[int, Contents], most: int) -> Contents:
    """The contents of a whole order, read unless `known` holds them, by the order's id, and kept there.

    Raises `InvalidValue` where the order has more than `most` sequences.
    """
    sequences = order.geometry.sequences
    if sequences > most:
        raise InvalidValue(
            f"To tell which contents {order.name} repeats, all its {sequences:,} sequences must be read and compared: "
            f"{sequences * order.geometry.sequence_bytes / 1e9:,.1f} GB of ids; take them as they are with --repeated."
        )
    if order.id not in known:
        known[order.id] = contents_of(order.source(), sequences)
    return known[order.id]
