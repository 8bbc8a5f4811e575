"""How often a content had been seen when it was memorized first.

A content is a whole sequence of ids or, where only the measured window is compared, the ids that the protocol reads. Its *exposures* at a checkpoint are how many sequences of that content the checkpoint had consumed, its *class* how
many the part of the order that is read holds. Its onset is the first measured checkpoint at which any of its seen sequences
was memorized; it happened after the exposures at the last checkpoint before it at which one was measured, and by those at the
onset.

Beside what reading the order takes (see `contents`), a sequence costs 80 bytes of memory at most while onsets are looked for.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import ClassVar, TypedDict

import numpy as np
import numpy.typing as npt

from seenat.memorization.labels.choose import Where
from seenat.memorization.studies.inputs.study_data import StudyAnswer, StudyData, open_study_data
from seenat.registry.answer import Answer, TableAnswer
from seenat.registry.catalog.catalog import Catalog
from seenat.registry.catalog.models import Model
from seenat.registry.errors import InvalidValue, NotMeasured
from seenat.registry.orders.duplicate_sequences import MOST_BYTES, MOST_SEQUENCES, Contents, Indices, contents_of
from seenat.registry.units import HalfOpenRange, SequenceRange

__all__ = [
    "ExposureClass",
    "ExposureCount",
    "ExposureOnsets",
    "ExposureRisk",
    "exposure_onsets",
    "quantile",
]


_Onsets = tuple[npt.NDArray[np.bool_], Indices, Indices]


@dataclass(frozen=True, kw_only=True)
class ExposureCount(Answer):
    """How many contents were memorized first after a number of exposures."""

    exposures: int
    contents: int


@dataclass(frozen=True, kw_only=True)
class ExposureClass(Answer):
    """What a model did with the contents that occur equally often."""

    times: int
    """How many sequences hold each of them, of those read: what the last checkpoint considered had seen."""
    contents: int
    """Contents with a sequence that was measured at a checkpoint that had seen it."""
    memorized: int
    """Those that some checkpoint had memorized."""
    steps: tuple[int, ...]
    """Of each that was memorized, the step of its onset, ascending."""
    exposures: tuple[int, ...]
    """Of each, its exposures at the onset, ascending."""
    exposures_before: tuple[int, ...]
    """Of each, its exposures at the last measured checkpoint before, ascending; 0 where none was measured."""

    json_names = (
        "times",
        "contents",
        "memorized",
        "median_step",
        "median_exposures",
        "median_exposures_before",
        "quartiles",
        "exposures=exposure_counts",
    )

    @property
    def median_step(self) -> int | None:
        """The median step of an onset."""
        return quantile(self.steps, 0.5)

    @property
    def median_exposures(self) -> int | None:
        """The median of the exposures at the onset."""
        return quantile(self.exposures, 0.5)

    @property
    def median_exposures_before(self) -> int | None:
        """The median of the exposures at the last measured checkpoint before the onset."""
        return quantile(self.exposures_before, 0.5)

    @property
    def quartiles(self) -> tuple[int | None, int | None]:
        """The lower and the upper quartile of the exposures at the onset."""
        return quantile(self.exposures, 0.25), quantile(self.exposures, 0.75)

    @property
    def exposure_counts(self) -> tuple[ExposureCount, ...]:
        """How many contents were memorized first after each number of exposures, ascending."""
        values, counts = np.unique(np.array(self.exposures, np.int64), return_counts=True)
        return tuple(
            ExposureCount(exposures=value, contents=count)
            for value, count in zip(values.tolist(), counts.tolist(), strict=True)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ExposureRisk(Answer):
    """What became of contents that had been seen equally often and were not memorized yet.

    A content counts once at every checkpoint at which one of its seen sequences was measured, up to its onset.
    """

    exposures: int
    """By the checkpoint."""
    at_risk: int
    """Contents that no earlier checkpoint had memorized."""
    onsets: int
    """Those among them that this checkpoint had memorized."""

    json_names = ("exposures", "at_risk", "onsets", "share")

    @property
    def share(self) -> float:
        """The share of those at risk that were memorized then. It grows with the distance between checkpoints."""
        return self.onsets / self.at_risk


@dataclass(frozen=True, kw_only=True)
class ExposureOnsets(StudyAnswer, TableAnswer):
    """The exposures at onset of one model's contents, by class."""

    until: int
    """The step up to which the order was read and checkpoints were considered."""
    window: HalfOpenRange | None
    """The positions of a sequence that make its content, where the measured ones do; None where all do."""
    classes: tuple[ExposureClass, ...]
    """The most repeated first."""
    risks: tuple[ExposureRisk, ...]
    """By exposures so far, ascending."""

    table_field = "classes"
    json_only_with: ClassVar[Mapping[str, str]] = {"window": "window"}


