"""What a trace tells: the spans of a text, the rarest first, and where each stands in training."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from seenat.attribution.find.answers import Coverage
from seenat.attribution.find.viewpoint import Viewpoint
from seenat.registry.answer import Answer, TableAnswer

__all__ = ["Characters", "Traced", "TracedExposure", "TracedSpan"]


@dataclass(frozen=True, kw_only=True)
class Characters(Answer):
    """A half-open range of the characters of a text."""

    start: int
    stop: int


@dataclass(frozen=True, kw_only=True)
class TracedExposure(Answer):
    """One time that a span passed through training."""

    sequence: int
    offset: int
    """Position of its first id in the sequence, from 0."""
    batch: int
    step: int
    """The update that consumed it: batch + 1."""
    first_checkpoint_seen: int | None
    """The first saved step that had seen it; None without a model, or where no later one was saved."""
    last_checkpoint_unseen: int | None
    differing: tuple[int, ...] | None = None
    """The places in the text whose ids differ here; None for exact spans."""

    json_only_with: ClassVar[Mapping[str, str]] = {"differing": "differing"}

    @classmethod
    def of(cls, viewpoint: Viewpoint, sequence: int, offset: int, differing: tuple[int, ...] | None) -> Self:
        """At a place, as somebody counts it."""
        batch = viewpoint.batch_of(sequence)
        return cls(
            sequence=sequence,
            offset=offset,
            batch=batch,
            step=batch + 1,
            first_checkpoint_seen=viewpoint.first_checkpoint_seen(sequence),
            last_checkpoint_unseen=viewpoint.last_checkpoint_unseen(sequence),
            differing=differing,
        )


@dataclass(frozen=True, kw_only=True)
class TracedSpan(Answer):
    """The ids `[start, stop)` of a text, and where they stand in training."""

    start: int
    stop: int
    ids: tuple[int, ...]
    text: str | None
    characters: Characters | None
    """Which characters of the answer's text these are."""
    count: int | None
    """How many exposures there are; None for a frequent span."""
    rarity: float
    """The sum of -ln p of its ids, p their frequency in the order."""
    frequent: bool
    """Whether parts of it stand in training too often to be looked for, so that it need not stand there as a whole."""
    run: bool
    """Whether it is one id many times; its exposures are the runs of that id, as long as the shortest span at least."""
    exposures: tuple[TracedExposure, ...]
    """The first ones, in training order."""


@dataclass(frozen=True, kw_only=True)
class Traced(TableAnswer):
    """Which parts of a text stand word for word in training, the rarest first."""

    text: str | None
    """The text, or that of the ids; None for an order without a tokenizer."""
    order: str
    model: str | None
    step: int | None
    """The checkpoint that was asked for."""
    coverage: Coverage
    minimum: int
    """The shortest span that was looked for, in ids."""
    max_frequency: int | None
    """The most samples that were read for as many ids."""
    gaps: int
    ids: tuple[int, ...]
    spans: tuple[TracedSpan, ...]
    gapped: tuple[TracedSpan, ...]
    """Spans in which up to `gaps` ids differ."""

    table_field = "spans"

    def level(self, span: TracedSpan) -> int:
        """How rare a span is among those of this text, 3 the rarest third; 0 for a frequent one."""
        rarest = max((each.rarity for each in (*self.spans, *self.gapped) if not each.frequent), default=0.0)
        return 0 if span.frequent or not rarest else min(3, 1 + int(3 * span.rarity / rarest))

    def pieces(self) -> Iterator[tuple[str, TracedSpan | None]]:
        """The whole text cut where spans begin and end, and the span that each piece lies in; the rarest, exact ones first.

        A text that is not known is that of its ids, as numbers.
        """
        text, borders = (self.text, None) if self.text is not None else _numbers(self.ids)
        spans = sorted((*self.spans, *self.gapped), key=lambda span: span.frequent)
        ranges = [_range(span, borders) for span in spans]
        lying_in = np.full(len(text), -1)
        for number, (start, stop) in reversed(list(enumerate(ranges))):
            lying_in[start:stop] = number
        cuts = [0, *(np.flatnonzero(np.diff(lying_in)) + 1).tolist(), len(text)]
        for start, stop in itertools.pairwise(cuts):
            if start < stop:
                yield text[start:stop], None if lying_in[start] < 0 else spans[lying_in[start]]


def _numbers(ids: tuple[int, ...]) -> tuple[str, list[int]]:
    """Ids as a text, and at which character each begins; and the last one's end."""
    words = [str(id_) for id_ in ids]
    return " ".join(words), np.cumsum([0, *(len(word) + 1 for word in words)]).tolist()


def _range(span: TracedSpan, borders: list[int] | None) -> tuple[int, int]:
    if borders is not None:
        return borders[span.start], borders[span.stop] - 1
    assert span.characters is not None  # Of a text that is known.
    return span.characters.start, span.characters.stop
