"""What an estimate tells."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from seenat.memorization.estimate.rates import Rate
from seenat.memorization.estimate.volumes import Volumes
from seenat.registry.answer import Answer

__all__ = ["LAPTOP_BYTES", "LAPTOP_FLOP", "Estimate", "GpuTime", "HereTime"]

LAPTOP_FLOP = 5e11
"""Operations a second of a laptop of eight cores, assumed: one core of a server was measured at 2.2e11 in float32."""
LAPTOP_BYTES = 12.5e6
"""Bytes a second of its connection, assumed: 100 Mbit/s."""
_HOUR = 3600


@dataclass(frozen=True, kw_only=True)
class HereTime(Answer):
    """On this machine, by one worker."""

    rate: Rate | None
    """None where nothing is known of it."""
    hours: float | None
    missing: tuple[str, ...]
    """What a job needs and is not here, a sentence each; only where that was asked."""


@dataclass(frozen=True, kw_only=True)
class GpuTime(Answer):
    """On a number of GPUs of one kind, a worker each."""

    gpu: str
    workers: int
    fits: bool
    """Whether the memory of one holds the weights."""
    compute_hours: float
    """Of each."""
    load_hours: float
    """Of each: every worker loads every checkpoint."""
    fetch_hours: float
    """From the hub, once for all."""
    commit_hours: float
    """Of the catalog, in which one commit follows the other."""
    hours: float
    bottleneck: str
    """`compute`, `load`, `fetch` or `catalog`: what takes the most of these hours."""
    gpu_hours: float
    """That the GPUs are held."""
    price: float | None = None

    json_only_with: ClassVar = {"price": "price"}


@dataclass(frozen=True, kw_only=True)
class Estimate(Answer):
    """What a measurement of one model costs."""

    model: str
    order: str
    checkpoints: int
    left_out: int
    """Checkpoints whose files cannot be trusted."""
    sequences: int
    unseen: bool
    adaptive: bool
    protocols: tuple[str, ...]
    dtype: str
    cells: int
    exact_cells: int
    values: int
    shards: int
    flop_per_cell: float | None
    flop: float | None
    """None, as all times, where the model's parameters are not known."""
    bytes: Volumes
    here: HereTime
    gpus: tuple[GpuTime, ...]
    assumptions: tuple[str, ...]

    @property
    def download(self) -> int | None:
        """Most bytes that come from hubs; None where the checkpoints' sizes are not known."""
        return self.bytes.fetched

    @property
    def laptop_hours(self) -> float:
        """On a laptop, by its processor and its connection; what is not known counts as nothing."""
        return ((self.flop or 0.0) / LAPTOP_FLOP + (self.download or 0) / LAPTOP_BYTES) / _HOUR

    @property
    def is_large(self) -> bool:
        """Whether a laptop could not do it in an hour."""
        return self.laptop_hours > 1

    json_names = (
        "model",
        "order",
        "checkpoints",
        "left_out",
        "sequences",
        "unseen",
        "adaptive",
        "protocols",
        "dtype",
        "cells",
        "exact_cells",
        "values",
        "shards",
        "flop_per_cell",
        "flop",
        "bytes",
        "laptop_hours",
        "is_large",
        "here",
        "gpus",
        "assumptions",
    )
