"""Values that another kind of device has measured, measured again here, a sample of them, and compared.

Where two kinds of devices measured one array, a cell may rest on a decision within rounding of another. How often is not known
beforehand; this counts it, and names each cell that is *contested*. Nothing is changed: which of the two is right is not a
question that a third measurement answers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from seenat.memorization.engine.kernels.stages import Stages
from seenat.memorization.jobs.runners.local_loader import LocalLoader
from seenat.memorization.jobs.window_cache import window_reader
from seenat.memorization.results.array import Values
from seenat.memorization.results.block_table import blocks_of_others
from seenat.memorization.results.commit import MeasurementStore
from seenat.memorization.results.measurements import current_rows, find_measurement
from seenat.registry.answer import Answer
from seenat.registry.catalog.catalog import Catalog
from seenat.registry.catalog.models import Model
from seenat.registry.errors import InvalidValue
from seenat.registry.hub.download import DownloadObserver
from seenat.registry.integrity.content import ensure_content, ensure_tokens

if TYPE_CHECKING:
    from seenat.memorization.engine.scorer import JointScorer

__all__ = ["ContestedCell", "Recheck", "recheck"]

_MOST_CHECKPOINTS, _BLOCKS_A_CHECKPOINT = 8, 4
"""Of which cells are drawn: each checkpoint is loaded, and each block read."""
_LOSS_WITHIN = 1e-3
"""Losses of two kinds of devices differ in their last bits; more than a thousandth is no rounding."""
_MOST_CELLS = 1_000_000

_Sequences = npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class ContestedCell(Answer):
    """A value that is another here."""

    step: int
    sequence: int
    device: str
    """What measured the value that counts; several, where its block has values of several."""
    value: float
    here: float
    """By a loss, its sum over the ids that are reproduced."""

    json_names = ("step", "sequence", "device", "value", "here")


@dataclass(frozen=True, kw_only=True)
class Recheck(Answer):
    """What came of measuring a sample again."""

    model: str
    protocol: str
    device: str
    """On which it was measured again."""
    others: tuple[str, ...]
    """The kinds whose values were compared."""
    compared: int
    contested: tuple[ContestedCell, ...]

    json_names = ("model", "protocol", "device", "others", "compared", "contested")


@dataclass(frozen=True)
class _Place:
    row: int
    step: int
    block: int
    device: str


@dataclass(frozen=True)
class _Drawn:
    """Blocks of one checkpoint, of each of which so many `cells` are drawn."""

    places: list[_Place]
    cells: int
    generator: np.random.Generator


def recheck(
    catalog: Catalog,
    model: Model,
    *,
    sample: int,
    seed: int,
    device: str | None,
    protocol: str | None,
    progress: Callable[[int, int], None],
) -> Recheck:
    """Measure about `sample` cells here that other kinds of devices measured, and say which differ; `progress` hears how many were to be, and are, compared.

    They are drawn from at most 8 checkpoints, and of each from 4 blocks. Raises `NotMeasured`, and as a run does where a
    checkpoint or the order cannot be read.
    """
    if not 0 < sample <= _MOST_CELLS:
        raise InvalidValue(f"A sample of {sample} cells cannot be drawn; ask for 1 to {_MOST_CELLS:,}.")
    from seenat.memorization.engine.scorer import kind_of_device

    kind = kind_of_device(device)
    with catalog.database.read() as connection:
        measurement = find_measurement(connection, model, protocol, measures=("prefix", "score", "loss"))
        steps = dict(current_rows(connection, measurement))
        found = blocks_of_others(connection, measurement.id, kind)
    places = [_Place(row, steps[row], block, by or "unknown") for row, block, by in found if row in steps]
    store = MeasurementStore(catalog.database, model, measurement)
    compared, contested = _compare(catalog, store, _drawn(places, sample, seed), device, partial(progress, sample))
    return Recheck(
        model=model.name,
        protocol=measurement.protocol.id,
        device=kind,
        others=tuple(sorted({place.device for place in places})),
        compared=compared,
        contested=tuple(contested),
    )


def _compare(
    catalog: Catalog,
    store: MeasurementStore,
    drawn: list[_Drawn],
    device: str | None,
    progress: Callable[[int], None],
) -> tuple[int, list[ContestedCell]]:
    """How many cells were compared, and those that are contested."""
    compared, contested = 0, list[ContestedCell]()
    if not drawn:
        return compared, contested
    source = ensure_tokens(catalog, store.model.order)
    windows = window_reader(store.model.order, source, store.measurement.protocol.window, readings=1)
    for some in drawn:
        scorer = _scorer(catalog, store, some.places[0].step, device)
        for place, sequences, values in _cells(store, some):
            windows.prepare(sequences)
            here = scorer.measure(windows.take(sequences))[0]
            contested += _contested(store, place, sequences, values, here)
            compared += len(sequences)
            progress(compared)
    return compared, contested


def _drawn(places: list[_Place], sample: int, seed: int) -> list[_Drawn]:
    """Some blocks of some checkpoints, ascending by step, and how many cells of each."""
    generator = np.random.default_rng(seed)
    steps = sorted({place.step for place in places})
    chosen = [steps[number] for number in sorted(generator.permutation(len(steps))[:_MOST_CHECKPOINTS])]
    drawn = []
    for step in chosen:
        there = [place for place in places if place.step == step]
        some = [there[number] for number in sorted(generator.permutation(len(there))[:_BLOCKS_A_CHECKPOINT])]
        drawn.append(_Drawn(some, -(-sample // (len(chosen) * len(some))), generator))
    return drawn


def _cells(store: MeasurementStore, drawn: _Drawn) -> Iterator[tuple[_Place, _Sequences, Values]]:
    """The cells of some blocks: the place, the sequences, and the values that count."""
    for place in drawn.places:
        with store.database.read() as connection:
            values = store.committed(connection, place.row, place.block).values
        there = np.flatnonzero(store.measurement.protocol.value_type.measured(values))
        chosen = np.sort(drawn.generator.permutation(there)[: drawn.cells])
        if len(chosen):
            yield place, store.measurement.block(place.block).start + chosen, values[chosen]


def _scorer(catalog: Catalog, store: MeasurementStore, step: int, device: str | None) -> JointScorer:
    """The checkpoint at a step, loaded, its files as the catalog has them."""
    model, checkpoint = store.model, store.model.checkpoint(step)
    loader = LocalLoader(catalog, model, (store.measurement.protocol,), device, Stages(), lambda *_: None)
    content = loader.fetch(checkpoint, DownloadObserver(arrived=lambda _: None, added=lambda _: None))
    ensure_content(catalog, checkpoint, content.folder, content.files)
    return loader.load(content.folder)


def _contested(
    store: MeasurementStore, place: _Place, sequences: _Sequences, values: Values, here: Values
) -> Iterator[ContestedCell]:
    if store.measurement.protocol.value_type.decodes:
        differs = values != here
    else:
        values, here = values[..., 0], here[..., 0]
        differs = np.abs(values - here) > _LOSS_WITHIN * np.maximum(1.0, np.abs(values))
    for number in np.flatnonzero(differs):
        yield ContestedCell(
            step=place.step,
            sequence=int(sequences[number]),
            device=place.device,
            value=float(values[number]),
            here=float(here[number]),
        )
