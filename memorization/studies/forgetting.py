"""How a model's memory changes from one measured checkpoint to the next: share memorized, onsets, forgotten, relearned.

Over the seen points of each sequence, ascending by step and passing over what was not measured:

* its *onset* is the first point at which it is memorized;
* it is *forgotten* at a point at which it is not and at the one before was;
* it is *relearned* at a point at which it is, after one at which it was forgotten.

So at every step at which all that was seen is measured, memorized = onsets - forgotten + relearned, each summed up to it.
Where adaptive jobs left sequences out, only what they found is counted, and the share has only a lower bound (`coverage`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import accumulate

import numpy as np
import numpy.typing as npt

from seenat.memorization.adaptive.coverage import AdaptivePlan, StepShare
from seenat.memorization.protocol.protocol import Protocol
from seenat.memorization.results.measurements import ProtocolName
from seenat.memorization.studies.inputs.study_data import SeenPoints, StudyData, open_study_data
from seenat.registry.answer import TableAnswer
from seenat.registry.catalog.catalog import Catalog
from seenat.registry.catalog.models import Model

__all__ = ["Curve", "StepChange", "curve", "curves"]


@dataclass(frozen=True, kw_only=True)
class StepChange(StepShare):
    """Of the sequences seen by a checkpoint: how many are memorized, and what became of them since the one before."""

    onsets: int
    """Memorized for the first time."""
    forgotten: int
    relearned: int
    onsets_so_far: int
    """Onsets at this step and before."""

    json_names = (
        "step",
        "measured",
        "memorized",
        "asked",
        "onsets",
        "forgotten",
        "relearned",
        "onsets_so_far",
        "share",
        "share_at_least",
    )


@dataclass(frozen=True, kw_only=True)
class Curve(TableAnswer):
    """The changes of one model, step by step."""

    model: str
    order: str
    protocol: Protocol
    parameters: int | None
    """Without embeddings; None where it is not known."""
    steps: tuple[StepChange, ...]
    adaptive: tuple[AdaptivePlan, ...]
    """The adaptive jobs that left out sequences the curve would count."""
    other_protocols: tuple[ProtocolName, ...] = ()
    """Other protocols by which the model has results."""

    table_field = "steps"


def curves(catalog: Catalog, models: Iterable[Model], protocol: str | None = None) -> tuple[Curve, ...]:
    """The curve of each model, as given; raises `NotMeasured` for one without results."""
    return tuple(curve(open_study_data(catalog, model, protocol)) for model in models)


def curve(data: StudyData) -> Curve:
    """The curve of a model, counted block by block."""
    counts = np.zeros((5, len(data.steps)), np.int64)
    for sequences in data.ranges(data.seen(data.steps[-1])):
        counts += _changes(data.points(sequences))
    parameters = data.model.parameters
    return Curve(
        model=data.model.name,
        order=data.model.order.name,
        protocol=data.protocol,
        parameters=None if parameters is None else parameters.non_embedding,
        steps=tuple(
            StepChange(
                step=step,
                measured=measured,
                asked=data.coverage.asked(step, measured),
                memorized=memorized,
                onsets=onsets,
                forgotten=forgotten,
                relearned=relearned,
                onsets_so_far=so_far,
            )
            for step, (measured, memorized, onsets, forgotten, relearned), so_far in zip(
                data.steps, counts.T.tolist(), accumulate(counts[2].tolist()), strict=True
            )
        ),
        adaptive=data.coverage.adaptive,
        other_protocols=data.other_protocols,
    )


def _changes(points: SeenPoints) -> npt.NDArray[np.int64]:
    """How many were measured, memorized, onsets, forgotten and relearned: `[5, checkpoints]`."""
    rows = [
        [
            int(np.count_nonzero(flags))
            for flags in (change.measured, change.memorized, change.onset, change.forgotten, change.relearned)
        ]
        for change in points.transitions()
    ]
    return np.array(rows, np.int64).T
