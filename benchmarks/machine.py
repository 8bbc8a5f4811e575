"""What measured: the machine, the versions, and how busy it was. Talk goes to stderr."""

from __future__ import annotations

import os
import platform
import sys
import time
from importlib import metadata
from pathlib import Path

__all__ = ["CACHE", "cpu_seconds", "measured_on", "multiplies_bfloat16", "say"]

CACHE = Path(__file__).parents[1] / ".cache"
"""What is made once for the benchmarks and the tests; `make clean` removes it."""

_BEGAN = time.monotonic()


def say(line: str) -> None:
    """Print what is being done to stderr, with the seconds since the start."""
    print(f"{time.monotonic() - _BEGAN:6.0f} s  {line}", file=sys.stderr, flush=True)


def cpu_seconds() -> float:
    """CPU time of this process and of those that it has waited for."""
    spent = os.times()
    return spent.user + spent.system + spent.children_user + spent.children_system


def measured_on() -> str:
    """One line for the page: processor, threads, versions, date, and how many processes wanted the processor."""
    import torch

    versions = ", ".join(f"{name} {metadata.version(name)}" for name in ("torch", "transformers", "numpy"))
    load = f", load {os.getloadavg()[0]:.1f} at the end" if hasattr(os, "getloadavg") else ""
    return (
        f"Measured {time.strftime('%Y-%m-%d')} on {_processor()}, {os.cpu_count()} cores{load}; "
        f"{torch.get_num_threads()} thread, {versions}."
    )


def multiplies_bfloat16() -> bool:
    """Whether the processor is known to have instructions for products of bfloat16."""
    return bool({"avx512_bf16", "amx_bf16"} & set(_cpuinfo("flags").split()))


def _processor() -> str:
    """Its name, family and model: rented machines have names that do not say which processor it is."""
    if not (name := _cpuinfo("model name")):
        return platform.processor() or platform.machine()
    return f"{name} (family {_cpuinfo('cpu family')}, model {_cpuinfo('model')})"


def _cpuinfo(field: str) -> str:
    """A field of /proc/cpuinfo for the first processor; empty off Linux."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text(encoding="utf-8").splitlines() if cpuinfo.exists() else []
    pairs = (line.partition(":") for line in lines)
    return next((value.strip() for name, _, value in pairs if name.strip() == field), "")
