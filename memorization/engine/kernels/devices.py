"""What devices differ in: where sequences come from, how much fits, and how exactly float32 is multiplied.

* Sequences lie in the host's memory. `BlockTransfer` brings them to another device block by block, on a stream of its own, so
  that a block is copied while those before it are computed.
* `RowsPerPass` is how many sequences a pass takes. When a device's memory runs out the number is halved and the work starts
  again, down to 1 sequence. Any number is right: no number of rows changes a result.
* `exact_products` keeps processors from rounding float32 to fewer bits before they multiply (TF32, and bfloat16 on CPU), whatever
  the process has asked torch for.
"""

from __future__ import annotations

import platform
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import torch

from seenat.registry.errors import OutOfMemory

__all__ = ["BlockTransfer", "RowsPerPass", "device_name", "exact_products", "free_bytes", "report_out_of_memory"]

_Made = TypeVar("_Made")

# What torch's RuntimeError says where torch has no class for it: on mps and on CPU.
_OUT_OF_MEMORY = ("out of memory", "can't allocate memory")

# Free bytes assumed where a device cannot be asked.
_ASSUMED_FREE = 4 << 30


class BlockTransfer:
    """Sequences, int64 [n, ids] in the host's memory, as they come to a device in blocks of `rows`.

    `tokens` are they on the device; iterating gives the slice of each block once it has arrived.
    """

    def __init__(self, host: torch.Tensor, device: torch.device, rows: int) -> None:
        self._blocks = [slice(start, min(start + rows, len(host))) for start in range(0, len(host), rows)]
        self._ready: list[torch.cuda.Event] = []
        if device.type == "cuda":
            self.tokens = torch.empty_like(host, device=device)
            self._send(host.pin_memory(), torch.cuda.Stream(device))  # type: ignore[no-untyped-call]
        else:
            self.tokens = host.to(device)

    def __iter__(self) -> Iterator[slice]:
        for number, block in enumerate(self._blocks):
            if self._ready:
                torch.cuda.current_stream(self.tokens.device).wait_event(self._ready[number])
            yield block

    def _send(self, host: torch.Tensor, stream: torch.cuda.Stream) -> None:
        """Start every copy at once; a pass waits only for that of its own block."""
        # torch may have given `tokens` memory that work on the current stream still uses.
        stream.wait_stream(torch.cuda.current_stream(self.tokens.device))
        self.tokens.record_stream(stream)
        with torch.cuda.stream(stream):
            for block in self._blocks:
                self.tokens[block].copy_(host[block], non_blocking=True)
                self._ready.append(stream.record_event())


class RowsPerPass:
    """How many rows a pass takes: `count`, until memory runs out."""

    def __init__(self, count: int, device: torch.device) -> None:
        self.count = count
        self._device = device

    def fit(self, work: Callable[[int], _Made]) -> _Made:
        """What `work` makes with as many rows a pass as fit; raises `OutOfMemory` when not even one does."""
        while True:
            rows = self.count
            try:
                return work(rows)
            except RuntimeError as error:
                if not _is_out_of_memory(error):
                    raise
                if rows == 1:
                    raise OutOfMemory(
                        f"The memory of {self._device} does not hold what the model makes of one sequence; choose another "
                        "--device, a --dtype of 16 bits or fewer ids."
                    ) from error
            # Outside the `except` block the error is gone, and with it the frames that kept the tensors of the pass.
            # Another thread may have lowered the count already.
            self.count = min(self.count, rows // 2)
            _empty(self._device)


class _Exactness:
    """The setting belongs to the process: the first thread that needs it sets it, the last one restores what was set before."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._before = ""

    def enter(self) -> None:
        with self._lock:
            if not self._inside:
                self._before = torch.get_float32_matmul_precision()
                torch.set_float32_matmul_precision("highest")
            self._inside += 1

    def leave(self) -> None:
        with self._lock:
            self._inside -= 1
            if not self._inside:
                torch.set_float32_matmul_precision(self._before)


_EXACTNESS = _Exactness()


@contextmanager
def exact_products() -> Iterator[None]:
    """Multiply float32 as float32. Threads may overlap in it: the next model is built while one is measured."""
    _EXACTNESS.enter()
    try:
        yield
    finally:
        _EXACTNESS.leave()


@contextmanager
def report_out_of_memory(device: torch.device) -> Iterator[None]:
    """Raise `OutOfMemory` for torch's own error while a model is moved to a device."""
    try:
        yield
    except RuntimeError as error:
        if not _is_out_of_memory(error):
            raise
        raise OutOfMemory(
            f"The memory of {device} does not hold the model; choose another --device or a --dtype of 16 bits."
        ) from error


def device_name(device: torch.device) -> str:
    """A device by its kind and its maker's name, `cuda NVIDIA H200`, or the processor's architecture."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else platform.machine()
    return f"{device.type} {name}".strip()


def free_bytes(device: torch.device) -> int:
    """Free bytes of a device's memory; an assumption where it cannot be asked."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    if device.type == "mps":
        return torch.mps.recommended_max_memory() - torch.mps.driver_allocated_memory()
    return _ASSUMED_FREE


def _is_out_of_memory(error: Exception) -> bool:
    return isinstance(error, torch.OutOfMemoryError) or any(text in str(error) for text in _OUT_OF_MEMORY)


def _empty(device: torch.device) -> None:
    """Give back what torch keeps for later, which may be in pieces too small for other shapes."""
    if device.type == "cuda":
        torch.cuda.empty_cache()
    elif device.type == "mps":
        torch.mps.empty_cache()
