"""How often a content had been seen when it was memorized first.

A content's *exposures* at a checkpoint are how many sequences of that content the checkpoint had consumed, its *class* how
many the part of the order that is read holds. Its onset is the first measured checkpoint at which any of its seen sequences
was memorized; it happened after the exposures at the last checkpoint before it at which one was measured, and by those at the
onset.

Beside what reading the order takes (see `contents`), a sequence costs 80 bytes of memory at most while onsets are looked for.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from seenat.memorization.studies.inputs.study_data import StudyData, open_study_data
from seenat.registry.catalog.catalog import Catalog
from seenat.registry.catalog.models import Model
from seenat.registry.errors import InvalidValue, NotMeasured
from seenat.registry.orders.duplicates import MOST_BYTES, MOST_SEQUENCES, Contents, Indices, contents_of
from seenat.registry.units import SequenceRange

__all__ = [
    "ExposureClass",
    "ExposureOnsets",
    "exposure_onsets",
    "quantile",
]


@dataclass(frozen=True, kw_only=True)
class ExposureClass:
    """What a model did with the contents that occur equally often."""

    times: int
    """How many sequences hold each of them, of those read: what the last checkpoint considered had seen."""
    contents: int
    """Those of which some sequence was measured at a checkpoint that had seen it."""
    memorized: int
    """Those that some checkpoint had memorized."""
    steps: tuple[int, ...]
    """Of each that was memorized, the step of its onset, ascending."""
    exposures: tuple[int, ...]
    """Of each, its exposures at the onset, ascending."""
    exposures_before: tuple[int, ...]
    """Of each, its exposures at the last measured checkpoint before, ascending; 0 where none was measured."""

    def to_json(self) -> dict[str, Any]:
        """Counts, medians, quartiles, and how many contents were memorized first after how many exposures."""
        values, counts = np.unique(np.array(self.exposures, np.int64), return_counts=True)
        return {
            "times": self.times,
            "contents": self.contents,
            "memorized": self.memorized,
            "median_step": quantile(self.steps, 0.5),
            "median_exposures": quantile(self.exposures, 0.5),
            "median_exposures_before": quantile(self.exposures_before, 0.5),
            "quartiles": [quantile(self.exposures, 0.25), quantile(self.exposures, 0.75)],
            "exposures": [
                {"exposures": value, "contents": count}
                for value, count in zip(values.tolist(), counts.tolist(), strict=True)
            ],
        }


@dataclass(frozen=True, kw_only=True)
class ExposureOnsets:
    """The exposures at onset of one model's contents, by class."""

    names: dict[str, Any]
    """Model, order and protocol."""
    model: str
    until: int
    """The step up to which the order was read and checkpoints were considered."""
    classes: tuple[ExposureClass, ...]
    """The most repeated first."""

    def to_json(self) -> dict[str, Any]:
        """The answer under the keys of every JSON answer."""
        return {**self.names, "until": self.until, "classes": [one.to_json() for one in self.classes]}


def exposure_onsets(
    catalog: Catalog,
    models: Iterable[Model],
    protocol: str | None = None,
    until: int | None = None,
    most: int = MOST_SEQUENCES,
) -> tuple[ExposureOnsets, ...]:
    """The exposures at onset of each model, as given, over its checkpoints up to a step, or over all.

    The part of the order that the last of them had seen is read once for all models that need the same. Raises
    `NotMeasured` where there is no such checkpoint, `InvalidValue` where that part is longer than `most` sequences and no
    step was named, and `UnknownOrder` where a run left its order before.
    """
    known: dict[tuple[int, int], Contents] = {}
    found = []
    for model in models:
        results = open_study_data(catalog, model, protocol)
        steps = _steps(results, until)
        key = model.order.id, results.seen(steps[-1]).stop
        if until is None and key[1] > most:
            raise _too_many(results, key[1], most)
        if key not in known:
            known[key] = contents_of(model.order.source(), key[1])
        found.append(
            ExposureOnsets(
                names=results.names(),
                model=model.name,
                until=steps[-1],
                classes=_classes(results, steps, known[key]),
            )
        )
    return tuple(found)


