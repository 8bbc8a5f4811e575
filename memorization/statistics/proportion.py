"""The confidence interval of a share that was counted in a random sample: Clopper and Pearson's, from binomial tails.

Of a share p, the chance of at most k hits in n draws falls as p grows. The interval of k hits ends where that chance is
(1 - confidence) / 2 on either side: below its low end k hits or more, above its high end k or fewer, would be too rare. It
covers the true share at least as often as it says, whatever the share (Clopper and Pearson, Biometrika 26, 1934); a sample
drawn without replacement, as here, is covered more often still.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

__all__ = ["SHARE_CONFIDENCE", "clopper_pearson"]

SHARE_CONFIDENCE = 0.95

# Halvings of an interval from 0 to 1: after 53 two float64 near 1 are neighbours.
_HALVINGS = 60


def clopper_pearson(hits: int, draws: int, confidence: float = SHARE_CONFIDENCE) -> tuple[float, float]:
    """The interval of the share behind `hits` of `draws`, which is at least 1."""
    tail = (1 - confidence) / 2
    low = 0.0 if hits == 0 else _crossing(lambda share: 1 - _at_most(hits - 1, draws, share) > tail)
    high = 1.0 if hits == draws else _crossing(lambda share: _at_most(hits, draws, share) < tail)
    return low, high


def _crossing(is_above: Callable[[float], bool]) -> float:
    """Where a condition that holds for large shares begins to hold."""
    low, high = 0.0, 1.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (low, middle) if is_above(middle) else (middle, high)
    return (low + high) / 2


def _at_most(hits: int, draws: int, share: float) -> float:
    """The chance of at most `hits` hits, 0 <= hits < draws and 0 < share < 1: terms summed by their logarithms."""
    place = np.arange(1, hits + 1)
    steps = np.log((draws - place + 1) / place) + np.log(share) - np.log1p(-share)
    terms = draws * np.log1p(-share) + np.concatenate([[0.0], np.cumsum(steps)])
    return float(np.exp(terms).sum())
