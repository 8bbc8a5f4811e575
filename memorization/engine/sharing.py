"""Threads that share sequences: each works on sequences of its own, in products of its own.

Threads that share a product spend their time waiting for each other. On two cores of which other programs had a part,
sharing took 5 to 8 seconds where one thread alone took 3.3.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

__all__ = ["shared"]

_LEAST_SHARE = 64
"""Sequences for which a thread of its own is worth it."""

_Tokens = npt.NDArray[np.int64]


def shared(tokens: _Tokens, work: Callable[[torch.Tensor], torch.Tensor], threads: int) -> npt.NDArray[Any]:
    """`work` on all sequences, an equal share for each thread; torch itself is left one thread meanwhile."""

    def done(share: _Tokens) -> npt.NDArray[Any]:
        with torch.inference_mode():
            return work(torch.from_numpy(share)).numpy()

    used = max(1, min(threads, len(tokens) // _LEAST_SHARE))
    if used == 1:
        return done(tokens)
    before = torch.get_num_threads()
    try:
        with ThreadPoolExecutor(used, initializer=torch.set_num_threads, initargs=(1,)) as pool:
            return np.concatenate(list(pool.map(done, np.array_split(tokens, used))))
    finally:
        torch.set_num_threads(before)
