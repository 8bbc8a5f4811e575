"""How a model's memory changes from one measured checkpoint to the next: share memorized, onsets, forgotten, relearned.

Over the seen points of each sequence, ascending by step and passing over what was not measured:

* its *onset* is the first point at which it is memorized;
* it is *forgotten* at a point at which it is not and at the one before was;
* it is *relearned* at a point at which it is, after one at which it was forgotten.

So at every step at which all that was seen is measured, memorized = onsets - forgotten + relearned, each summed up to it.
Where adaptive jobs left sequences out, what is counted is what they found, and the share has only a lower bound (`coverage`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import numpy as np
import numpy.typing as npt

from seenat.memorization.adaptive.coverage import AdaptivePlan, StepShare
from seenat.memorization.protocol.protocol import Protocol
from seenat.memorization.studies.inputs.study_data import SeenPoints, StudyData, open_study_data
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


@dataclass(frozen=True, kw_only=True)
class Curve:
    """The changes of one model, step by step."""

    model: str
    order: str
    protocol: Protocol
    parameters: int | None
    """Without embeddings; None where it is not known."""
    steps: tuple[StepChange, ...]
    adaptive: tuple[AdaptivePlan, ...]
    """The adaptive jobs that it rests on."""

    def to_json(self) -> dict[str, Any]:
        """The curve under the keys of every JSON answer."""
        return {
            "model": self.model,
            "order": self.order,
            "protocol": {"id": self.protocol.id, **self.protocol.to_json()},
            "parameters": self.parameters,
            "steps": [change.to_json() for change in self.steps],
            "adaptive": [plan.to_json() for plan in self.adaptive],
        }


def curves(catalog: Catalog, models: Iterable[Model], protocol: str | None = None) -> tuple[Curve, ...]:
    """The curve of each model, as given; raises `NotMeasured` for one without results."""
    return tuple(curve(open_study_data(catalog, model, protocol)) for model in models)


def curve(results: StudyData) -> Curve:
    """Count the changes of a model, block by block."""
    counts = np.zeros((5, len(results.steps)), np.int64)
    for sequences in results.ranges(results.seen(results.steps[-1])):
        counts += _changes(results.points(sequences))
    parameters = results.model.parameters
    return Curve(
        model=results.model.name,
        order=results.model.order.name,
        protocol=results.protocol,
        parameters=None if parameters is None else parameters.non_embedding,
        steps=tuple(
            StepChange(
                step=step,
                measured=measured,
                asked=results.coverage.asked(step, measured),
                memorized=memorized,
                onsets=onsets,
                forgotten=forgotten,
                relearned=relearned,
                onsets_so_far=so_far,
            )
            for step, (measured, memorized, onsets, forgotten, relearned), so_far in zip(
                results.steps, counts.T.tolist(), accumulate(counts[2].tolist()), strict=True
            )
        ),
        adaptive=results.coverage.adaptive,
    )


def _changes(points: SeenPoints) -> npt.NDArray[np.int64]:
    """Measured, memorized, onsets, forgotten, relearned: `[5, checkpoints]`."""
    ever = np.zeros(points.measured.shape[1], np.bool_)
    held = ever.copy()
    rows = []
    for known, now in zip(points.measured, points.memorized, strict=True):
        changes = (known, now, now & ~ever, known & held & ~now, now & ever & ~held)
        rows.append([int(np.count_nonzero(change)) for change in changes])
        ever |= now
        held = np.where(known, now, held)
    return np.array(rows, np.int64).T
