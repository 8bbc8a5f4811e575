"""In which stages a continuation is decided: how many ids each pass takes before those with a mistake are dropped.

A pass over few ids decides little and costs as much to set up as one over many; a pass over many computes positions that
nobody needs, after a mistake. With S(k), the part of sequences that are not done k ids after the prompt, stages c1, c2, ...
that reach C1 = c1, C2 = c1 + c2, ... cost, in ids passed for each sequence,

    (prompt - 1) + FIRST * c1 + the sum over i of S(Ci) * (c(i+1) + KEPT)

FIRST: of the prompt's ids the last layer computes keys and values only, and of ids in rows of 33 attention makes less than
of 32. At Pythia-70m's shape an id more in the first pass took as long as 1.5 ids of the prompt, at Pythia-14m's 2 (8 more ids).
KEPT: what a pass over a kept sequence costs whatever the number of ids, for its keys and values are copied and read again. A
pass over k ids of 128 kept sequences took for each as long as 1.1 k + 1.2 ids of the prompt (70m; k from 1 to 16) or 1.1 k + 4
(14m), and the copy 0.4. 1.5 and 2.0 give stages that are within 0.3 % of the best at both, where sequences fall off as those
did. Steep curves want [1, 3, 4, 8, 16], a model that knows everything wants [1, 31].
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["Stages", "best_stages", "usual_stages"]

_FIRST = 1.5
_KEPT = 2.0
_PRIOR = 4.0
"""Sequences' worth of doubt in an observed curve: a part of the sequences seen stays possible at every position."""


_ENOUGH = 256
"""Sequences whose prefixes say how those of the others fall off."""


class Stages:
    """The stages of an engine's next call, chosen by the prefixes that it has found.

    Engines of one run share them: a checkpoint's sequences fall off much as those of the checkpoint before did, so each begins
    with what was best there.
    """

    def __init__(self) -> None:
        self.best: tuple[int, ...] = ()
        self._reached = np.zeros(0, np.int64)
        self._due = 0

    def begin(self, continuation: int) -> None:
        """Choose for another model's continuations of this length."""
        if sum(self.best) != continuation:
            self.best = usual_stages(continuation)
        self._reached = np.zeros(continuation + 1, np.int64)
        self._due = _ENOUGH

    def learn(self, prefixes: npt.NDArray[np.int64]) -> None:
        """Take prefixes [n], and choose again whenever twice as many are known: every choice has code compiled for it."""
        self._reached += np.bincount(prefixes, minlength=len(self._reached))
        if (known := int(self._reached.sum())) >= self._due:
            self._due = 2 * known
            self.best = best_stages(self._reached)


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
        spent = survival[start] * (lengths + _KEPT) if start else _FIRST * lengths
        costs = spent + cost[start + 1 :]
        step[start] = lengths[costs.argmin()]
        cost[start] = costs.min()
    return _followed(step)


def _followed(step: npt.NDArray[np.int64]) -> tuple[int, ...]:
    """The stages that start at 0 and go on where each ends."""
    stages: list[int] = []
    while (reached := sum(stages)) < len(step) - 1:
        stages.append(int(step[reached]))
    return tuple(stages)
