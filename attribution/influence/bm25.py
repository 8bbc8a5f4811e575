"""The baseline: BM25 of the candidates for a query, over ids as terms.

    score(z) = sum over the query's different ids t of  idf(t) * f (k + 1) / (f + k (1 - b + b |z| / mean |z|))
    idf(t)   = ln(1 + (N - n(t) + 1/2) / (n(t) + 1/2))

f is how often t occurs in candidate z, n(t) in how many of the N candidates it occurs, k = 1.2 and b = 0.75 (Robertson and
Zaragoza, *The Probabilistic Relevance Framework*, 2009). Sequences of an order all have one length, so the length plays no part.
It knows no model and no step: whatever influence finds beyond it is not shared words.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt

__all__ = ["bm25_scores"]

_K = 1.2

# Ids of a piece of candidates: its counts are some times as large.
_IDS_A_PIECE = 1 << 20

_Floats = npt.NDArray[np.float64]
_Ids = npt.NDArray[np.int64]


def bm25_scores(
    queries: list[_Ids],
    sequences: _Ids,
    read: Callable[[_Ids], _Ids],
    length: int,
    ids_a_piece: int = _IDS_A_PIECE,
) -> _Floats:
    """The BM25 score of every candidate for every query: float64 [queries, candidates].

    `read` gives the ids of some sequences, [n, length]; all of them are read twice, in pieces, so memory is that of a piece and
    of the scores.
    """
    terms = np.unique(np.concatenate(queries))
    size = max(1, ids_a_piece // max(length, len(terms)))
    held = np.zeros(len(terms), np.int64)
    for _, counts in _counted(terms, sequences, read, size):
        held += (counts > 0).sum(axis=0)
    idf = np.log1p((len(sequences) - held + 0.5) / (held + 0.5))
    weights = np.stack([np.isin(terms, query) * idf for query in queries])
    scores = np.empty((len(queries), len(sequences)))
    for piece, counts in _counted(terms, sequences, read, size):
        scores[:, piece] = weights @ (counts * (_K + 1) / (counts + _K)).T
    return scores


def _counted(
    terms: _Ids, sequences: _Ids, read: Callable[[_Ids], _Ids], size: int
) -> Iterator[tuple[slice, npt.NDArray[np.int64]]]:
    """How often each term occurs in each candidate, [n, terms], a piece of candidates at a time."""
    for start in range(0, len(sequences), size):
        piece = slice(start, min(start + size, len(sequences)))
        ids = read(sequences[piece])
        places = np.minimum(np.searchsorted(terms, ids), len(terms) - 1)
        rows, columns = np.nonzero(terms[places] == ids)
        flat = rows * len(terms) + places[rows, columns]
        yield piece, np.bincount(flat, minlength=len(ids) * len(terms)).reshape(len(ids), -1)
