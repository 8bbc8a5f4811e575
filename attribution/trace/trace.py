"""A text, or ids, to an answer: encoded, traced by the indexes of an order, and told as the asking model counts steps."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from seenat.attribution.find.answers import Coverage
from seenat.attribution.find.coverage import Segment, segments
from seenat.attribution.find.find import Query
from seenat.attribution.find.viewpoint import Viewpoint
from seenat.attribution.ngrams.codes import ids_of
from seenat.attribution.ngrams.open import OpenIndexes
from seenat.attribution.trace.answers import Characters, Traced, TracedExposure, TracedSpan
from seenat.attribution.trace.gaps import differing
from seenat.attribution.trace.parts import AFTER, parts_of
from seenat.attribution.trace.rarity import rarities
from seenat.attribution.trace.spans import LONGEST_TEXT, MOST_SAMPLES, Span, Stretch, Trace, checked_ids, trace_spans
from seenat.registry.errors import InvalidValue, NotIndexed
from seenat.registry.orders.source import TokenSource
from seenat.registry.orders.text.detokenize import decode_ids
from seenat.registry.orders.text.encode import encode
from seenat.registry.orders.text.tokenizer import OrderTokenizer, load_tokenizer

__all__ = ["TraceRequest", "not_indexed", "trace"]

_Ids = npt.NDArray[np.int64]

# Encoding a text takes some hundred bytes a character; ordinary text has four an id.
_CHARACTERS_AN_ID = 64
# What a part of a character is decoded to, and the most bytes, so ids, of a character.
_HALF = "\N{REPLACEMENT CHARACTER}"
_LONGEST_CHARACTER = 4


@dataclass(frozen=True, kw_only=True)
class TraceRequest:
    """What is to be looked for, and how much of it is told."""

    minimum: int | None = None
    """The shortest span, in ids; None for what the widest index finds the fast way, 11 for a window of 8."""
    max_frequency: int | None = MOST_SAMPLES
    """The most samples to read for `minimum` consecutive ids; None for no bound."""
    gaps: int = 0
    """How many ids of a match may differ."""
    exposures: int = 10
    """Most exposures that are listed of each span."""

    def __post_init__(self) -> None:
        least = {"minimum": 1, "max_frequency": 1, "gaps": 0, "exposures": 0}
        for name, lowest in least.items():
            value = getattr(self, name)
            if value is not None and value < lowest:
                raise InvalidValue(f"{name} is a whole number from {lowest}, not {value}.")


@dataclass(frozen=True)
class _Told:
    """A text, its ids, and from which character each id is; neither without a tokenizer."""

    ids: _Ids
    text: str | None = None
    starts: tuple[int, ...] = ()
    stops: tuple[int, ...] = ()

    def characters(self, start: int, stop: int) -> Characters | None:
        """The characters of the ids `[start, stop)`."""
        if self.text is None:
            return None
        return Characters(start=self.starts[start], stop=max(self.starts[start], self.stops[stop - 1]))


def trace(opened: OpenIndexes, viewpoint: Viewpoint, query: Query, request: TraceRequest) -> Traced:
    """Find which parts of a text stand word for word in the order, and where.

    Raises `NotIndexed` where the order has no index, `InvalidValue` for spans that are shorter than every index window.
    """
    minimum = request.minimum or _default_minimum(opened, viewpoint)
    searched = _searched(opened, viewpoint, minimum)
    told = _told(viewpoint, query)
    found = trace_spans(
        parts_of(searched), opened.source, told.ids, minimum, most=request.max_frequency, gaps=request.gaps
    )
    return Traced(
        text=told.text,
        order=viewpoint.order.name,
        model=None if viewpoint.model is None else viewpoint.model.name,
        step=viewpoint.step,
        coverage=Coverage.of(viewpoint, searched),
        minimum=minimum,
        max_frequency=request.max_frequency,
        gaps=request.gaps,
        ids=tuple(told.ids.tolist()),
        **_spans(opened.source, viewpoint, told, found, request.exposures),
    )


def not_indexed(order: str) -> NotIndexed:
    """The error for an order without an index."""
    return NotIndexed(f"The order {order} has no index; build one with `seenat index build {order}`.", order=order)


def _default_minimum(opened: OpenIndexes, viewpoint: Viewpoint) -> int:
    """What the index of most sequences finds the fast way."""
    if not opened.indexes:
        raise not_indexed(viewpoint.order.name)
    widest = max(opened.indexes, key=lambda index: (sum(map(len, index.covered)), index.window))
    return min(widest.window + AFTER, opened.source.geometry.tokens_per_sequence)


def _searched(opened: OpenIndexes, viewpoint: Viewpoint, minimum: int) -> list[Segment]:
    windows = [index.window for index in opened.indexes]
    if windows and min(windows) > minimum:
        raise InvalidValue(
            f"The indexes of {viewpoint.order.name} find spans of {min(windows)} ids and more, not of {minimum}; ask for at least "
            f"{min(windows)}, or build a denser index: `seenat index build {viewpoint.order.name} --window "
            f"{max(1, minimum - AFTER)}`, with --batches A:B for a part."
        )
    found = segments(opened, minimum, viewpoint.sequences, None, 0)
    return [segment for segment in found if segment.exact and segment.index is not None]


# -- text


def _told(viewpoint: Viewpoint, query: Query) -> _Told:
    order = viewpoint.order
    if isinstance(query, str):
        if len(query) > LONGEST_TEXT * _CHARACTERS_AN_ID:
            raise InvalidValue(
                f"A text of {len(query):,} characters is too long to be traced; cut it into shorter ones."
            )
        encoded = encode(load_tokenizer(order.tokenizer, order=order.name), query)
        starts, stops = zip(*encoded.spans, strict=True) if encoded.spans else ((), ())
        return _Told(encoded.ids, query, starts, stops)
    ids = checked_ids(ids_of(query), np.dtype(order.geometry.dtype)).astype(np.int64)
    if order.tokenizer is None or not len(ids):
        return _Told(ids)
    text = ""
    begins: list[int] = []
    ends: list[int] = []
    for piece, count in _pieces(load_tokenizer(order.tokenizer, order=order.name), ids):
        begins += [len(text)] * count
        text += piece
        ends += [len(text)] * count
    return _Told(ids, text, tuple(begins), tuple(ends))


def _pieces(tokenizer: OrderTokenizer, ids: _Ids) -> Iterator[tuple[str, int]]:
    """The text of consecutive ids, and of how many: of more than one where only together they are whole characters."""
    alone, start = decode_ids(tokenizer, list(ids[:, None])), 0
    while start < len(ids):
        piece, stop = alone[start], start + 1
        while piece.endswith(_HALF) and stop < min(start + _LONGEST_CHARACTER, len(ids)):
            stop += 1
            piece = decode_ids(tokenizer, [ids[start:stop]])[0]
        yield piece, stop - start
        start = stop


# -- answers


def _spans(
    source: TokenSource, viewpoint: Viewpoint, told: _Told, found: Trace, listed: int
) -> dict[str, tuple[TracedSpan, ...]]:
    stretches: list[Stretch] = [(span.start, span.stop) for span in (*found.spans, *found.gapped)]
    rarity = iter(rarities(source, told.ids, [*stretches, *found.frequent]))
    exact = [_span(source, viewpoint, told, span, next(rarity), listed) for span in found.spans]
    gapped = [_span(source, viewpoint, told, span, next(rarity), listed, gapped=True) for span in found.gapped]
    frequent = [_frequent_span(told, start, stop, next(rarity)) for start, stop in found.frequent]
    return {"spans": (*_rarest_first(exact), *_rarest_first(frequent)), "gapped": _rarest_first(gapped)}


def _rarest_first(spans: Sequence[TracedSpan]) -> tuple[TracedSpan, ...]:
    return tuple(sorted(spans, key=lambda span: (-span.rarity, span.start)))


def _span(
    source: TokenSource,
    viewpoint: Viewpoint,
    told: _Told,
    span: Span,
    rarity: float,
    listed: int,
    *,
    gapped: bool = False,
) -> TracedSpan:
    sequences, offsets = span.sequences[:listed], span.offsets[:listed]
    places: list[list[int]] | list[None] = [None] * len(sequences)
    if gapped:
        ids = told.ids[span.start : span.stop].astype(source.geometry.dtype)
        places = differing(source, ids, span.start, sequences, offsets)
    return TracedSpan(
        **_of_the_text(told, span.start, span.stop),
        count=len(span.sequences),
        rarity=rarity,
        frequent=False,
        run=span.is_run,
        exposures=tuple(
            TracedExposure.of(viewpoint, sequence, offset, None if place is None else tuple(place))
            for sequence, offset, place in zip(sequences.tolist(), offsets.tolist(), places, strict=True)
        ),
    )


def _frequent_span(told: _Told, start: int, stop: int, rarity: float) -> TracedSpan:
    whole = _of_the_text(told, start, stop)
    return TracedSpan(**whole, count=None, rarity=rarity, frequent=True, run=False, exposures=())


def _of_the_text(told: _Told, start: int, stop: int) -> dict[str, Any]:
    characters = told.characters(start, stop)
    text = None if characters is None or told.text is None else told.text[characters.start : characters.stop]
    ids = tuple(told.ids[start:stop].tolist())
    return {"start": start, "stop": stop, "ids": ids, "text": text, "characters": characters}