def exposure_onsets(
    catalog: Catalog,
    models: Iterable[Model],
    protocol: str | None = None,
    until: int | None = None,
    most: int = MOST_SEQUENCES,
    measured: bool = False,
    where: Where = None,
) -> tuple[ExposureOnsets, ...]:
    """The exposures at onset of each model, as given, over its checkpoints up to a step, or over all.

    With `measured`, sequences that are equal in the ids that the protocol reads have one content. The part of the order that the last of them had seen is read once for all models that need the same. Raises
    `NotMeasured` where there is no such checkpoint, `InvalidValue` where that part is longer than `most` sequences and no
    step was named, and `UnknownOrder` where a run left its order before.
    """
    contents: dict[tuple[int, int, HalfOpenRange], Contents] = {}
    answers = []
    for model in models:
        data = open_study_data(catalog, model, protocol, where=where)
        steps = _steps(data, until)
        whole = HalfOpenRange(0, model.order.geometry.tokens_per_sequence)
        window = HalfOpenRange(*data.protocol.window) if measured else whole
        key = model.order.id, data.seen(steps[-1]).stop, window
        if until is None and key[1] > most:
            raise _too_many(data, key[1], most)
        if key not in contents:
            contents[key] = contents_of(model.order.source(), key[1], window=None if window == whole else window)
        answers.append(
            ExposureOnsets(
                **data.scope(),
                until=steps[-1],
                window=window if measured else None,
                **_counted(data, steps, contents[key]),
            )
        )
    return tuple(answers)


def quantile(ascending: tuple[int, ...], share: float) -> int | None:
    """The smallest value with at least this share of the values at or below it; None if there are no values."""
    return ascending[max(0, math.ceil(share * len(ascending)) - 1)] if ascending else None


def _steps(data: StudyData, until: int | None) -> tuple[int, ...]:
    steps = tuple(step for step in data.steps if step and (until is None or step <= until))
    name = data.model.name
    again = f"seenat memorize {name}{data.protocol.options}"
    if not steps:
        raise NotMeasured(
            f"No checkpoint of {name} from step 1 to {until} has been measured; run `{again}`."
            if until is not None
            else f"Only step 0 of {name} has been measured; run `{again}`."
        )
    data.model.check_unaltered(steps[-1] - 1)
    return steps


def _too_many(data: StudyData, sequences: int, most: int) -> InvalidValue:
    model = data.model
    return InvalidValue(
        f"To count exposures, all {sequences:,} sequences that {model.name} had seen must be read and compared: "
        f"{sequences * model.order.geometry.sequence_bytes / 1e9:,.1f} GB of ids and "
        f"{sequences * MOST_BYTES / 1e9:,.1f} GB of memory; name the last step to consider with --until, for example "
        f"{most // model.schedule.sequences_per_batch}, or {data.steps[-1]} for all."
    )


class _Counted(TypedDict):
    classes: tuple[ExposureClass, ...]
    risks: tuple[ExposureRisk, ...]


