"""Linear layers whose weights are packed once for oneDNN, where torch offers it: the same product in half the time.

torch multiplies float32 matrices on CPU by MKL, which is slow on processors that are not Intel's: 82 to 103 GFLOP/s on one
core of an AMD EPYC with AVX-512, against 159 to 232 through oneDNN with packed weights (widths 256 to 1,024, torch 2.13).
Both add up in float32, in another order of additions. In bfloat16 the same core does 447 plainly and 505 packed (width
2,048); float16 cannot be packed unless the processor has instructions for it.
"""

from __future__ import annotations

import copy
from functools import cache
from itertools import chain
from typing import Any

import torch

__all__ = ["can_pack", "pack_weight", "packed_copy"]

# The number of rows for which oneDNN chooses the packing; any number of rows works.
_ROWS_HINT = 4096


class _PackedLinear(torch.nn.Module):
    """`torch.nn.Linear` for inference on CPU."""

    def __init__(self, linear: torch.nn.Linear) -> None:
        super().__init__()
        self.out_features = linear.out_features
        self.bias = linear.bias
        self.packed = pack_weight(linear.weight.detach())

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        rows = states.reshape(-1, states.shape[-1])
        product: torch.Tensor = torch.ops.mkldnn._linear_pointwise(rows, self.packed, self.bias, "none", [], "")
        return product.reshape(*states.shape[:-1], self.out_features)


def packed_copy(model: Any) -> Any:
    """The model with packed linear layers, or the model itself off the CPU and where this build of torch cannot pack.

    The copy shares every other tensor with the model, which is not changed. Not every architecture's code takes it:
    `capabilities.probe_model` tries.
    """
    if model.device.type != "cpu" or not can_pack(model.dtype):
        return model
    shared = {id(tensor): tensor for tensor in chain(model.parameters(), model.buffers())}
    packed = copy.deepcopy(model, shared)
    for module in list(packed.modules()):
        for name, child in list(module.named_children()):
            if type(child) is torch.nn.Linear:
                setattr(module, name, _PackedLinear(child))
    return packed


def pack_weight(weight: torch.Tensor) -> torch.Tensor:
    """A copy of a weight [out, in] in the layout of oneDNN's operators; needs `can_pack` of its type."""
    packed: torch.Tensor = torch.ops.mkldnn._reorder_linear_weight(weight, _ROWS_HINT)
    return packed


@cache
def can_pack(dtype: torch.dtype) -> bool:
    """Whether this build of torch has the operators, on this processor, and that they compute correctly."""
    if not torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]
        return False
    try:
        with torch.inference_mode():
            return _computes_correctly(dtype)
    except (AttributeError, NotImplementedError, RuntimeError):
        return False  # The operators are torch's own and may be missing or change.


def _computes_correctly(dtype: torch.dtype) -> bool:
    linear, states = torch.nn.Linear(8, 8, dtype=dtype), torch.ones(2, 8, dtype=dtype)
    expected, packed = linear(states), pack_weight(linear.weight)
    pointwise = torch.ops.mkldnn._linear_pointwise
    products = {
        pointwise(states, packed, linear.bias, "none", [], ""): expected,
        pointwise(states, packed, linear.bias, "gelu", [], "none"): torch.nn.functional.gelu(expected),
        pointwise.binary(states, states, packed, linear.bias, "add"): expected + states,
    }
    near = 16 * torch.finfo(dtype).eps
    return all(torch.allclose(product, wanted, rtol=near, atol=near) for product, wanted in products.items())
