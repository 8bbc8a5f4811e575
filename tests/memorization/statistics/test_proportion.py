"""The interval of Clopper and Pearson: against exact binomial tails, and against values that are printed everywhere."""

from __future__ import annotations

from fractions import Fraction
from math import comb
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seenat.memorization.statistics.proportion import clopper_pearson


def at_most(hits: int, draws: int, share: float | Fraction) -> Fraction:
    """The chance of at most so many hits, in whole numbers."""
    share = Fraction(share)
    return sum(comb(draws, k) * share**k * (1 - share) ** (draws - k) for k in range(hits + 1))


@given(st.data())
def test_both_ends_leave_the_same_tail(data: Any) -> None:
    draws = data.draw(st.integers(1, 60))
    hits = data.draw(st.integers(0, draws))
    low, high = clopper_pearson(hits, draws)
    assert low <= hits / draws <= high
    assert low == 0 if hits == 0 else float(1 - at_most(hits - 1, draws, low)) == pytest.approx(0.025, rel=1e-9)
    assert high == 1 if hits == draws else float(at_most(hits, draws, high)) == pytest.approx(0.025, rel=1e-9)


@pytest.mark.parametrize(
    ("hits", "draws", "low", "high"),
    [(0, 10, 0, 0.3085), (5, 10, 0.1871, 0.8129), (10, 10, 0.6915, 1), (1, 1, 0.025, 1)],
)
def test_known_values(hits: int, draws: int, low: float, high: float) -> None:
    assert clopper_pearson(hits, draws) == pytest.approx((low, high), abs=5e-5)


def test_large_samples_neither_overflow_nor_lose_precision() -> None:
    low, high = clopper_pearson(0, 146_432)
    assert (low, high) == (0, pytest.approx(1 - 0.025 ** (1 / 146_432), rel=1e-9))
    low, high = clopper_pearson(3000, 146_432)
    half = 1.96 * (3000 * (1 - 3000 / 146_432)) ** 0.5 / 146_432
    assert (low, high) == pytest.approx((3000 / 146_432 - half, 3000 / 146_432 + half), rel=1e-3)