def _counted(data: StudyData, steps: tuple[int, ...], contents: Contents) -> _Counted:
    onsets = _onsets(data, steps, contents)
    return {
        "classes": _classes(data, steps, contents, onsets),
        "risks": _risks(data, steps, contents, onsets[1]),
    }


def _risks(data: StudyData, steps: tuple[int, ...], contents: Contents, first: Indices) -> tuple[ExposureRisk, ...]:
    at_risk: Counter[int] = Counter()
    memorized: Counter[int] = Counter()
    for place, step in enumerate(steps):
        seen, measured = data.seen(step), np.zeros(len(contents.times), np.bool_)
        for sequences in data.ranges(SequenceRange(0, seen.stop)):
            here = contents.content[sequences.start : sequences.stop]
            measured[here[data.points(sequences, (step,)).measured[0]]] = True
        going = measured & ((first < 0) | (first >= place))
        exposures = np.bincount(contents.content[: seen.stop], minlength=len(contents.times))
        for counts, chosen in ((at_risk, going), (memorized, going & (first == place))):
            numbers, contents_of_each = np.unique(exposures[chosen], return_counts=True)
            counts.update(dict(zip(numbers.tolist(), contents_of_each.tolist(), strict=True)))
    return tuple(
        ExposureRisk(exposures=number, at_risk=at_risk[number], onsets=memorized[number]) for number in sorted(at_risk)
    )


def _classes(data: StudyData, steps: tuple[int, ...], contents: Contents, onsets: _Onsets) -> tuple[ExposureClass, ...]:
    measured, first, before = onsets
    seen = np.array([*(data.seen(step).stop for step in steps), 0], np.int64)
    # Index -1, "never" and "not measured before", is the last entry: 0 sequences seen.
    at, earlier = _exposures(contents, seen[first]), _exposures(contents, seen[before])
    memorized = np.flatnonzero(first >= 0)
    classes, sizes = np.unique(contents.times[measured], return_counts=True)
    exposure_classes = []
    for times, number in zip(classes[::-1].tolist(), sizes[::-1].tolist(), strict=True):
        chosen = memorized[contents.times[memorized] == times]
        exposure_classes.append(
            ExposureClass(
                times=times,
                contents=number,
                memorized=len(chosen),
                steps=tuple(steps[place] for place in np.sort(first[chosen]).tolist()),
                exposures=tuple(np.sort(at[chosen]).tolist()),
                exposures_before=tuple(np.sort(earlier[chosen]).tolist()),
            )
        )
    return tuple(exposure_classes)


def _onsets(data: StudyData, steps: tuple[int, ...], contents: Contents) -> _Onsets:
    """For each content: whether it was measured, the index of its onset's step, and that of the last measured one before, or -1."""
    ever_measured = np.zeros(len(contents.times), np.bool_)
    never = len(steps)
    first = np.full(len(ever_measured), never, np.int64)
    before = np.full(len(ever_measured), -1, np.int64)
    ranges = tuple(data.ranges(SequenceRange(0, len(contents.content))))
    for sequences in ranges:
        points, here = data.points(sequences, steps), contents.content[sequences.start : sequences.stop]
        ever_measured[here[points.ever_measured]] = True
        for place, memorized in enumerate(points.memorized):
            first[here[memorized]] = np.minimum(first[here[memorized]], place)
    for sequences in ranges:
        points, here = data.points(sequences, steps), contents.content[sequences.start : sequences.stop]
        for place, measured in enumerate(points.measured):
            earlier = here[measured & (first[here] > place)]
            before[earlier] = np.maximum(before[earlier], place)
    return ever_measured, np.where(first == never, -1, first), before


def _exposures(contents: Contents, seen: Indices) -> Indices:
    """How many sequences of each content lie below the limit of that content, `[contents]`."""
    consumed = np.arange(len(contents.content)) < seen[contents.content]
    return np.bincount(contents.content[consumed], minlength=len(contents.times)).astype(np.int64)
