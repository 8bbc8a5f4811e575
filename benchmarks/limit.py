"""How near to the machine's limit a run is: the multiplications it issues, and the most that this core does."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from seenat.memorization.engine.kernels.linear import Linear

__all__ = ["counted_flop", "peak", "torch_peak"]

_SIDE = 2048


class _Products(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Adds up the floating-point operations of linear maps."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.flop: int = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = func(*args, **(kwargs or {}))
        if "linear" in func.name() or "addmm" in func.name():
            self.flop += 2 * made.numel() * args[0].shape[-1]
        return made


def counted_flop(run: Callable[[], object]) -> int:
    """Floating-point operations of the linear maps that a run on this thread issues."""
    with _Products() as products:
        run()
    return int(products.flop)


def peak() -> float:
    """Floating-point operations a second of CPU time of a square product with packed weights."""
    return _rate(Linear(torch.randn(_SIDE, _SIDE), torch.zeros(_SIDE)))


def torch_peak() -> float:
    """The same with torch's own product, which is what transformers multiplies by."""
    return _rate(torch.nn.Linear(_SIDE, _SIDE))


@torch.inference_mode()
def _rate(product: Callable[[torch.Tensor], torch.Tensor]) -> float:
    states, spent = torch.randn(_SIDE, _SIDE), []
    for _ in range(5):
        began = time.thread_time()
        product(states)
        spent.append(time.thread_time() - began)
    return float(2 * _SIDE**3 / statistics.median(spent[1:]))
