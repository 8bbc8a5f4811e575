"""What is found: exposures, how a text was encoded where it stands, and which part of the order that covers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Self

from seenat.attribution.find.coverage import Segment
from seenat.attribution.find.viewpoint import Viewpoint
from seenat.registry.answer import Answer, TableAnswer
from seenat.registry.units import SequenceRange, merged_ranges, uncovered

if TYPE_CHECKING:
    from seenat.memorization.results.trajectory import Onset

__all__ = [
    "Context",
    "Coverage",
    "Exposure",
    "Found",
    "FoundVariant",
    "MeasuredText",
    "Place",
    "StoredResult",
    "TextPoint",
    "ValueExposures",
]


@dataclass(frozen=True, kw_only=True)
class Coverage(Answer):
    """Which of the sequences that count were searched."""

    sequences: SequenceRange
    """Those that count: of the order, or those that the model or the checkpoint had seen."""
    exact: tuple[SequenceRange, ...]
    """Where every occurrence was found."""
    lower_bound: tuple[SequenceRange, ...]
    """Where the text is shorter than the index window, so that only some were."""
    missing: tuple[SequenceRange, ...]
    """Not searched: no index covers them."""
    altered_from_step: int | None = None
    """From this step on the model was trained on other batches than those of its order, which count as not seen."""
    complete: bool
    """Whether every occurrence among the sequences that count was found."""

    @classmethod
    def of(cls, viewpoint: Viewpoint, parts: Sequence[Segment]) -> Self:
        """Of the segments that were searched."""
        exact = merged_ranges(part.sequences for part in parts if part.exact)
        return cls(
            sequences=viewpoint.sequences,
            exact=exact,
            lower_bound=merged_ranges(part.sequences for part in parts if not part.exact),
            missing=tuple(uncovered(viewpoint.sequences, sorted(part.sequences for part in parts))),
            altered_from_step=viewpoint.altered_from_step,
            complete=not tuple(uncovered(viewpoint.sequences, exact)) and viewpoint.altered_from_step is None,
        )


@dataclass(frozen=True, kw_only=True)
class FoundVariant(Answer):
    """One way in which the text may have been encoded, and how often it stands so."""

    text: str | None
    ids: tuple[int, ...]
    cut: bool
    """Whether these are only the whole words of the text, and the ids around them begin and end it."""
    count: int | None
    """None where only the first exposures were asked for."""


@dataclass(frozen=True, kw_only=True)
class Context(Answer):
    """The text around an exposure in its sequence."""

    before: str
    text: str
    after: str


@dataclass(frozen=True, kw_only=True)
class Exposure(Answer):
    """One time the text passed through training."""

    sequence: int
    offset: int
    """Position of its first id in the sequence, from 0."""
    length: int
    """How many ids it takes."""
    batch: int
    step: int
    """The update that consumed it: batch + 1."""
    variant: int
    """Its place among the variants, from 0."""
    first_checkpoint_seen: int | None
    """The first saved step that had seen it; None without a model, or where no later one was saved."""
    last_checkpoint_unseen: int | None
    context: Context | None = None

    json_only_with: ClassVar[Mapping[str, str]] = {"context": "context"}

    @classmethod
    def of(cls, viewpoint: Viewpoint, sequence: int, offset: int, length: int, variant: int) -> Self:
        """At a place, as somebody counts it."""
        batch = viewpoint.batch_of(sequence)
        return cls(
            sequence=sequence,
            offset=offset,
            length=length,
            batch=batch,
            step=batch + 1,
            variant=variant,
            first_checkpoint_seen=viewpoint.first_checkpoint_seen(sequence),
            last_checkpoint_unseen=viewpoint.last_checkpoint_unseen(sequence),
        )


@dataclass(frozen=True, kw_only=True)
class Place(Answer):
    """Where the next page begins."""

    sequence: int
    offset: int

    def __str__(self) -> str:
        return f"{self.sequence}:{self.offset}"


@dataclass(frozen=True, kw_only=True)
class TextPoint(Answer):
    """A text at one checkpoint."""

    step: int
    exposures: int
    """How often the checkpoint had seen it, among the sequences that were searched."""
    prefix: int
    """Ids of the continuation that greedy decoding reproduces, from the first."""
    memorized: bool
    surprisal: float
    """Mean over the continuation's ids, in nats."""


@dataclass(frozen=True, kw_only=True)
class StoredResult(Answer):
    """A stored measurement of a sequence, whose window holds the found text."""

    sequence: int
    offset: int
    protocol: str
    """The id of its protocol."""
    measure: str
    window: tuple[int, int]
    """The positions of the sequence that it read."""
    onset: Onset | None


@dataclass(frozen=True, kw_only=True)
class MeasuredText(Answer):
    """A text over some checkpoints of a model."""

    model: str
    prompt: int
    """Ids of the text that were given."""
    continuation: int
    """Ids that were to be reproduced."""
    points: tuple[TextPoint, ...]
    """Ascending by step."""
    stored: tuple[StoredResult, ...]
    """Of the exposures that are listed; none where none was measured at their offsets."""

    @property
    def onset(self) -> int | None:
        """The first of the checkpoints that reproduces the whole continuation."""
        return next((point.step for point in self.points if point.memorized), None)


@dataclass(frozen=True, kw_only=True)
class ValueExposures(Answer):
    """How many exposures are in sequences with a value of a label."""

    value: str | None
    """None for sequences without one."""
    count: int


@dataclass(frozen=True, kw_only=True)
class Found(TableAnswer):
    """Every exposure of a text, in training order, or a page of them."""

    text: str | None
    """The query; None where ids were given."""
    order: str
    model: str | None
    step: int | None
    """The checkpoint that was asked for."""
    coverage: Coverage
    variants: tuple[FoundVariant, ...]
    within_words: bool | None
    """Whether places were looked for at which the text begins or ends within a word; False where it has no whole word between
    its first and its last to look for, None where ids were given."""
    count: int | None
    """Of all exposures; None where only the first were asked for."""
    exposures: tuple[Exposure, ...]
    next: Place | None
    """Give this as `after` for the next page; None where there is none."""
    measured: MeasuredText | None = None
    """What checkpoints make of the text, where that was asked for."""
    where: tuple[str, ...] | None = None
    """LABEL=VALUE of the sequences that were counted; None, and no key, for all."""
    label: str | None = None
    """By whose values exposures were counted; None, and no key, for none."""
    groups: tuple[ValueExposures, ...] | None = None
    """Of each value of the label that has any, the most first."""

    table_field = "exposures"
    json_only_with: ClassVar[Mapping[str, str]] = {
        "measured": "measured",
        "where": "where",
        "label": "label",
        "groups": "groups",
    }