def quantile(ascending: tuple[int, ...], share: float) -> int | None:
    """The least of the values that so large a share does not exceed; None of none. The lower one of two middle ones."""
    return ascending[max(0, math.ceil(share * len(ascending)) - 1)] if ascending else None


def _steps(results: StudyData, until: int | None) -> tuple[int, ...]:
    steps = tuple(step for step in results.steps if step and (until is None or step <= until))
    name = results.model.name
    if not steps:
        raise NotMeasured(
            f"No checkpoint of {name} from step 1 to {until} has been measured; run `seenat memorize {name}`."
            if until is not None
            else f"Only step 0 of {name} has been measured; run `seenat memorize {name}`."
        )
    results.model.check_unaltered(steps[-1] - 1)
    return steps


def _too_many(results: StudyData, sequences: int, most: int) -> InvalidValue:
    model = results.model
    return InvalidValue(
        f"To count exposures, all {sequences:,} sequences that {model.name} had seen must be read and compared: "
        f"{sequences * model.order.geometry.sequence_bytes / 1e9:,.1f} GB of ids and "
        f"{sequences * MOST_BYTES / 1e9:,.1f} GB of memory; name the last step to consider with --until, for example "
        f"{most // model.schedule.sequences_per_batch}, or {results.steps[-1]} for all."
    )


def _classes(results: StudyData, steps: tuple[int, ...], contents: Contents) -> tuple[ExposureClass, ...]:
    known, first, before = _onsets(results, steps, contents)
    seen = np.array([*(results.seen(step).stop for step in steps), 0], np.int64)
    # Index -1, "never" and "not measured before", is the last entry: 0 sequences seen.
    at, earlier = _exposures(contents, seen[first]), _exposures(contents, seen[before])
    memorized = np.flatnonzero(first >= 0)
    classes, sizes = np.unique(contents.times[known], return_counts=True)
    found = []
    for times, number in zip(classes[::-1].tolist(), sizes[::-1].tolist(), strict=True):
        chosen = memorized[contents.times[memorized] == times]
        found.append(
            ExposureClass(
                times=times,
                contents=number,
                memorized=len(chosen),
                steps=tuple(steps[place] for place in np.sort(first[chosen]).tolist()),
                exposures=tuple(np.sort(at[chosen]).tolist()),
                exposures_before=tuple(np.sort(earlier[chosen]).tolist()),
            )
        )
    return tuple(found)


def _onsets(
    results: StudyData, steps: tuple[int, ...], contents: Contents
) -> tuple[npt.NDArray[np.bool_], Indices, Indices]:
    """Of each content: whether it was measured, the place of its onset's step, and of the last measured one before; or -1."""
    known = np.zeros(len(contents.times), np.bool_)
    never = len(steps)
    first = np.full(len(known), never, np.int64)
    before = np.full(len(known), -1, np.int64)
    ranges = tuple(results.ranges(SequenceRange(0, len(contents.content))))
    for sequences in ranges:
        points, here = results.points(sequences, steps), contents.content[sequences.start : sequences.stop]
        known[here[points.ever_measured]] = True
        for place, memorized in enumerate(points.memorized):
            first[here[memorized]] = np.minimum(first[here[memorized]], place)
    for sequences in ranges:
        points, here = results.points(sequences, steps), contents.content[sequences.start : sequences.stop]
        for place, measured in enumerate(points.measured):
            earlier = here[measured & (first[here] > place)]
            before[earlier] = np.maximum(before[earlier], place)
    return known, np.where(first == never, -1, first), before


def _exposures(contents: Contents, seen: Indices) -> Indices:
    """How many sequences of each content lie below its own limit, `[contents]`."""
    consumed = np.arange(len(contents.content)) < seen[contents.content]
    return np.bincount(contents.content[consumed], minlength=len(contents.times)).astype(np.int64)
