"""The distributions against closed forms and printed tables."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seenat.memorization.statistics.distributions import (
    chi_square_tail,
    poisson_quantiles,
    student_quantile,
    student_tail,
    upper_gamma,
)


@given(st.floats(0, 600))
def test_one_and_a_half_are_closed_forms(x: float) -> None:
    assert upper_gamma(1, x) == pytest.approx(math.exp(-x), rel=1e-11, abs=1e-15)
    assert upper_gamma(0.5, x) == pytest.approx(math.erfc(math.sqrt(x)), rel=1e-11, abs=1e-15)


@given(st.integers(1, 200), st.floats(0.01, 400))
def test_whole_numbers_sum_a_poisson_distribution(a: float, x: float) -> None:
    terms = (math.exp(k * math.log(x) - x - math.lgamma(k + 1)) for k in range(a))
    assert upper_gamma(a, x) == pytest.approx(math.fsum(terms), rel=1e-9, abs=1e-12)


@given(st.floats(0.1, 300), st.floats(0, 600))
def test_the_recurrence_holds(a: float, x: float) -> None:
    step = math.exp(a * math.log(x) - x - math.lgamma(a + 1)) if x else 0.0
    assert upper_gamma(a + 1, x) == pytest.approx(upper_gamma(a, x) + step, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize(
    ("tail", "freedom", "critical"),
    [
        (0.05, 1, 3.841),
        (0.05, 10, 18.307),
        (0.01, 10, 23.209),
        (0.95, 10, 3.940),
        (0.05, 100, 124.342),
        (0.001, 30, 59.703),
    ],
)
def test_critical_values_of_printed_tables(tail: float, freedom: int, critical: float) -> None:
    """NIST/SEMATECH e-Handbook of Statistical Methods, 1.3.6.7.4."""
    assert chi_square_tail(critical, freedom) == pytest.approx(tail, abs=2e-5)


def test_as_many_batches_as_pythia_has() -> None:
    """By Wilson and Hilferty (1931), whose cube root is good to 1e-5 there."""
    freedom = 142_999
    for deviations in (-3, -1, 0, 1, 3):
        statistic = freedom + deviations * math.sqrt(2 * freedom)
        z = ((statistic / freedom) ** (1 / 3) - 1 + 2 / (9 * freedom)) / math.sqrt(2 / (9 * freedom))
        assert chi_square_tail(statistic, freedom) == pytest.approx(math.erfc(z / math.sqrt(2)) / 2, abs=1e-5)


@given(st.floats(1e-6, 1e5), st.lists(st.floats(0.0001, 0.9999), min_size=1, max_size=20))
def test_quantiles_are_the_first_counts_to_reach_a_probability(mean: float, probabilities: list[float]) -> None:
    found = poisson_quantiles(mean, np.array(probabilities)).tolist()
    for count, probability in zip(found, probabilities, strict=True):
        # P(at most n) of a Poisson variable is Q(n + 1, mean).
        assert upper_gamma(count + 1, mean) >= probability - 1e-9
        assert count == 0 or upper_gamma(count, mean) < probability + 1e-9


def test_nothing_happens_at_a_rate_of_nothing() -> None:
    assert poisson_quantiles(0, np.array([0.1, 0.9])).tolist() == [0, 0]


@pytest.mark.parametrize(
    ("tail", "freedom", "critical"),
    [
        (0.025, 1, 12.706),
        (0.025, 2, 4.303),
        (0.025, 3, 3.182),
        (0.005, 4, 4.604),
        (0.005, 7, 3.499),
        (0.001, 29, 3.396),
        (0.001, 30, 3.385),
        (0.05, 100, 1.660),
    ],
)
def test_students_critical_values_of_printed_tables(tail: float, freedom: int, critical: float) -> None:
    """NIST/SEMATECH e-Handbook of Statistical Methods, 1.3.6.7.2."""
    assert student_quantile(tail, freedom) == pytest.approx(critical, abs=6e-4)


@given(st.floats(0, 30), st.integers(1, 60))
def test_students_tail_is_the_integral_of_its_density(t: float, freedom: int) -> None:
    """By Simpson's rule over the angle, where the density is a power of a cosine."""
    angle = math.atan2(t, math.sqrt(freedom))
    angles = np.linspace(angle, math.pi / 2, 2001)
    heights = np.cos(angles) ** (freedom - 1)
    weights = np.array([1, *([4, 2] * 999), 4, 1])
    scale = math.exp(math.lgamma((freedom + 1) / 2) - math.lgamma(freedom / 2)) / math.sqrt(math.pi)
    integral = float(weights @ heights) * (angles[1] - angles[0]) / 3 * scale
    assert student_tail(t, freedom) == pytest.approx(integral, abs=1e-9)


@given(st.floats(1e-8, 0.4), st.integers(1, 1100))
def test_quantiles_leave_their_tails(tail: float, freedom: int) -> None:
    value = student_quantile(tail, freedom)
    if freedom < 1000:
        assert student_tail(value, freedom) == pytest.approx(tail, rel=1e-4)
    else:
        assert math.erfc(value / math.sqrt(2)) / 2 == pytest.approx(tail, rel=1e-6)
