"""How fast measuring is here: by the finished shards of this catalog's jobs, or by a second of the engine.

A rate of another model or of other lengths is turned into this one's by operations a cell, where these differ by no more than
a factor of ten: small models leave a device idle more than large ones do. Only values of the same measure and type count.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import func, select

from seenat.memorization.estimate.flop import cell_flop, operations
from seenat.memorization.protocol.protocol import Protocol
from seenat.registry.answer import Answer
from seenat.registry.catalog.catalog import Catalog
from seenat.registry.catalog.models import Model
from seenat.registry.database.tables.catalog import models
from seenat.registry.database.tables.jobs import jobs, measurements, protocols, shards
from seenat.registry.database.tables.results import blocks

__all__ = ["Rate", "calibrated_rate", "earlier_rate"]

_FEWEST_VALUES = 256
_MOST_TIMES = 10.0
_DONE = (shards.c.state == "done", shards.c.measured > 0, shards.c.seconds > 0)


@dataclass(frozen=True, kw_only=True)
class Rate(Answer):
    """Cells a second of one worker, and how that is known."""

    cells_per_second: float
    basis: str
    """`earlier jobs` or `calibration`."""
    of: str
    """What was measured."""
    device: str | None
    scaled: bool
    """Whether it was another model, or other lengths."""


@dataclass(frozen=True, kw_only=True)
class _Earlier:
    """What finished shards of a measurement took."""

    measurement: int
    model: str
    protocol: Protocol
    per_second: float


def earlier_rate(catalog: Catalog, model: Model, asked: Sequence[Protocol]) -> Rate | None:
    """By the nearest of this catalog's measurements: the same model, else one of about as many operations a cell."""
    wanted = cell_flop(model, asked)
    known = [
        (one, cell_flop(catalog.model(one.model), [one.protocol]))
        for one in _earlier(catalog)
        if (one.protocol.measure, one.protocol.dtype) == (asked[0].measure, asked[0].dtype)
    ]
    if wanted is None:
        same = [one for one, _ in known if (one.model, one.protocol) == (model.name, asked[0])]
        return _rate(catalog, same[0], same[0].per_second, scaled=False) if same else None
    scaled = [(one, flop) for one, flop in known if flop is not None and _is_near(flop, wanted)]
    if not scaled:
        return None
    one, flop = min(scaled, key=lambda entry: (entry[0].model != model.name, abs(math.log(entry[1] / wanted))))
    is_other = (one.model, (one.protocol,)) != (model.name, tuple(asked))
    return _rate(catalog, one, one.per_second * flop / wanted, scaled=is_other)


def calibrated_rate(model: Model, asked: Sequence[Protocol], device: str | None = None) -> Rate | None:
    """By about a second of the engine on a small model of random weights; raises `MissingExtra` without torch."""
    from seenat.memorization.engine.calibration import calibrate

    wanted = cell_flop(model, asked)
    if wanted is None:
        return None
    measured = calibrate(asked[0], device)
    flop = operations(measured.parameters, measured.head, asked[:1], measured.layers)
    return Rate(
        cells_per_second=measured.rows_per_second * flop / wanted,
        basis="calibration",
        of=measured.words,
        device=measured.device,
        scaled=True,
    )


def _is_near(flop: float, wanted: float) -> bool:
    return 1 / _MOST_TIMES <= flop / wanted <= _MOST_TIMES


def _earlier(catalog: Catalog) -> list[_Earlier]:
    measured, seconds = func.sum(shards.c.measured), func.sum(shards.c.seconds)
    query = (
        select(measurements.c.id, models.c.name, protocols.c.definition, measured, seconds)
        .join(jobs, jobs.c.id == shards.c.job_id)
        .join(measurements, measurements.c.id == jobs.c.measurement_id)
        .join(models, models.c.id == measurements.c.model_id)
        .join(protocols, protocols.c.id == measurements.c.protocol_id)
        .where(*_DONE)
        .group_by(measurements.c.id, models.c.name, protocols.c.id)
        .having(measured >= _FEWEST_VALUES)
        .order_by(measurements.c.id)
    )
    with catalog.database.read() as connection:
        rows = connection.execute(query).all()
    return [
        _Earlier(measurement=id_, model=name, protocol=Protocol.from_json(definition), per_second=values / took)
        for id_, name, definition, values, took in rows
    ]


def _rate(catalog: Catalog, one: _Earlier, per_second: float, *, scaled: bool) -> Rate:
    by_device = select(blocks.c.device).where(blocks.c.measurement_id == one.measurement, blocks.c.device.is_not(None))
    with catalog.database.read() as connection:
        device = connection.execute(by_device.group_by(blocks.c.device).order_by(func.count().desc())).scalars().first()
    return Rate(
        cells_per_second=round(per_second, 3),
        basis="earlier jobs",
        of=f"{one.model}, {one.protocol.words}",
        device=device,
        scaled=scaled,
    )
