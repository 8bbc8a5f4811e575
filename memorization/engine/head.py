"""The output matrix: which id greedy decoding chooses, and whether that is the true one.

Most positions are mistakes, and one id with a larger logit than the true one proves a mistake. So `right` asks the ids
that are frequent in the data first, 2,048 of them, then 6,144 more, and only what is still undecided is multiplied with
the whole matrix. A proof has to exceed all rounding: the two logits differ by more than twice the largest error that sums
of that length can have. What is not proved is decided by comparing all logits of one product, the lowest id on a tie, so
the frequent ids make it faster and never another answer.

Logits are never held for more rows than 8 MiB take.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional

from seenat.memorization.engine.linear import Linear

__all__ = ["Head"]

_LOOKS = (2048, 8192)
"""How many of the most frequent ids the first looks take."""
_LOGIT_BYTES = 8 << 20
_LANES = 128
"""torch's argmax goes element by element; the largest of each 128 logits is found by vector instructions."""
_UNIT = 2.0**-24
"""Half the distance of 1 to the next float32."""


@dataclass(frozen=True, kw_only=True)
class _Look:
    start: int
    stop: int
    linear: Linear
    largest_norm: float


class Head:
    """The output matrix of a model whose states are normalized: weight [vocabulary, width], bias [vocabulary].

    `banned` is an id that is never chosen, or None.
    """

    def __init__(
        self, weight: torch.Tensor, bias: torch.Tensor, banned: int | None, *, packed: bool | None = None
    ) -> None:
        self.vocab_size, width = weight.shape
        self._weight, self._bias, self._banned, self._packed = weight, bias, banned, packed
        missing = -self.vocab_size % _LANES
        self._all = Linear(
            functional.pad(weight, (0, 0, 0, missing)),
            functional.pad(bias, (0, missing), value=-torch.inf),
            packed=packed,
        )
        self._rows = max(1, _LOGIT_BYTES // (4 * (self.vocab_size + missing)))
        self._norms = torch.hypot(torch.linalg.vector_norm(weight, dim=1), bias.abs())
        self._rounding = 2 * _UNIT * (width + 1) * (width + 1) ** 0.5
        """Twice the largest error of a sum of width + 1 products, for a matrix row of norm 1."""
        self._looks: list[_Look] = []
        self._ranks = torch.zeros(0, dtype=torch.int64)

    def ask_first(self, counts: npt.NDArray[np.int64]) -> None:
        """Take how often each id [vocabulary] occurs in the data; equally frequent ones are asked from the lowest."""
        order = torch.from_numpy(np.argsort(-counts, kind="stable"))
        if self._banned is not None:
            order = torch.cat([order[order != self._banned], torch.tensor([self._banned])])
        self._ranks = torch.empty_like(order)
        self._ranks[order] = torch.arange(len(order))
        stops = [stop for stop in _LOOKS if 2 * stop <= self.vocab_size]
        starts = [0, *stops]
        self._looks = [self._look(order, start, stop) for start, stop in zip(starts, stops, strict=False)]

    def right(self, states: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
        """Whether greedy decoding chooses the true ids [n] after normalized states [n, width]: bool [n]."""
        found = torch.zeros(len(truth), dtype=torch.bool)
        open_ = torch.arange(len(truth))
        if self._looks:
            logits = (states * self._weight[truth]).sum(dim=-1) + self._bias[truth]
        for look in self._looks:
            beaten = self._proved(look, states[open_], truth[open_], logits[open_])
            open_ = open_[~beaten]
            if not len(open_):
                return found
        found[open_] = self.choices(states[open_]) == truth[open_]
        return found

    def choices(self, states: torch.Tensor) -> torch.Tensor:
        """The id with the largest logit after each normalized state [n, width], the lowest of equals: int64 [n]."""
        return torch.cat([self._choices(some) for some in torch.split(states, self._rows)])

    def _choices(self, states: torch.Tensor) -> torch.Tensor:
        logits = self._all(states)
        if self._banned is not None:
            logits[:, self._banned] = -torch.inf
        groups = logits.view(len(states), -1, _LANES)
        group = groups.amax(dim=-1).argmax(dim=-1)
        within = groups[torch.arange(len(states)), group].argmax(dim=-1)
        return group * _LANES + within

    def _proved(self, look: _Look, states: torch.Tensor, truth: torch.Tensor, logits: torch.Tensor) -> torch.Tensor:
        """Whether an id of this look has certainly a larger logit than the true id."""
        others = look.linear(states)
        ranks = self._ranks[truth]
        own = torch.nonzero((ranks >= look.start) & (ranks < look.stop))[:, 0]
        others[own, ranks[own] - look.start] = -torch.inf
        doubt = self._rounding * (look.largest_norm + self._norms[truth])
        proved: torch.Tensor = others.amax(dim=-1) > logits + doubt
        return proved

    def _look(self, order: torch.Tensor, start: int, stop: int) -> _Look:
        ids = order[start:stop]
        return _Look(
            start=start,
            stop=stop,
            linear=Linear(self._weight[ids], self._bias[ids], packed=self._packed),
            largest_norm=float(self._norms[ids].max()),
        )
