"""Time on a number of GPUs: four things that happen beside each other, of which one holds up the others.

compute    operations, divided among the workers, at a share of the peak
load       every worker loads every checkpoint: workers of a job share the blocks of one checkpoint after the other
fetch      checkpoints and ids come from the hub once; workers share a disk
catalog    commits follow each other under the catalog's lock

A worker computes or loads; the other two go on meanwhile. So the hours are those of compute and load together, or of fetch, or of
the catalog, whichever are most.
"""

from __future__ import annotations

from dataclasses import dataclass

from seenat.memorization.estimate.answers import GpuTime
from seenat.memorization.estimate.gpus import RECHECKED_SHARE, Gpu
from seenat.memorization.estimate.volumes import Volumes
from seenat.memorization.estimate.work import Work
from seenat.memorization.protocol.protocol import RECHECKED

__all__ = ["COMMITS_A_SECOND", "LOAD_BYTES", "LOAD_SECONDS", "Circumstances", "assumptions", "gpu_time"]

LOAD_BYTES = 2e9
"""Bytes a second that a worker loads a checkpoint with, assumed: from a shared disk to the GPU."""
LOAD_SECONDS = 1.0
"""Of each checkpoint beside that, assumed: building the model, choosing stages."""
COMMITS_A_SECOND = 60.0
"""Of whole blocks on PostgreSQL, measured by `python -m benchmarks queue`."""
_HOUR = 3600
_BYTES = {"float32": 4, RECHECKED: 6}
"""Of a parameter in a GPU's memory: rechecking needs the weights in both types."""


@dataclass(frozen=True, kw_only=True)
class Circumstances:
    """What is assumed of a cluster."""

    share_of_peak: float
    hub_bytes: float
    """A second, for all workers together."""
    price_per_hour: float | None


def gpu_time(
    gpu: Gpu, workers: int, work: Work, flop: float, volumes: Volumes, parameters: int, around: Circumstances
) -> GpuTime:
    """The time of some work on so many GPUs."""
    dtype = work.protocols[0].dtype
    compute = gpu.seconds(flop, dtype, around.share_of_peak) / workers / _HOUR
    load = ((volumes.checkpoints or 0) / LOAD_BYTES + len(work.steps) * LOAD_SECONDS) / _HOUR
    fetch = (volumes.fetched or 0) / around.hub_bytes / _HOUR
    commit = work.shards / COMMITS_A_SECOND / _HOUR
    hours = max(compute + load, fetch, commit)
    parts = {"compute": compute, "load": load, "fetch": fetch, "catalog": commit}
    if hours == compute + load:
        parts = {"compute": compute, "load": load}
    price = None if around.price_per_hour is None else around.price_per_hour * workers * hours
    return GpuTime(
        gpu=gpu.name,
        workers=workers,
        fits=parameters * _BYTES.get(dtype, 2) < gpu.memory,
        compute_hours=compute,
        load_hours=load,
        fetch_hours=fetch,
        commit_hours=commit,
        hours=hours,
        bottleneck=max(parts, key=lambda name: parts[name]),
        gpu_hours=workers * hours,
        price=price,
    )


def assumptions(gpus: tuple[Gpu, ...], around: Circumstances, dtype: str) -> tuple[str, ...]:
    """What a projection rests on, a sentence each."""
    said = [
        f"{gpu.name}: {gpu.peak_16 / 1e12:,.0f} TFLOP/s in 16 bits, {gpu.peak_32 / 1e12:,.1f} in float32 ({gpu.source})."
        for gpu in gpus
    ]
    said.append(f"GPUs reach {around.share_of_peak:.0%} of that; the engine has not been measured on one.")
    if dtype == RECHECKED:
        said.append(f"{RECHECKED_SHARE:.0%} of the sequences are measured again in float32.")
    said.append(
        f"A worker loads {LOAD_BYTES / 1e9:g} GB/s from a disk that all share, and takes {LOAD_SECONDS:g} s a checkpoint "
        f"beside that; the hub gives all of them {around.hub_bytes / 1e9:g} GB/s; the catalog commits "
        f"{COMMITS_A_SECOND:,.0f} blocks a second."
    )
    return tuple(said)
