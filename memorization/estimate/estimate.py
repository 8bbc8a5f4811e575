"""What a measurement of one model costs: cells, bytes, time here and on GPUs. Nothing is stored, fetched or loaded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from seenat.memorization.estimate.answers import Estimate, GpuTime, HereTime
from seenat.memorization.estimate.flop import IDS_BEYOND_THE_PROMPT, cell_flop
from seenat.memorization.estimate.gpus import GPUS, Gpu
from seenat.memorization.estimate.missing import missing_here
from seenat.memorization.estimate.projection import Circumstances, assumptions, gpu_time
from seenat.memorization.estimate.rates import Rate, calibrated_rate, earlier_rate
from seenat.memorization.estimate.volumes import Volumes, volumes_of
from seenat.memorization.estimate.work import FOUND_BY_A_GRID, AdaptiveRequest, Work, work_of
from seenat.memorization.protocol.protocol import Protocol
from seenat.memorization.protocol.selection import Selection
from seenat.registry.catalog.catalog import Catalog
from seenat.registry.catalog.models import Model
from seenat.registry.errors import InvalidValue

__all__ = ["HUB_BYTES", "SHARE_OF_PEAK", "Asked", "estimate"]

SHARE_OF_PEAK = 0.4
"""Of a GPU's peak that the engine is assumed to reach; on one core it was measured at 0.5 to 0.8 of a square product's."""
HUB_BYTES = 1e9
_HOUR = 3600


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What an estimate is about."""

    selection: Selection
    protocols: Sequence[Protocol]
    around: Circumstances
    left_out: int = 0
    adaptive: AdaptiveRequest | None = None
    keep_checkpoints: int | None = None
    gpus: Sequence[Gpu] = GPUS[::2]
    workers: Sequence[int] = (1,)
    calibrate: bool = False
    """Whether the engine is run for a second where no earlier job tells how fast it is."""
    device: str | None = None
    check: bool = False
    """Whether it is told what is missing on this machine."""


def estimate(catalog: Catalog, model: Model, asked: Asked) -> Estimate:
    """What it costs to measure what is asked for; raises `InvalidValue` for what cannot be, `MissingExtra` by `calibrate`."""
    _check(asked)
    work = work_of(model, asked.selection, asked.protocols, asked.adaptive)
    volumes = volumes_of(catalog, model, work)
    a_cell = cell_flop(model, asked.protocols)
    flop = None if a_cell is None else a_cell * work.cells
    return Estimate(
        model=model.name,
        order=model.order.name,
        checkpoints=len(work.steps),
        left_out=asked.left_out,
        sequences=work.sequences,
        unseen=asked.selection.unseen,
        adaptive=asked.adaptive is not None,
        protocols=tuple(one.words for one in asked.protocols),
        dtype=asked.protocols[0].dtype,
        cells=work.cells,
        exact_cells=work.exact_cells,
        values=work.values,
        shards=work.shards,
        flop_per_cell=a_cell,
        flop=flop,
        bytes=volumes,
        here=_here(catalog, model, asked, work, volumes),
        gpus=_gpus(model, asked, work, volumes, flop),
        assumptions=_assumptions(asked, volumes),
    )


def _check(asked: Asked) -> None:
    if not 0 < asked.around.share_of_peak <= 1:
        raise InvalidValue(f"A share of the peak is above 0 and at most 1, not {asked.around.share_of_peak:g}.")
    if asked.around.hub_bytes <= 0:
        raise InvalidValue("A hub that gives no bytes a second is never done; write more than 0.")
    if any(not 1 <= workers <= 100_000 for workers in asked.workers):
        raise InvalidValue("A number of workers is 1 to 100,000.")


def _here(catalog: Catalog, model: Model, asked: Asked, work: Work, volumes: Volumes) -> HereTime:
    rate = _rate(catalog, model, asked)
    return HereTime(
        rate=rate,
        hours=None if rate is None else work.cells / rate.cells_per_second / _HOUR,
        missing=missing_here(catalog, model, volumes, asked.keep_checkpoints) if asked.check else (),
    )


def _rate(catalog: Catalog, model: Model, asked: Asked) -> Rate | None:
    rate = earlier_rate(catalog, model, asked.protocols)
    return calibrated_rate(model, asked.protocols, asked.device) if rate is None and asked.calibrate else rate


def _gpus(model: Model, asked: Asked, work: Work, volumes: Volumes, flop: float | None) -> tuple[GpuTime, ...]:
    if flop is None or model.parameters is None:
        return ()
    return tuple(
        gpu_time(gpu, workers, work, flop, volumes, model.parameters.total, asked.around)
        for gpu in asked.gpus
        for workers in asked.workers
    )


def _assumptions(asked: Asked, volumes: Volumes) -> tuple[str, ...]:
    protocol, count = asked.protocols[0], len(asked.selection.steps)
    said = []
    if protocol.measure == "prefix":
        said.append(f"A row is passed for its prompt and {IDS_BEYOND_THE_PROMPT:g} ids more, on average.")
    if asked.adaptive is not None:
        said.append(f"The grid finds {FOUND_BY_A_GRID:.0%} of the sequences memorized.")
    if volumes.recorded < count:
        said.append(
            f"Sizes of {count - volumes.recorded:,} of {count:,} checkpoints follow from their parameters, since no files of "
            "them are recorded (`seenat sync` records them)."
        )
    return (*said, *assumptions(tuple(asked.gpus), asked.around, protocol.dtype))
