"""Which of numpy's sorts a building process uses: the one that is faster on this machine.

numpy chooses a sort by the processor's features when it is imported, and its AVX-512 sort is slow on AMD: 51 ns a key where
its AVX2 sort takes 11 (uint64, numpy 2.4 on Zen 4). The choice is an environment variable, so it is made for processes that do
nothing but build, and never for the user's. Sorted keys are the same by either.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from functools import cache
from importlib import metadata

__all__ = ["WORKER", "worker_environment"]

WORKER = (sys.executable, "-P", "-m", "seenat.attribution.ngrams.build.worker")
"""The command of a worker. -P: a folder called numpy/ in the working directory must not be taken for the library."""

_VARIABLE = "NPY_DISABLE_CPU_FEATURES"
# Without AVX-512, by the names of numpy 2.4 and later, and of those before.
_NEW_NAMES, _OLD_NAMES = "X86_V4 AVX512_ICL AVX512_SPR", "AVX512F AVX512CD AVX512_SKX AVX512_CLX AVX512_CNL AVX512_ICL"


def worker_environment(keys: int) -> Mapping[str, str]:
    """The environment of processes that will sort this many keys."""
    # Trying both takes 0.3 seconds, which 10 million keys give back where the usual sort is the slow one.
    if keys < 10_000_000 or _VARIABLE in os.environ:
        return os.environ
    return os.environ | _fastest()


@cache
def _fastest() -> dict[str, str]:
    version = tuple(int(part) for part in metadata.version("numpy").split(".")[:2])
    other = {_VARIABLE: _NEW_NAMES if version >= (2, 4) else _OLD_NAMES}
    return other if _nanoseconds(other) < _nanoseconds({}) else {}


def _nanoseconds(setting: dict[str, str]) -> float:
    """How long a process sorts a key with this setting; infinity where numpy refuses it."""
    done = subprocess.run([*WORKER, "sort"], env=os.environ | setting, capture_output=True, text=True, check=False)
    return float(done.stdout) if done.returncode == 0 else float("inf")
