"""GPUs by name: the most they compute, as their makers' data sheets say, without sparsity.

Numbers are dense products: data sheets show twice as much for tensor cores, with half of all weights zero. float32 is not
rounded to TF32 by the engine, so its peak is that of float32 proper. Nothing of it was measured here.
"""

from __future__ import annotations

from dataclasses import dataclass

from seenat.memorization.protocol.protocol import RECHECKED
from seenat.registry.answer import Answer
from seenat.registry.errors import InvalidValue

__all__ = ["GPUS", "RECHECKED_SHARE", "Gpu", "gpu_named"]

RECHECKED_SHARE = 0.1
"""Sequences that bfloat16 leaves in doubt: 8 % of a trained model's, 20 % of random weights'."""
_NVIDIA = "https://www.nvidia.com/en-us/data-center"


@dataclass(frozen=True, slots=True, kw_only=True)
class Gpu(Answer):
    """A GPU as its data sheet describes it."""

    name: str
    peak_16: float
    """Operations a second in bfloat16 or float16, summed in float32."""
    peak_32: float
    """In float32."""
    memory: int
    """Bytes."""
    source: str

    def seconds(self, flop: float, dtype: str, share: float) -> float:
        """Seconds that operations take by a protocol of this type, at a share of the peak."""
        if dtype == "float32":
            return flop / (self.peak_32 * share)
        seconds = flop / (self.peak_16 * share)
        if dtype != RECHECKED:
            return seconds
        return seconds + flop * RECHECKED_SHARE / (self.peak_32 * share)


GPUS = (
    Gpu(name="H200", peak_16=989e12, peak_32=67e12, memory=141 * 10**9, source=f"{_NVIDIA}/h200/ (SXM)"),
    Gpu(name="H100", peak_16=989e12, peak_32=67e12, memory=80 * 10**9, source=f"{_NVIDIA}/h100/ (SXM)"),
    Gpu(name="A100", peak_16=312e12, peak_32=19.5e12, memory=80 * 10**9, source=f"{_NVIDIA}/a100/ (SXM, 80 GB)"),
    Gpu(name="L40S", peak_16=362e12, peak_32=91.6e12, memory=48 * 10**9, source=f"{_NVIDIA}/l40s/"),
)


def gpu_named(name: str) -> Gpu:
    """A GPU of the table, in any case; raises `InvalidValue` with those that are there."""
    for gpu in GPUS:
        if gpu.name == name.strip().upper():
            return gpu
    raise InvalidValue(f"No data sheet of a GPU {name!r} is known; choose {', '.join(gpu.name for gpu in GPUS)}.")
