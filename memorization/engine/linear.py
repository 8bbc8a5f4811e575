"""Linear maps on CPU in float32: packed for oneDNN where torch offers it, with what follows them in the same call.

The operators are torch's own and undocumented; `can_pack` tries them, and without them the plain ones serve.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch.nn import functional

from seenat.memorization.packing import can_pack, pack_weight

__all__ = ["Linear"]


class Linear:
    """`states @ weight.T + bias` for states [n, in]; weight [out, in], bias [out] or None, both float32.

    `packed` None packs where that can be done.
    """

    def __init__(self, weight: torch.Tensor, bias: torch.Tensor | None, *, packed: bool | None = None) -> None:
        self._bias = bias
        self._packed = can_pack() if packed is None else packed
        self._weight = pack_weight(weight) if self._packed else weight

    def __call__(self, states: torch.Tensor) -> torch.Tensor:
        """The product, [n, out]."""
        return self._pointwise("none")(states) if self._packed else self._plain(states)

    def gelu(self, states: torch.Tensor) -> torch.Tensor:
        """The product after GELU, by the error function."""
        return self._pointwise("gelu")(states) if self._packed else functional.gelu(self._plain(states))

    def plus(self, states: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
        """The product added to `other`, [n, out]."""
        if not self._packed:
            return self._plain(states) + other
        product: torch.Tensor = torch.ops.mkldnn._linear_pointwise.binary(
            states, other, self._weight, self._bias, "add"
        )
        return product

    def _plain(self, states: torch.Tensor) -> torch.Tensor:
        return functional.linear(states, self._weight, self._bias)

    def _pointwise(self, then: str) -> Callable[[torch.Tensor], torch.Tensor]:
        def product(states: torch.Tensor) -> torch.Tensor:
            made: torch.Tensor = torch.ops.mkldnn._linear_pointwise(
                states, self._weight, self._bias, then, [], "none" if then == "gelu" else ""
            )
            return made

        return product
