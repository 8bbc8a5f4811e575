"""float32's prefixes, most of them got by bfloat16, which multiplies twice as fast or more.

bfloat16 decides a position only where the true id's logit and the largest other one are further apart than a bound; a
sequence with a position that is not decided is measured again in float32, from its beginning.

The bound is measured, not proven. For 128 of a checkpoint's first sequences both types compute the distance of the two logits
at every position of the continuation; the bound is three times the largest difference between the types, and never below
`_LEAST`. To give a wrong number, bfloat16 would have to be wrong by more than that. (Over all 114,688 positions of the pocket
suite's order, at six checkpoints, the largest difference was 1.1 to 1.8 times that of the first sequences.) What rounding a
larger logit alone can add is added on top: bfloat16 keeps 8 bits of it. Before there are enough sequences to measure the bound,
float32 does it all.

The true id's own logit is added up in float32. A product in bfloat16 returns it rounded, up to 0.06 above or below, and
compared with itself it would be another id's.
"""

from __future__ import annotations

import typing

import numpy as np
import numpy.typing as npt
import torch

from seenat.memorization.engine.kernels.output_head import Matrix, beaten

__all__ = ["BoundedCheck", "RecheckedEngine"]

_SAMPLE = 128
"""Sequences on which the bound is measured: 4,096 positions by the default protocol."""
_WORTH = 2 * _SAMPLE
"""Sequences for which it is worth measuring."""
_SAFETY = 3.0
_LEAST = 0.02
"""Of the bound; of trained models it was 0.07 to 0.2."""
_HALF_STEP = 2.0**-8
"""At most by so much of itself a number changes when it is rounded to bfloat16."""

_Tokens = npt.NDArray[np.int64]
_Values = npt.NDArray[np.uint8]


class BoundedCheck:
    """A head that decides only what lies beyond a bound."""

    def __init__(self, head: Matrix, bound: float) -> None:
        self._head = head
        self._bound = bound

    def quick_reject(self, states: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
        """Which of the true ids [n] are certainly not chosen, because a frequent id beats them: bool [n]."""
        return beaten(self._head, states, truth, self._doubt)

    def decide(self, states: torch.Tensor, truth: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Which of the true ids [n] greedy decoding certainly chooses, and of which nothing is certain: bool [n] each."""
        own, other = self._head.own(states, truth), self._head.largest_other(states, truth)
        doubt = self._doubt(truth, other, 0.0)
        right, wrong = own > other + doubt, other > own + doubt
        return right, ~(right | wrong)

    def _doubt(self, _: torch.Tensor, other: torch.Tensor, __: float) -> torch.Tensor:
        return self._bound + _HALF_STEP * other.abs()


class PrefixEngine(typing.Protocol):
    """An engine in one type."""

    def prefixes(self, tokens: _Tokens) -> _Values:
        """Prefixes, uint8 [protocols, n], of int64 ids [n, the longest prompt + continuation]."""

    def margins(self, tokens: _Tokens) -> npt.NDArray[np.float32]:
        """By how much the true id's logit exceeds the largest other one, after the true ids: [n, ids]."""


class ScreeningEngine(PrefixEngine, typing.Protocol):
    """An engine in a type that is fast."""

    @property
    def rows(self) -> int:
        """Rows of a pass."""

    def screened(self, tokens: _Tokens, bound: float) -> tuple[_Values, npt.NDArray[np.bool_]]:
        """Prefixes, and of which sequences, bool [n], they may be too short because a position was not decided."""


class RecheckedEngine:
    """Prefixes of `exact`, with what `screen` can decide left to it; `bound` is None until it is measured."""

    def __init__(self, screen: ScreeningEngine, exact: PrefixEngine) -> None:
        self._screen, self._exact = screen, exact
        self.bound: float | None = None

    @property
    def rows(self) -> int:
        """Rows of a pass."""
        return self._screen.rows

    def prefixes(self, tokens: _Tokens) -> _Values:
        """Prefixes, uint8 [protocols, n], of int64 ids [n, the longest prompt + continuation]."""
        if self.bound is None:
            if len(tokens) < _WORTH:
                return self._exact.prefixes(tokens)
            self.bound = self._measured_bound(tokens[:: len(tokens) // _SAMPLE])
        values, unsure = self._screen.screened(tokens, self.bound)
        if unsure.any():
            values[:, unsure] = self._exact.prefixes(tokens[unsure])
        return values

    def _measured_bound(self, sample: _Tokens) -> float:
        found, expected = self._screen.margins(sample), self._exact.margins(sample)
        errors = np.zeros_like(found)
        np.subtract(found, expected, out=errors, where=found != expected)  # A banned id's margin is minus infinity.
        largest = float(np.abs(errors).max())
        return max(_LEAST, _SAFETY * largest) if np.isfinite(largest) else float("inf")
