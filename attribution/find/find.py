"""Texts and ids to every exposure of them.

    query -> variants -> segments of the order -> places of each variant -> exposures, merged in training order

Places are found by an index where one covers the sequences, and by reading where the user asks for that. Nothing is kept but
the page that is asked for, so memory does not depend on how often a text stands in the order.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from seenat.attribution.find.answers import Context, Coverage, Exposure, Found, FoundVariant, Place, ValueExposures
from seenat.attribution.find.coverage import Segment, segments
from seenat.attribution.find.matches import Match, matches
from seenat.attribution.find.reading import Reading
from seenat.attribution.find.variants import Variant, text_variants
from seenat.attribution.find.viewpoint import Viewpoint
from seenat.attribution.ngrams.codes import ids_of
from seenat.attribution.ngrams.open import OpenIndexes
from seenat.attribution.ngrams.search import Places
from seenat.memorization.labels.choose import Chosen, Grouping
from seenat.registry.errors import InvalidValue, NotIndexed
from seenat.registry.orders.source import TokenSource
from seenat.registry.orders.text.detokenize import decode_ids
from seenat.registry.orders.text.tokenizer import OrderTokenizer, load_tokenizer
from seenat.registry.units import SequenceRange

__all__ = ["FindRequest", "Query", "exposed_sequences", "find", "found_ids"]

Query = str | Sequence[int]
"""A text, or ids."""

# Costs of an index with the usual window, for who has none: bytes an id, and CPU-seconds for a million ids (docs/attribution.md).
_BYTES_AN_ID = 1.0
_SECONDS_A_MILLION = 0.015


@dataclass(frozen=True, kw_only=True)
class FindRequest:
    """What is to be told of each query."""

    limit: int = 20
    """Most exposures that are listed."""
    after: tuple[int, int] | None = None
    """A sequence and a position in it; only exposures after it are listed."""
    count: bool = True
    """Whether to count all exposures; if not, the search ends with the page."""
    scan: SequenceRange | None = None
    """Sequences that are read where no index finds every occurrence."""
    read_freely: int = 1 << 24
    """Most ids that are read without being asked for, where no index finds every occurrence: a tenth of a second."""
    context: int = 0
    """Ids of text to show on either side of each exposure."""
    variants: bool = True
    """Whether to look for other blanks and capitals of a text too."""
    chosen: Chosen | None = None
    """The sequences that count, by their labels; None for all."""
    grouping: Grouping | None = None
    """The label by whose values exposures are counted."""
    reading: Callable[[int, int], None] | None = None
    """Gets (sequences read, all to be read) again and again, where some are read; each counts once a variant."""


def find(opened: OpenIndexes, viewpoint: Viewpoint, queries: Sequence[Query], request: FindRequest) -> Iterator[Found]:
    """Answer each query. Raises `InvalidValue` for an empty one, `NotIndexed` where nothing at all can be searched."""
    if viewpoint.sequences and not segments(opened, 1, viewpoint.sequences, request.scan, request.read_freely):
        raise _not_indexed(viewpoint)
    tokenizer = None
    if request.context or any(isinstance(query, str) for query in queries):
        tokenizer = load_tokenizer(viewpoint.order.tokenizer, order=viewpoint.order.name)
    searches = [_Search.of(opened, viewpoint, query, request, tokenizer) for query in queries]
    reading = Reading((part for search in searches for parts in search.parts for part in parts), request.reading)
    for search in searches:
        yield _found(opened, viewpoint, search, request, tokenizer, reading)


def _not_indexed(viewpoint: Viewpoint) -> NotIndexed:
    order = viewpoint.order
    ids = order.geometry.sequences * order.geometry.tokens_per_sequence
    return NotIndexed(
        f"The order {order.name} has no index. Building one takes about {ids * _BYTES_AN_ID / 1e9:,.1f} GB and "
        f"{ids * _SECONDS_A_MILLION / 1e6 / 60:,.1f} CPU-minutes beside the reading of {order.geometry.total_bytes / 1e9:,.1f} GB: "
        f"`seenat index build {order.name}`, with --batches A:B for a part; or read batches now with --scan A:B.",
        order=order.name,
    )


@dataclass(frozen=True)
class _Search:
    """What is looked for, and where."""

    query: Query
    variants: tuple[Variant, ...]
    parts: tuple[list[Segment], ...]
    """Of each variant."""

    @classmethod
    def of(
        cls,
        opened: OpenIndexes,
        viewpoint: Viewpoint,
        query: Query,
        request: FindRequest,
        tokenizer: OrderTokenizer | None,
    ) -> _Search:
        variants, wanted = _variants(query, request, tokenizer), viewpoint.sequences
        parts = (segments(opened, len(variant.ids), wanted, request.scan, request.read_freely) for variant in variants)
        return cls(query, variants, tuple(parts))


def _found(
    opened: OpenIndexes,
    viewpoint: Viewpoint,
    search: _Search,
    request: FindRequest,
    tokenizer: OrderTokenizer | None,
    reading: Reading,
) -> Found:
    query, variants = search.query, search.variants
    counts: list[int | None] = []
    groups = None if request.grouping is None else np.zeros(len(request.grouping.values), np.int64)
    pages = []
    for place in range(len(variants)):
        page, count = _page(opened.source, viewpoint, search, place, request, tokenizer, reading, groups)
        pages.append(page)
        counts.append(count)
    listed = list(heapq.merge(*pages, key=lambda exposure: (exposure.sequence, exposure.offset)))
    exposures = listed[: request.limit]
    known = [count for count in counts if count is not None]
    if tokenizer is not None and request.context:
        exposures = [_with_context(opened.source, exposure, request.context, tokenizer) for exposure in exposures]
    return Found(
        text=query if isinstance(query, str) else None,
        order=viewpoint.order.name,
        model=None if viewpoint.model is None else viewpoint.model.name,
        step=viewpoint.step,
        # Of the first variant, which is the query itself.
        coverage=Coverage.of(viewpoint, search.parts[0]),
        variants=tuple(
            FoundVariant(text=variant.text, ids=tuple(variant.ids.tolist()), cut=variant.cut is not None, count=count)
            for variant, count in zip(variants, counts, strict=True)
        ),
        within_words=any(variant.cut for variant in variants) if isinstance(query, str) else None,
        count=sum(known) if len(known) == len(counts) else None,
        exposures=tuple(exposures),
        next=_next(exposures) if len(listed) > request.limit else None,
        where=None if request.chosen is None else request.chosen.words,
        label=None if request.grouping is None else request.grouping.name,
        groups=_groups(request, groups),
    )


def _groups(request: FindRequest, counts: npt.NDArray[np.int64] | None) -> tuple[ValueExposures, ...] | None:
    """The exposures of each value of a label that has any, the most first."""
    if request.grouping is None or counts is None:
        return None
    ordered = [code for code in np.argsort(-counts, kind="stable").tolist() if counts[code]]
    return tuple(ValueExposures(value=request.grouping.values[code], count=int(counts[code])) for code in ordered)


def _among(places: Places, lengths: npt.NDArray[np.int64], chosen: npt.NDArray[np.bool_]) -> Match:
    return places[chosen], lengths[chosen]


def _variants(query: Query, request: FindRequest, tokenizer: OrderTokenizer | None) -> tuple[Variant, ...]:
    if isinstance(query, str):
        assert tokenizer is not None
        variants = text_variants(tokenizer, query, alone=not request.variants) if query else ()
    else:
        variants = (Variant(None, ids_of(query)),) if len(query) else ()
    if not variants:
        raise InvalidValue("An empty text stands everywhere; give at least one character, or one id.")
    return variants


def _page(
    source: TokenSource,
    viewpoint: Viewpoint,
    search: _Search,
    place: int,
    request: FindRequest,
    tokenizer: OrderTokenizer | None,
    reading: Reading,
    groups: npt.NDArray[np.int64] | None,
) -> tuple[list[Exposure], int | None]:
    """One exposure more than a page of a variant, and how many there are in all, if that is asked for."""
    after = (0, 0) if request.after is None else (request.after[0], request.after[1] + 1)
    page: list[Exposure] = []
    count = 0
    begin, parts = (0, 0) if request.count else after, search.parts[place]
    for places, lengths in matches(
        tokenizer, source, search.variants[place], search.variants[:place], parts, begin, reading.add
    ):
        if request.chosen is not None:
            places, lengths = _among(places, lengths, request.chosen.among(places.sequences))
        count += len(places)
        if groups is not None and request.grouping is not None:
            groups += np.bincount(request.grouping.file.of(places.sequences), minlength=len(groups))
        if len(page) <= request.limit:
            later = (places.sequences > after[0]) | ((places.sequences == after[0]) & (places.offsets >= after[1]))
            chosen = np.flatnonzero(later)[: request.limit + 1 - len(page)]
            page += [
                Exposure.of(viewpoint, int(places.sequences[row]), int(places.offsets[row]), int(lengths[row]), place)
                for row in chosen
            ]
        if len(page) > request.limit and not request.count:
            break
    reading.end(parts)
    return sorted(page, key=lambda exposure: (exposure.sequence, exposure.offset)), count if request.count else None


def found_ids(opened: OpenIndexes, found: Found) -> npt.NDArray[np.int64]:
    """The ids of a text as they stand at its first listed exposure, or as its first variant has them."""
    if not found.exposures:
        return np.array(found.variants[0].ids, np.int64)
    first = found.exposures[0]
    place = np.array([first.sequence]), np.array([first.offset])
    ids: npt.NDArray[np.int64] = opened.source.windows(*place, first.length)[0].astype(np.int64)
    return ids


def exposed_sequences(
    opened: OpenIndexes, viewpoint: Viewpoint, query: Query, request: FindRequest
) -> npt.NDArray[np.int64]:
    """The sequence of every exposure of a query, several times where it stands in one several times."""
    tokenizer = None
    if isinstance(query, str):
        tokenizer = load_tokenizer(viewpoint.order.tokenizer, order=viewpoint.order.name)
    search = _Search.of(opened, viewpoint, query, request, tokenizer)
    reading = Reading((part for parts in search.parts for part in parts), request.reading)
    found = [
        places.sequences
        for place, (variant, parts) in enumerate(zip(search.variants, search.parts, strict=True))
        for places, _ in matches(tokenizer, opened.source, variant, search.variants[:place], parts, (0, 0), reading.add)
    ]
    sequences = np.concatenate([np.empty(0, np.int64), *found])
    return sequences if request.chosen is None else sequences[request.chosen.among(sequences)]


def _next(exposures: Sequence[Exposure]) -> Place | None:
    return Place(sequence=exposures[-1].sequence, offset=exposures[-1].offset) if exposures else None


def _with_context(source: TokenSource, exposure: Exposure, ids: int, tokenizer: OrderTokenizer) -> Exposure:
    row = source.tokens(SequenceRange(exposure.sequence, exposure.sequence + 1))[0]
    start, stop = exposure.offset, exposure.offset + exposure.length
    before, text, after = decode_ids(
        tokenizer, [row[max(0, start - ids) : start], row[start:stop], row[stop : stop + ids]]
    )
    return replace(exposure, context=Context(before=before, text=text, after=after))
