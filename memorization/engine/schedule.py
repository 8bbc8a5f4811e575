"""In which stages a continuation is decided: how many ids each pass takes before those with a mistake are dropped.

A pass over few ids decides little and costs as much to set up as one over many; a pass over many computes positions that
nobody needs, after a mistake. With S(k), the part of sequences that reproduce the first k ids, stages c1, c2, ... that
reach C1 = c1, C2 = c1 + c2, ... cost, in ids passed for each sequence,

    (prompt - 1) + c1 + the sum over i of S(Ci) * (c(i+1) + KEPT) + STAGE

where KEPT stands for copying a survivor's keys and values and STAGE for a pass's fixed part; both
are guesses. Steep curves want [1, 1, 2, 4, 8, 16], a model that knows everything wants [32].
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["best_stages", "usual_stages"]

_KEPT = 1.0
_STAGE = 0.2
_PRIOR = 4.0
"""Sequences' worth of doubt in an observed curve: a part of the sequences seen stays possible at every position."""


def usual_stages(continuation: int) -> tuple[int, ...]:
    """Stages for a model of which nothing is known: 2, 2, 4, 8, 16, ... ids, `continuation` in all."""
    stages: list[int] = []
    while (left := continuation - sum(stages)) > 0:
        stages.append(min(left, max(2, sum(stages))))
    return tuple(stages)


def best_stages(prefixes: npt.NDArray[np.int64]) -> tuple[int, ...]:
    """The cheapest stages for sequences of which `prefixes[k]`, k from 0 to `continuation`, had a prefix of k."""
    continuation = len(prefixes) - 1
    reached = np.cumsum(prefixes[::-1])[::-1]
    survival = (reached + _PRIOR / (1 + np.arange(continuation + 1))) / (reached[0] + _PRIOR)
    cost = np.zeros(continuation + 1)
    step = np.zeros(continuation + 1, dtype=np.int64)
    for start in range(continuation - 1, -1, -1):
        lengths = np.arange(1, continuation - start + 1)
        set_up = _STAGE + survival[start] * _KEPT if start else 0.0
        costs = set_up + survival[start] * lengths + cost[start + 1 :]
        step[start] = lengths[costs.argmin()]
        cost[start] = costs.min()
    return _followed(step)


def _followed(step: npt.NDArray[np.int64]) -> tuple[int, ...]:
    """The stages that start at 0 and go on where each ends."""
    stages: list[int] = []
    while (reached := sum(stages)) < len(step) - 1:
        stages.append(int(step[reached]))
    return tuple(stages)
