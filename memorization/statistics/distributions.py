"""The distributions that the studies need: chi-square's upper tail, Poisson's quantiles, and Student's.

The regularised upper incomplete gamma function Q(a, x) is summed as a series where x < a + 1 and as a continued fraction
(Lentz's method) elsewhere; NIST Digital Library of Mathematical Functions, 8.7.1 and 8.9.2. Both need some multiples of the
square root of a terms: 1,500 for the 143,000 batches of a Pythia model.

Student's distribution with a whole number of degrees of freedom is a finite sum (Abramowitz and Stegun, *Handbook of
Mathematical Functions*, 26.7.3 and 26.7.4).
"""

from __future__ import annotations

import math
from functools import cache
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

__all__ = ["chi_square_tail", "poisson_quantiles", "student_quantile", "student_tail", "upper_gamma"]

# Where a series or fraction stops: its next term changes the result by less than float64's rounding.
_PRECISION = 1e-15

# Takes the place of a denominator of 0 in Lentz's method.
_TINY = 1e-300

# From this many degrees of freedom on, Student's quantiles are taken to be the normal ones, smaller by 0.6 % at 1e-6.
_MANY_DEGREES = 1000


def chi_square_tail(statistic: float, freedom: int) -> float:
    """The probability that a chi-square variable of `freedom` degrees, at least 1, is `statistic` or more."""
    return upper_gamma(freedom / 2, statistic / 2)


def upper_gamma(a: float, x: float) -> float:
    """The regularised upper incomplete gamma function Q(a, x) of a > 0 and x >= 0, within 1e-10."""
    if x <= 0:
        return 1.0
    scale = math.exp(a * math.log(x) - x - math.lgamma(a))
    value = 1 - scale * _series(a, x) if x < a + 1 else scale * _fraction(a, x)
    return min(1.0, max(0.0, value))


def poisson_quantiles(mean: float, probabilities: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    """The smallest counts whose cumulative probability reaches each of `probabilities`, all below 1, of mean >= 0."""
    if mean == 0:
        return np.zeros(len(probabilities), np.int64)
    # Twelve standard deviations and 40 counts leave less than 1e-30 above.
    counts = np.arange(int(mean + 12 * math.sqrt(mean)) + 41)
    logarithms = counts * math.log(mean) - mean - np.concatenate([[0.0], np.cumsum(np.log(counts[1:]))])
    return np.searchsorted(np.cumsum(np.exp(logarithms)), probabilities).astype(np.int64)


def student_tail(t: float, freedom: int) -> float:
    """The probability that a Student variable of `freedom` degrees, at least 1, is `t` >= 0 or more, within 1e-13."""
    angle = math.atan2(t, math.sqrt(freedom))
    sine, cosine = math.sin(angle), math.cos(angle)
    if freedom % 2:
        # The sum begins with the cosine, and one degree has none of it.
        factors = np.arange(2, freedom - 1, 2)
        terms = cosine * np.cumprod([1.0, *(factors / (factors + 1) * cosine**2)]) if freedom > 1 else np.zeros(1)
        within = (angle + sine * float(terms.sum())) * 2 / math.pi
    else:
        factors = np.arange(1, freedom - 2, 2)
        within = sine * float(np.cumprod([1.0, *(factors / (factors + 1) * cosine**2)]).sum())
    return (1 - within) / 2


@cache
def student_quantile(tail: float, freedom: int) -> float:
    """The value that a Student variable of `freedom` degrees, at least 1, reaches with probability `tail`, 1e-9 to 0.5."""
    if freedom >= _MANY_DEGREES:
        return -NormalDist().inv_cdf(tail)
    low, high = 0.0, 1.0
    while student_tail(high, freedom) > tail:
        low, high = high, 2 * high
    while high - low > 1e-9 * high:
        middle = (low + high) / 2
        low, high = (middle, high) if student_tail(middle, freedom) > tail else (low, middle)
    return high


def _series(a: float, x: float) -> float:
    """The lower function, but for its scale: the sum of x^n / (a (a + 1) ... (a + n))."""
    term = total = 1 / a
    n = a
    while abs(term) > abs(total) * _PRECISION:
        n += 1
        term *= x / n
        total += term
    return total


def _fraction(a: float, x: float) -> float:
    """The upper function, but for its scale: 1 / (x + 1 - a - (1 - a) / (x + 3 - a - ...))."""
    b = x + 1 - a
    c, d = 1 / _TINY, 1 / b
    value, n, factor = d, 0, 0.0
    while abs(factor - 1) > _PRECISION:
        n += 1
        numerator = -n * (n - a)
        b += 2
        d = 1 / (numerator * d + b or _TINY)
        c = b + numerator / c or _TINY
        factor = c * d
        value *= factor
    return value
