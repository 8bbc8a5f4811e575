"""How a model's memory changes from one measured checkpoint to the next: share memorized, onsets, forgotten, relearned.

Over the seen points of each sequence, ascending by step and passing over what was not measured:

* its *onset* is the first point at which it is memorized;
* it is *forgotten* at a point at which it is not and at the one before was;
* it is *relearned* at a point at which it is, after one at which it was forgotten.

So at every step at which all that was seen is measured, memorized = onsets - forgotten + relearned, each summed up to it.
Where adaptive jobs left sequences out, only what they found is counted, and the share has only a lower bound (`coverage`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from seenat.memorization.adaptive.coverage import AdaptivePlan, StepShare
from seenat.memorization.labels.choose import Grouping, Where, open_grouping
from seenat.memorization.protocol.protocol import Protocol
from seenat.memorization.results.measurements import ProtocolName
from seenat.memorization.studies.inputs.study_data import Flags, SeenPoints, StudyData, open_study_data
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
    where: tuple[str, ...] | None = None
    """LABEL=VALUE of the sequences that were counted; None, and no key, for all."""
    label: str | None = None
    """What it was grouped by; None, and no key, where it was not."""
    value: str | None = None
    """Of the label, that these sequences have; None for those without any."""

    @property
    def name(self) -> str:
        """What it is of: its model, and where it is one of several the value of the label that they are grouped by."""
        return self.model if self.label is None else f"{self.model}, {self.label} {self.value or 'none'}"

    table_field = "steps"
    json_only_with: ClassVar[Mapping[str, str]] = {"where": "where", "label": "label", "value": "label"}


def curves(
    catalog: Catalog,
    models: Iterable[Model],
    protocol: str | None = None,
    *,
    where: Where = None,
    by: str | None = None,
) -> tuple[Curve, ...]:
    """The curve of each model, as given, of the sequences that `where` chooses; with `by`, one a value of that label.

    Whole numbers come ascending, other values the most frequent first; those of which nothing was measured are left out. Raises `NotMeasured` for a model
    without results, `UnknownLabel`.
    """
    found: list[Curve] = []
    for data in (open_study_data(catalog, model, protocol, where=where) for model in models):
        found += [curve(data)] if by is None else _by_value(data, open_grouping(catalog.database, data.model.order, by))
    return tuple(found)


def curve(data: StudyData) -> Curve:
    """The curve of a model, counted block by block."""
    counts = np.zeros((5, len(data.steps)), np.int64)
    for sequences in data.ranges(data.seen(data.steps[-1])):
        counts += _changes(data.points(sequences))
    return _curve(data, counts)


def _by_value(data: StudyData, grouping: Grouping) -> list[Curve]:
    """A curve for each value of a label, counted together."""
    counts = np.zeros((len(grouping.values), 5, len(data.steps)), np.int64)
    for sequences in data.ranges(data.seen(data.steps[-1])):
        for place, flags in enumerate(_flags(data.points(sequences))):
            counts[:, :, place] += np.stack([grouping.counts(sequences, each) for each in flags], axis=1)
    measured = counts[:, 0, :].max(axis=1)
    chosen = [code for code in np.argsort(-measured, kind="stable").tolist() if measured[code]]
    names = {code: value for code in chosen if (value := grouping.values[code]) is not None}
    if all(value.isdecimal() for value in names.values()):
        chosen.sort(key=lambda code: int(names.get(code, -1)))
    return [
        replace(
            _curve(replace(data, chosen=grouping.of_code(code, data.chosen)), counts[code]),
            label=grouping.name,
            value=grouping.values[code],
            where=None if data.chosen is None else data.chosen.words,
        )
        for code in chosen
    ]


def _curve(data: StudyData, counts: npt.NDArray[np.int64]) -> Curve:
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
                asked=data.asked(step, measured),
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
        where=None if data.chosen is None else data.chosen.words,
    )


def _changes(points: SeenPoints) -> npt.NDArray[np.int64]:
    """How many were measured, memorized, onsets, forgotten and relearned: `[5, checkpoints]`."""
    return np.array([[int(np.count_nonzero(each)) for each in flags] for flags in _flags(points)], np.int64).T


def _flags(points: SeenPoints) -> Iterator[tuple[Flags, ...]]:
    """Of each checkpoint: which were measured, memorized, onsets, forgotten and relearned."""
    for change in points.transitions():
        yield change.measured, change.memorized, change.onset, change.forgotten, change.relearned
