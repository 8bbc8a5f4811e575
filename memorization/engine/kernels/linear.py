"""Linear maps: on CPU packed for oneDNN where torch offers it, with what follows them in the same call.

The operators are torch's own and undocumented; `can_pack` tries them, and without them the plain ones are used.
"""

from __future__ import annotations

import torch
from torch.nn import functional

from seenat.memorization.engine.kernels.packed_linear import can_pack, pack_weight

__all__ = ["Linear"]


class Linear:
    """`states @ weight.T + bias` for states [n, in]; weight [out, in], bias [out] or None, all of one type on one device.

    `packed` None packs where that can be done.
    """

    def __init__(self, weight: torch.Tensor, bias: torch.Tensor | None, *, packed: bool | None = None) -> None:
        self._bias = bias
        self._packed = weight.device.type == "cpu" and can_pack(weight.dtype) if packed is None else packed
        self._weight = pack_weight(weight) if self._packed else weight

    def __call__(self, states: torch.Tensor) -> torch.Tensor:
        """The product, [n, out]."""
        return self._packed_product(states, "none") if self._packed else self._plain(states)

    def gelu(self, states: torch.Tensor) -> torch.Tensor:
        """GELU of the product, by the error function."""
        return self._packed_product(states, "gelu") if self._packed else functional.gelu(self._plain(states))

    def plus(self, states: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
        """The product added to `other`, [n, out]."""
        if not self._packed:
            return self._plain(states) + other
        product: torch.Tensor = torch.ops.mkldnn._linear_pointwise.binary(
            _filled_up(states), _filled_up(other), self._weight, self._bias, "add"
        )
        return product[: len(states)]

    def _plain(self, states: torch.Tensor) -> torch.Tensor:
        return functional.linear(states, self._weight, self._bias)

    def _packed_product(self, states: torch.Tensor, then: str) -> torch.Tensor:
        # For oneDNN "none" is the GELU by the error function, "tanh" its approximation.
        algorithm = "none" if then == "gelu" else ""
        product: torch.Tensor = torch.ops.mkldnn._linear_pointwise(
            _filled_up(states), self._weight, self._bias, then, [], algorithm
        )
        return product[: len(states)]


def _filled_up(states: torch.Tensor) -> torch.Tensor:
    """The rows, and zeros up to a multiple of a step that grows with their number, from 8 to 64.

    oneDNN compiles and keeps code for every number of rows, and how many sequences are still right is any number: the
    memory of a long run grew by 14 MB.
    """
    step = min(64, max(8, 1 << max(0, len(states).bit_length() - 3)))
    missing = -len(states) % step
    return functional.pad(states, (0, 0, 0, missing)) if missing else states
