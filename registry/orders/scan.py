"""One pass over an order, a batch in memory at a time, for what the catalog records of each batch.

A digest is `sha256:` and the SHA-256 of the batch's ids as they lie in the files, little-endian, without headers, as in
the published digests of Pythia's batches. It does not depend on how files cut the order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from seenat.registry.errors import InvalidValue
from seenat.registry.orders.source import Tokens, TokenSource
from seenat.registry.orders.vocabulary import check_ids
from seenat.registry.storage.digests import sha256_of_bytes
from seenat.registry.units import SequenceRange

__all__ = ["BatchFacts", "scan_batches"]


@dataclass(frozen=True, slots=True)
class BatchFacts:
    """What reading the ids of a batch once says of it. It cannot change later."""

    batch: int
    first_sequence: int
    sequences: int
    """How many; fewer in the last batch where the order is not whole batches."""
    digest: str
    """`sha256:` and the hexadecimal digest of the raw ids."""
    eod_count: int | None
    """How many ids are the end-of-document separator; None where the order has none."""
    max_id: int
    """The largest id."""


def scan_batches(
    source: TokenSource,
    sequences_per_batch: int,
    *,
    vocab_size: int | None,
    eod_id: int | None,
    progress: Callable[[int], None] | None = None,
) -> Iterator[BatchFacts]:
    """The facts of every batch, in order; `progress` receives the number of sequences of each.

    Raises `CorruptFile` on the first id beyond the vocabulary, `InvalidValue` for batches of no sequences.
    """
    if sequences_per_batch < 1:
        raise InvalidValue(f"A batch needs at least 1 sequence, not {sequences_per_batch}.")
    total = source.geometry.sequences
    for batch, start in enumerate(range(0, total, sequences_per_batch)):
        sequences = SequenceRange(start, min(start + sequences_per_batch, total))
        tokens = source.tokens(sequences)
        check_ids(source, tokens, sequences, 0, vocab_size)
        yield _facts(batch, sequences, tokens, eod_id)
        if progress is not None:
            progress(len(sequences))


def _facts(batch: int, sequences: SequenceRange, tokens: Tokens, eod_id: int | None) -> BatchFacts:
    return BatchFacts(
        batch=batch,
        first_sequence=sequences.start,
        sequences=len(sequences),
        digest=sha256_of_bytes(tokens.astype(tokens.dtype.newbyteorder("<"), copy=False).reshape(-1).data),
        eod_count=None if eod_id is None else int(np.count_nonzero(tokens == eod_id)),
        max_id=int(tokens.max()),
    )
