"""Near duplicates: the sequences that share the most n-grams with one sequence, found through an index.

Of all n-grams of a sequence those are *selected* whose first id is the rarest of its first W, by the ranks of the index: about
one in W. Which n-grams these are depends on their ids alone, so two sequences are compared fairly. With A and B their selected
n-grams, each counted once,

    share        |A and B| / |A|        how much of the given sequence the other holds
    resemblance  |A and B| / |A or B|   how alike the two are; 1 for equal ones

Selected n-grams that stand at very many places would name most of the order: they are not used to find sequences, but count in
the numbers of those that were found. The numbers are computed from the ids themselves.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import takewhile

import numpy as np

from seenat.attribution.duplicates.answers import NearDuplicate, NearDuplicates
from seenat.attribution.duplicates.contents import ComparedOrder
from seenat.attribution.ngrams.codes import Ids
from seenat.attribution.ngrams.index import NgramIndex
from seenat.attribution.ngrams.search import Region, find_by_index
from seenat.registry.errors import InvalidValue
from seenat.registry.orders.duplicate_sequences import Indices
from seenat.registry.units import SequenceRange

__all__ = ["MOST_FOUND", "NGRAM", "near_duplicates", "selected_ngrams"]

NGRAM = 13
"""Ids of an n-gram by default, where the index window is at most 10."""

MOST_FOUND = 10_000
"""An n-gram at more places than this is not used to find sequences, unless asked for."""

# Sequences whose resemblance is computed: as many for each that is listed, and at least.
_READ_FOR_EACH, _LEAST_READ = 10, 100


@dataclass(frozen=True)
class _Candidates:
    """Sequences that hold n-grams of another one, and how many n-grams were too frequent to be looked for."""

    sequences: Indices
    """The most promising first."""
    frequent: int


def near_duplicates(
    index: NgramIndex,
    compared: ComparedOrder,
    sequence: int,
    *,
    ngram: int | None = None,
    most_found: int = MOST_FOUND,
    limit: int = 20,
) -> NearDuplicates:
    """The sequences among those compared that resemble one most; that one need not be among them.

    Raises `UnknownSequence` beyond the order, `InvalidValue` for n-grams that the index does not find or sequences do not hold.
    """
    length = max(NGRAM, index.window + 3) if ngram is None else ngram
    width = compared.source.geometry.tokens_per_sequence
    if not index.window <= length <= width:
        raise InvalidValue(f"An n-gram has {index.window} to {width} ids here, not {length}; choose --ngram so.")
    row = compared.source.tokens(SequenceRange(sequence, sequence + 1))[0]
    ours = selected_ngrams(index, row, length)
    found = _candidates(index, compared, ours, sequence, most_found)
    read = found.sequences[: max(_LEAST_READ, _READ_FOR_EACH * limit)]
    rows = compared.source.take(read, 0, width)
    alike = [
        _near(compared, int(other), ours, selected_ngrams(index, theirs, length))
        for other, theirs in zip(read, rows, strict=True)
    ]
    return NearDuplicates(
        order=compared.name,
        sequence=sequence,
        ngram=length,
        index_window=index.window,
        ngrams=len(ours),
        frequent=found.frequent,
        candidates=len(found.sequences),
        sequences=tuple(sorted(alike, key=lambda near: (-near.resemblance, near.sequence))[:limit]),
    )


def selected_ngrams(index: NgramIndex, row: Ids, length: int) -> set[bytes]:
    """The selected n-grams of a sequence, as bytes of the type that the order stores."""
    ranks = index.ranks(row)
    count = len(row) - length + 1
    lowest = np.lib.stride_tricks.sliding_window_view(ranks, index.window).min(axis=1)[:count]
    ngrams = np.lib.stride_tricks.sliding_window_view(row, length)
    return {ngrams[place].tobytes() for place in np.flatnonzero(ranks[:count] == lowest)}


def _candidates(
    index: NgramIndex, compared: ComparedOrder, ngrams: set[bytes], sequence: int, most_found: int
) -> _Candidates:
    holders, frequent = [np.empty(0, np.int64)], 0
    region = Region(compared.sequences.start, compared.sequences.stop)
    for ngram in sorted(ngrams):
        ids = np.frombuffer(ngram, compared.source.geometry.dtype)
        found = _sequences(index, compared, ids, region, most_found)
        if found is None:
            frequent += 1
        else:
            holders.append(found[found != sequence])
    sequences, shared = np.unique(np.concatenate(holders), return_counts=True)
    return _Candidates(sequences[np.argsort(-shared, kind="stable")], frequent)


def _sequences(index: NgramIndex, compared: ComparedOrder, ids: Ids, region: Region, most_found: int) -> Indices | None:
    """The sequences that hold some ids; None where they stand at more than so many places."""
    total = 0

    def counted(found: int) -> bool:
        nonlocal total
        total += found
        return total <= most_found

    portions = takewhile(lambda places: counted(len(places)), find_by_index(index, compared.source, ids, region))
    sequences = [np.empty(0, np.int64), *(places.sequences for places in portions)]
    return np.unique(np.concatenate(sequences)) if total <= most_found else None


def _near(compared: ComparedOrder, sequence: int, ours: set[bytes], theirs: set[bytes]) -> NearDuplicate:
    shared = len(ours & theirs)
    batch = sequence // compared.sequences_per_batch
    return NearDuplicate(
        sequence=sequence,
        batch=batch,
        step=batch + 1,
        shared=shared,
        share=shared / max(1, len(ours)),
        resemblance=shared / max(1, len(ours | theirs)),
    )
