"""A device that is not there: tensors that say they lie on another device, whose numbers a CPU computes.

What torch refuses on a real device is refused here: an operator whose tensors lie on two devices, and numpy's reading of a tensor
that is not in the host's memory. So the engine's work off the CPU runs whole, numbers and all, where there is no GPU; and it
is counted how often the host waits for what the device computes. The device is called `meta`, the only name that every build
of torch lets lie.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Self

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten, tree_map

__all__ = ["Elsewhere", "elsewhere"]

DEVICE = torch.device("meta")
_ATEN = torch.ops.aten
_WAITING = (_ATEN.nonzero.default, _ATEN._local_scalar_dense.default, _ATEN._unique2.default)
_CHOOSING = (_ATEN.index.Tensor, _ATEN.index_put_.default)
"""Operators for whose result, or its size, the host waits; the latter where it is chosen by a mask."""


class _Away(torch.Tensor):
    """A tensor that says it lies elsewhere; `held` is what it holds, on the CPU."""

    held: torch.Tensor

    @staticmethod
    def __new__(cls, held: torch.Tensor) -> Self:
        made: Self = torch.Tensor._make_wrapper_subclass(
            cls,
            held.shape,
            strides=held.stride(),
            storage_offset=held.storage_offset(),
            dtype=held.dtype,
            device=DEVICE,
        )
        made.held = held
        return made

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        raise AssertionError("a tensor outlived its device")


class Elsewhere(TorchDispatchMode):
    """The device; `waits` counts how often the host waited for it."""

    device = DEVICE

    def __init__(self) -> None:
        super().__init__()
        self.waits = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func is _ATEN._fused_sdp_choice.default:
            return 0  # The plain attention: what is computed here need not be fast.
        flat, _ = tree_flatten((args, kwargs))
        away = [one for one in flat if isinstance(one, _Away)]
        there = _goes_there(func, args, flat, away)
        self.waits += bool(away) and (not there or func in _WAITING or (func in _CHOOSING and _has_mask(args[1])))
        made = func(*tree_map(_plain, args), **tree_map(_plain, kwargs))
        changed = {id(one.held): one for one in away}
        if not there:
            return made
        return tree_map(lambda one: changed.get(id(one), _Away(one)) if isinstance(one, torch.Tensor) else one, made)


@contextmanager
def elsewhere() -> Iterator[Elsewhere]:
    """The device, for as long as it is there."""
    with Elsewhere() as device:
        yield device


def _goes_there(func: Any, args: Any, flat: list[Any], away: list[_Away]) -> bool:
    """Whether an operator's result lies there; raises where its tensors lie on two devices."""
    if func is _ATEN.copy_.default:
        return isinstance(args[0], _Away)
    for one in flat:
        if isinstance(one, torch.device):
            return one == DEVICE
    if away and any(isinstance(one, torch.Tensor) and one.ndim and not isinstance(one, _Away) for one in flat):
        raise RuntimeError(f"{func} was given tensors on two devices")
    return bool(away)


def _has_mask(chosen: Any) -> bool:
    return any(one is not None and one.dtype == torch.bool for one in chosen)


def _plain(one: Any) -> Any:
    if isinstance(one, torch.device):
        return torch.device("cpu")
    return one.held if isinstance(one, _Away) else one
