"""The places of one variant, in training order, through all segments."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import numpy.typing as npt

from seenat.attribution.find.coverage import Segment
from seenat.attribution.find.variants import Variant
from seenat.attribution.find.words import CutText
from seenat.attribution.ngrams.search import Places, Region, equal_at, find_by_index, find_by_reading
from seenat.registry.orders.source import TokenSource
from seenat.registry.orders.text.detokenize import decode_ids
from seenat.registry.orders.text.tokenizer import OrderTokenizer

__all__ = ["Match", "matches"]

# Characters that bytes of a cut one may look like.
_SLACK = 8

Match = tuple[Places, npt.NDArray[np.int64]]
"""Places where something begins, and how many ids it takes there."""


def matches(
    tokenizer: OrderTokenizer | None,
    source: TokenSource,
    variant: Variant,
    others: Sequence[Variant],
    parts: Sequence[Segment],
    after: tuple[int, int],
    progress: Callable[[int], None],
) -> Iterator[Match]:
    """Where a variant stands after a place, in portions that ascend by sequence.

    Of a cut text, without what stands there word for word by one of `others`. `progress` gets numbers of sequences that were read.
    """
    for places in _places(source, variant.ids, parts, after, progress):
        if variant.cut is None:
            yield places, np.full(len(places), len(variant.ids))
        elif len(places):
            assert tokenizer is not None  # A text was encoded with it.
            yield _cut_matches(tokenizer, source, variant.cut, others, places, after)


def _places(
    source: TokenSource,
    ids: npt.NDArray[np.int64],
    parts: Sequence[Segment],
    after: tuple[int, int],
    progress: Callable[[int], None],
) -> Iterator[Places]:
    for part in parts:
        start, stop = max(part.sequences.start, after[0]), part.sequences.stop
        region = Region(start, stop, after[1] if start == after[0] else 0)
        if start >= stop:
            continue
        if part.index is None:
            yield from find_by_reading(source, ids, region, progress)
        else:
            yield from find_by_index(part.index, source, ids, region)


def _cut_matches(
    tokenizer: OrderTokenizer,
    source: TokenSource,
    cut: CutText,
    others: Sequence[Variant],
    places: Places,
    after: tuple[int, int],
) -> Match:
    """The places of whole words between whose neighbours the rest of the text stands."""
    before = _needed(tokenizer, source, places, cut.before, -cut.ids_before)
    behind = _needed(
        tokenizer, source, Places(places.sequences, places.offsets + len(cut.ids)), cut.after, cut.ids_after
    )
    fits = (before >= 0) & (behind >= 0)
    found = Places(places.sequences[fits], places.offsets[fits] - before[fits])
    lengths = before[fits] + len(cut.ids) + behind[fits]
    is_new = (found.sequences > after[0]) | (found.offsets >= after[1])
    for other in others:
        is_new &= ~_stands_at(source, other.ids, found)
    ascending = np.lexsort((found.offsets[is_new], found.sequences[is_new]))
    return found[is_new][ascending], lengths[is_new][ascending]


def _stands_at(source: TokenSource, ids: npt.NDArray[np.int64], places: Places) -> npt.NDArray[np.bool_]:
    fits = places.offsets + len(ids) <= source.geometry.tokens_per_sequence
    stands = np.zeros(len(places), np.bool_)
    stands[fits] = equal_at(source, places[fits], ids)
    return stands


def _needed(
    tokenizer: OrderTokenizer, source: TokenSource, places: Places, text: str, at_most: int
) -> npt.NDArray[np.int64]:
    """How many ids before each place (with a negative `at_most`), or from it on, hold a text next to it; -1 where none do."""
    if not text:
        return np.zeros(len(places), np.int64)
    neighbours = _neighbours(source, places, at_most)
    # Decoding costs 20 us; words repeat themselves, so each neighbourhood is decoded once.
    different, which = np.unique(neighbours, axis=0, return_inverse=True)
    needed = [_ids_that_hold(tokenizer, row[row >= 0], text, at_most < 0) for row in different]
    return np.array(needed, np.int64)[which.reshape(-1)]


def _neighbours(source: TokenSource, places: Places, at_most: int) -> npt.NDArray[np.int64]:
    """The ids next to each place within its sequence, `[places, abs(at_most)]`; -1 beyond the sequence."""
    length = source.geometry.tokens_per_sequence
    count = min(abs(at_most), length)
    first = places.offsets - count if at_most < 0 else places.offsets
    # Windows lie within their sequence; they are moved, and the ids of the wrong side are struck out.
    start = np.clip(first, 0, length - count)
    ids = source.windows(places.sequences, start, count).astype(np.int64)
    columns = start[:, None] + np.arange(count)
    wrong = columns >= places.offsets[:, None] if at_most < 0 else columns < places.offsets[:, None]
    ids[wrong] = -1
    return ids


def _ids_that_hold(tokenizer: OrderTokenizer, ids: npt.NDArray[np.int64], text: str, before: bool) -> int:
    """The fewest of the last or the first ids whose text ends or begins with a text; -1 where all of them do not."""
    for count in range(1, len(ids) + 1):
        part = ids[-count:] if before else ids[:count]
        decoded = decode_ids(tokenizer, [part])[0]
        if decoded.endswith(text) if before else decoded.startswith(text):
            return count
        if len(decoded) > len(text) + _SLACK:
            return -1
    return -1
