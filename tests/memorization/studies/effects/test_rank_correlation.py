"""Rank correlation, by definition and thinned."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seenat.memorization.studies.effects.rank_correlation import order_correlations, spearman
from seenat.memorization.studies.inputs.panels import Panel
from seenat.registry.units import SequenceRange


def ranks_of(values: list[float]) -> list[float]:
    """Half the values below, half of those equal."""
    return [sum(other < value for other in values) + sum(other == value for other in values) / 2 for value in values]


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(-3, 3)), min_size=3, max_size=30))
def test_it_is_the_correlation_of_the_ranks(pairs: list[tuple[int, int]]) -> None:
    first, second = (np.array(one, np.float64) for one in zip(*pairs, strict=True))
    found = spearman(first, second)
    if len(set(first)) == 1 or len(set(second)) == 1:
        assert found is None
    else:
        assert found == pytest.approx(np.corrcoef(ranks_of(first), ranks_of(second))[0, 1])


def test_order_alone_counts() -> None:
    first = np.array([1.0, 2.0, 3.0, 50.0])
    assert spearman(first, np.exp(first)) == pytest.approx(1)
    assert spearman(first, -(first**3)) == pytest.approx(-1)
    assert spearman(first[:2], first[:2]) is None


class Seen:
    """Two checkpoints that had seen 30 and 90 sequences."""

    steps = (3, 9)

    def seen(self, step: int) -> SequenceRange:
        return SequenceRange(0, 10 * step)


@pytest.mark.parametrize(("most", "kept"), [(1000, 1), (40, 4), (99, 2), (100, 1)])
def test_only_what_was_seen_counts_evenly_thinned(most: int, kept: int) -> None:
    values = np.random.default_rng(0).normal(size=(2, 100))
    values[1, 8] = np.nan
    panels = [
        Panel(sequences=np.arange(100)[part], cohorts=np.zeros(100, np.int64)[part], values=values[:, part])
        for part in (slice(0, 33), slice(33, 34), slice(34, 83), slice(83, 100))
    ]
    chosen = np.arange(0, 100, kept)
    for (found, count), row, limit in zip(order_correlations(Seen(), panels, most=most), values, (30, 90), strict=True):
        seen = [one for one in chosen if one < limit and not np.isnan(row[one])]
        assert count == len(seen)
        assert found == pytest.approx(spearman(np.array(seen), row[seen]))
