"""Which sequences of an order hold the same ids, as a whole or in a window.

A *content* is the ids of a sequence at some positions, by default at all; sequences with equal ids there have one content.
Contents are compared by 128-bit BLAKE2b digests of their ids. The probability that two different ones among the 146,432,000
sequences of Pythia share a digest is 3e-23. Reading is sequential, 5 microseconds a whole sequence of Pythia's length in
addition to the disk's time. A sequence costs 16 bytes of memory while the order is read, and 48 while it is sorted.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
import numpy.typing as npt

from seenat.registry.errors import InvalidValue
from seenat.registry.orders.source import Tokens, TokenSource
from seenat.registry.units import HalfOpenRange, SequenceRange

__all__ = [
    "MOST_BYTES",
    "MOST_SEQUENCES",
    "Contents",
    "Digests",
    "Indices",
    "content_digests",
    "contents_of",
    "digests_of_rows",
    "order_contents",
]

MOST_SEQUENCES = 1 << 24
"""Sequences that are read by default at most: 1.3 GB of memory; of Pythia's order, 69 GB of ids up to step 16,384."""

MOST_BYTES = 80
"""Most bytes of memory that a study of contents takes for a sequence."""

_DIGEST = 16
# Bytes of ids that are read together: 16 MiB, four batches of Pythia.
_READ_AT_ONCE = 1 << 24

Indices = npt.NDArray[np.int64]
Digests = npt.NDArray[np.uint64]
"""Digests as two numbers each, `[sequences, 2]`."""


@dataclass(frozen=True, kw_only=True)
class Contents:
    """Which of the first sequences of an order hold the same ids."""

    content: Indices
    """The content of each sequence, `[sequences]`, numbered from 0."""
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


def digests_of_rows(rows: Tokens) -> Digests:
    """The digest of each row of ids, which are of the type that the order stores."""
    joined = b"".join(blake2b(row, digest_size=_DIGEST).digest() for row in np.ascontiguousarray(rows))
    return np.frombuffer(joined, "<u8").reshape(-1, 2)


def content_digests(
    source: TokenSource,
    sequences: SequenceRange,
    window: HalfOpenRange | None = None,
    bytes_at_once: int = _READ_AT_ONCE,
) -> Iterator[tuple[SequenceRange, Digests]]:
    """Consecutive sequences and the digests of their contents, reading about `bytes_at_once` bytes of ids at a time.

    A content is a whole sequence, or its ids at the positions of `window`.
    """
    geometry = source.geometry
    width = geometry.tokens_per_sequence if window is None else len(window)
    at_once = max(1, bytes_at_once // max(1, width * geometry.id_bytes))
    for start in range(sequences.start, sequences.stop, at_once):
        block = SequenceRange(start, min(start + at_once, sequences.stop))
        if window is None:
            rows = source.tokens(block)
        else:
            rows = source.take(np.arange(block.start, block.stop), window.start, window.stop)
        yield block, digests_of_rows(rows)


def contents_of(
    source: TokenSource, sequences: int, bytes_at_once: int = _READ_AT_ONCE, window: HalfOpenRange | None = None
) -> Contents:
    """Compare the first `sequences` of an order with each other, as a whole or at the positions of `window`."""
    digests = np.empty((sequences, 2), np.uint64)
    for block, found in content_digests(source, SequenceRange(0, sequences), window, bytes_at_once):
        digests[block.start : block.stop] = found
    # Equal digests become neighbours; each place where the digest changes begins another content.
    order = np.lexsort((digests[:, 1], digests[:, 0]))
    digests = digests[order]
    is_new = np.ones(sequences, np.bool_)
    is_new[1:] = (digests[1:] != digests[:-1]).any(axis=1)
    content = np.empty(sequences, np.int64)
    content[order] = np.cumsum(is_new) - 1
    return Contents(content=content, times=np.bincount(content).astype(np.int64))


def order_contents(source: TokenSource, order: str, most: int) -> Contents:
    """The contents of a whole order; `order` is its name.

    Raises `InvalidValue` where the order has more than `most` sequences.
    """
    geometry = source.geometry
    if geometry.sequences > most:
        raise InvalidValue(
            f"To tell which contents {order} repeats, all its {geometry.sequences:,} sequences must be read and compared: "
            f"{geometry.sequences * geometry.sequence_bytes / 1e9:,.1f} GB of ids; take them as they are with --repeated."
        )
    return contents_of(source, geometry.sequences)
