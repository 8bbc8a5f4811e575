"""float32's prefixes, most of them got by bfloat16, which multiplies twice as fast or more.

bfloat16 decides a position only where the true id's logit and the largest other one are further apart than a bound; a
sequence with a position that is not decided is measured again in float32, from its beginning.

The bound is measured, not proven. For 128 of a checkpoint's first sequences both types compute the distance of the two logits
at every position of the continuation; the bound is three times the largest difference between the types, and never below
`_LEAST_BOUND`. To give a wrong number, bfloat16 would have to be wrong by more than that. (Over all 114,688 positions of the pocket
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

# Sequences on which the bound is measured: 4,096 positions by the default protocol.
_SAMPLE = 128

# From this many sequences on it is worth measuring; fewer are done in float32 alone.
_WORTH = 2 * _SAMPLE

# The bound is three times the largest difference seen; over a whole order the largest was up to 1.8 times that.
_SAFETY = 3.0

# The smallest bound. For trained models three times the difference was 0.07 to 0.2.
_LEAST_BOUND = 0.02

# Rounding to bfloat16, which keeps 8 bits, changes a number by at most this part of itself.
_HALF_STEP = 2.0**-8

_Tokens = npt.NDArray[np.int64]
_Values = npt.NDArray[np.uint8]


class BoundedCheck:
    """Decides a position only where two logits are further apart than a bound."""

    def __init__(self, head: Matrix, bound: float) -> None:
        self._head = head
        self._bound = bound

    def quick_reject(self, states: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
        """Which of the true ids [n] are certainly not chosen, because a frequent id beats them: bool [n]."""
        return beaten(self._head, states, truth, self._doubt)

    def decide(self, states: torch.Tensor, truth: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Which true ids [n] greedy decoding certainly chooses, and which are uncertain: bool [n] each."""
        own, other = self._head.own(states, truth), self._head.largest_other(states, truth)
        doubt = self._doubt(truth, other, 0.0)
        right, wrong = own > other + doubt, other > own + doubt
        return right, ~(right | wrong)

    def _doubt(self, _: torch.Tensor, other: torch.Tensor, __: float) -> torch.Tensor:
        return self._bound + _HALF_STEP * other.abs()


class PrefixEngine(typing.Protocol):
    """An engine of prefixes in one type."""

    def prefixes(self, tokens: _Tokens) -> _Values:
        """Prefixes, uint8 [protocols, n], of int64 ids [n, the longest prompt + continuation]."""

    def margins(self, tokens: _Tokens) -> npt.NDArray[np.float32]:
        """By how much the true id's logit exceeds the largest other one, after the true ids: [n, ids]."""


class ScreeningEngine(PrefixEngine, typing.Protocol):
    """An engine in a fast type, which can leave sequences undecided."""

    @property
    def rows(self) -> int:
        """Rows of a pass."""

    def screened(self, tokens: _Tokens, bound: float) -> tuple[_Values, npt.NDArray[np.bool_]]:
        """Prefixes, and which sequences, bool [n], are unsure: an undecided position may have ended their prefix early."""


class RecheckedEngine:
    """Prefixes of `exact`, most of them computed by `screen`; `bound` is None until it is measured."""

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
        fast, expected = self._screen.margins(sample), self._exact.margins(sample)
        errors = np.zeros_like(fast)
        # A banned id's margin is minus infinity in both; their difference would be NaN.
        np.subtract(fast, expected, out=errors, where=fast != expected)
        largest = float(np.abs(errors).max())
        return max(_LEAST_BOUND, _SAFETY * largest) if np.isfinite(largest) else float("inf")
