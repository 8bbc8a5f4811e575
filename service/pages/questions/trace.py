"""Trace: the parts of a text that stand in training word for word, by their rarity, and where each stands."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from seenat.service.pages.asking import Asked
from seenat.service.pages.page import Page
from seenat.service.pages.questions.choices import (
    FOR_SEARCHABLE,
    Missing,
    Searchable,
    given_text,
    or_missing,
    searchable,
)
from seenat.service.pages.questions.search import coverage_sentences
from seenat.service.pages.questions.texts import cut_by_spans

__all__ = ["CLASSES", "TRACE_PAGE", "Span", "TraceView"]

CLASSES = 5
"""Classes of rarity, 1 to 5; what is too frequent to be looked for is 0."""
_ROUTE = "/trace"
_EXPOSURES = 10


@dataclass(frozen=True, kw_only=True)
class Span:
    """A part of the text that stands in training."""

    number: int
    span: Mapping[str, Any]
    text: str
    rarity_class: int
    is_gapped: bool

    @property
    def ids(self) -> int:
        """How many ids it has."""
        return int(self.span["stop"] - self.span["start"])

    @property
    def more(self) -> int:
        """Exposures that are not listed."""
        return int(self.span["count"] or 0) - len(self.span["exposures"])


@dataclass(frozen=True, kw_only=True)
class Part:
    """A part of the text as it is shown."""

    text: str
    span: Span | None
    is_first: bool
    """Of the parts of this span: the one to come back to."""


@dataclass(frozen=True, kw_only=True)
class TraceView:
    """A text, and its spans."""

    asked: Mapping[str, Any]
    choices: Searchable
    missing: Missing | None
    traced: Mapping[str, Any] | None
    spans: tuple[Span, ...]
    parts: tuple[Part, ...]

    @property
    def coverage(self) -> list[str]:
        """What was searched."""
        assert self.traced is not None
        return coverage_sentences(self.traced["coverage"])

    @property
    def within(self) -> int:
        """Ids of the text that lie in a span."""
        spans = (span.span for span in self.spans if not span.span["frequent"])
        return len({place for span in spans for place in range(span["start"], span["stop"])})

    @property
    def classes(self) -> list[int]:
        """The classes that occur, the rarest first."""
        return sorted({span.rarity_class for span in self.spans}, reverse=True)


def trace_view(asked: Asked) -> TraceView:
    """The page of a trace."""
    where = {key: asked.get(key) for key in ("order", "model", "step", "minimum", "gaps")} | {"text": given_text(asked)}
    choices, traced, missing = searchable(asked), None, None
    if where["text"]:
        traced = or_missing(lambda: asked.ask(_ROUTE, **where, exposures=_EXPOSURES))
        if isinstance(traced, Missing):
            missing, traced = traced, None
    else:
        missing = choices.missing
    spans = () if traced is None else _spans(traced)
    parts = () if traced is None else _parts(traced, spans)
    return TraceView(asked=where, choices=choices, missing=missing, traced=traced, spans=spans, parts=parts)


def rarity_class(rarity: float, rarest: float) -> int:
    """Which fifth of the rarest span's rarity this is, 1 to 5."""
    return max(1, min(CLASSES, math.ceil(CLASSES * rarity / rarest))) if rarest > 0 else 1


def _spans(traced: Mapping[str, Any]) -> tuple[Span, ...]:
    found = [*((span, False) for span in traced["spans"]), *((span, True) for span in traced["gapped"])]
    rarest = max((span["rarity"] for span, _ in found if not span["frequent"]), default=0.0)
    return tuple(
        Span(
            number=number,
            span=span,
            text=span["text"] if span["text"] is not None else _numbers(span["ids"]),
            rarity_class=0 if span["frequent"] else rarity_class(span["rarity"], rarest),
            is_gapped=is_gapped,
        )
        for number, (span, is_gapped) in enumerate(found, 1)
    )


def _parts(traced: Mapping[str, Any], spans: Sequence[Span]) -> tuple[Part, ...]:
    """The whole text; where spans overlap the rarest, exact one is shown, since it comes first."""
    text = traced["text"] if traced["text"] is not None else _numbers(traced["ids"])
    chosen = sorted(spans, key=lambda span: span.rarity_class == 0)
    begun: set[int] = set()
    parts = []
    for piece, place in cut_by_spans(text, [_range(traced, span.span) for span in chosen]):
        span = None if place is None else chosen[place]
        parts.append(Part(text=piece, span=span, is_first=span is not None and span.number not in begun))
        begun |= set() if span is None else {span.number}
    return tuple(parts)


def _range(traced: Mapping[str, Any], span: Mapping[str, Any]) -> tuple[int, int]:
    """The characters of a span; those of its ids as numbers where the text is not known."""
    if span["characters"] is not None:
        return span["characters"]["start"], span["characters"]["stop"]
    before = len(_numbers(traced["ids"][: span["start"]]))
    start = before + 1 if span["start"] else 0
    return start, start + len(_numbers(traced["ids"][span["start"] : span["stop"]]))


def _numbers(ids: Sequence[int]) -> str:
    return " ".join(map(str, ids))


TRACE_PAGE = Page(
    path="/trace",
    template="questions/trace.html",
    view=trace_view,
    shows=(_ROUTE, *FOR_SEARCHABLE),
    query=("text", "order", "model", "step", "minimum", "gaps"),
    is_slow=True,
    label="Trace",
)
