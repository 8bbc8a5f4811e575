"""Threads that share sequences: each works on sequences of its own, in products of its own.

Threads that share a product spend their time waiting for each other. On two cores that other programs also used,
sharing took 5 to 8 seconds where one thread alone took 3.3.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import torch

__all__ = ["blocks_of", "map_blocks", "share_over_threads"]

# Below this many sequences a thread costs more than it gains.
_LEAST_SHARE = 64

_Tokens = npt.NDArray[np.int64]
_Made = TypeVar("_Made")


def blocks_of(tokens: _Tokens, rows: int) -> list[_Tokens]:
    """Blocks of `rows` sequences; the last may be smaller."""
    return [tokens[start : start + rows] for start in range(0, len(tokens), rows)]


def map_blocks(blocks: list[_Tokens], work: Callable[[_Tokens], _Made], threads: int) -> list[_Made]:
    """The result of `work` for every block, a thread each; torch itself gets one thread meanwhile."""
    if threads == 1 or len(blocks) <= 1:
        return list(map(work, blocks))
    before = torch.get_num_threads()
    try:
        with ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,)) as pool:
            return list(pool.map(work, blocks))
    finally:
        torch.set_num_threads(before)


def share_over_threads(
    tokens: _Tokens, work: Callable[[torch.Tensor], tuple[torch.Tensor, ...]], threads: int
) -> tuple[npt.NDArray[Any], ...]:
    """The results of `work` for all sequences, arrays [n, ...], with an equal share for each thread."""

    def done(share: _Tokens) -> tuple[npt.NDArray[Any], ...]:
        with torch.inference_mode():
            return tuple(made.cpu().numpy() for made in work(torch.from_numpy(share)))

    used = max(1, min(threads, len(tokens) // _LEAST_SHARE))
    shares = map_blocks(np.array_split(tokens, used), done, used)
    return tuple(np.concatenate(parts) for parts in zip(*shares, strict=True))
