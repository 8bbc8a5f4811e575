"""BM25 by its formula, term by term, whatever the pieces."""

from __future__ import annotations

import math

import numpy as np
import pytest

from seenat.attribution.influence.bm25 import bm25_scores

GENERATOR = np.random.default_rng(3)
ROWS = GENERATOR.integers(0, 30, (40, 12))
QUERIES = [np.array([3, 3, 7, 29]), np.array([5]), np.array([77, 2])]


def by_definition(query: np.ndarray, row: np.ndarray) -> float:
    total = 0.0
    for term in set(query.tolist()):
        held = sum(term in other for other in ROWS.tolist())
        idf = math.log(1 + (len(ROWS) - held + 0.5) / (held + 0.5))
        count = row.tolist().count(term)
        total += idf * count * 2.2 / (count + 1.2)
    return total


@pytest.mark.parametrize("piece", [1, 100, 1 << 20])
def test_scores_are_those_of_the_formula(piece: int) -> None:
    sequences = np.arange(len(ROWS))
    scores = bm25_scores(QUERIES, sequences, lambda some: ROWS[some], ROWS.shape[1], ids_a_piece=piece)
    due = [[by_definition(query, row) for row in ROWS] for query in QUERIES]
    np.testing.assert_allclose(scores, due, rtol=1e-12)
    assert scores[0].max() > 0


def test_only_the_candidates_count() -> None:
    some = np.array([4, 9, 30])
    scores = bm25_scores(QUERIES, some, lambda chosen: ROWS[chosen], ROWS.shape[1])
    assert scores.shape == (3, 3)
    alone = bm25_scores(QUERIES, np.arange(3), lambda chosen: ROWS[some][chosen], ROWS.shape[1])
    np.testing.assert_array_equal(scores, alone)
