"""Stages: how many ids of the continuation each pass takes before sequences with a mistake are dropped.

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

# Weight, in sequences, of a prior curve that never falls to 0: some sequences may reach any position, even where none of
# those seen did.
_PRIOR = 4.0

# Sequences whose prefixes are enough to choose stages by.
_ENOUGH = 256


class Stages:
    """The stages of an engine's next call, chosen by the prefixes that it has measured.

    Engines of one run share them: prefixes at one checkpoint are much like those at the checkpoint before, so each engine
    begins with the stages that were best there.
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
        """Add prefixes [n]; choose again each time their number has doubled, since oneDNN compiles code for every new shape."""
        self._reached += np.bincount(prefixes, minlength=len(self._reached))
        if (count := int(self._reached.sum())) >= self._due:
            self._due = 2 * count
            self.best = best_stages(self._reached)


def usual_stages(continuation: int) -> tuple[int, ...]:
    """Stages before any prefix is known: 2, 2, 4, 8, 16, ... ids, `continuation` in all."""
    stages: list[int] = []
    while (left := continuation - sum(stages)) > 0:
        stages.append(min(left, max(2, sum(stages))))
    return tuple(stages)


def best_stages(prefixes: npt.NDArray[np.int64]) -> tuple[int, ...]:
    """The cheapest stages where `prefixes[k]` sequences have a prefix of k, for k from 0 to `continuation`."""
    continuation = len(prefixes) - 1
    reached = np.cumsum(prefixes[::-1])[::-1]
    survival = (reached + _PRIOR / (1 + np.arange(continuation + 1))) / (reached[0] + _PRIOR)
    cost = np.zeros(continuation + 1)
    step = np.zeros(continuation + 1, dtype=np.int64)
    # Dynamic programming from the end: cost[s] is that of the best stages from position s on, by the module's formula.
    for start in range(continuation - 1, -1, -1):
        lengths = np.arange(1, continuation - start + 1)
        spent = survival[start] * (lengths + _KEPT) if start else _FIRST * lengths
        costs = spent + cost[start + 1 :]
        step[start] = lengths[costs.argmin()]
        cost[start] = costs.min()
    return _followed(step)


def _followed(step: npt.NDArray[np.int64]) -> tuple[int, ...]:
    """The lengths of the stages from 0 on, each beginning where the one before ends."""
    stages: list[int] = []
    while (reached := sum(stages)) < len(step) - 1:
        stages.append(int(step[reached]))
    return tuple(stages)
