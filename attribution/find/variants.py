"""The ways in which a text may have been encoded where it stands: tokenizers tell blanks, lines and capitals apart.

`Hello` at the beginning of a line, `" Hello"` after a word and `hello` have other ids each. A variant whose ids hold those
of another one is left out, since each of its places is one of the other's.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from seenat.attribution.find.words import CutText, cut_text
from seenat.registry.orders.text.encode import EncodedText, encode
from seenat.registry.orders.text.tokenizer import OrderTokenizer

__all__ = ["Variant", "text_variants"]


@dataclass(frozen=True)
class Variant:
    """Ids to look for, and what stands around them where they are a part of a text only."""

    text: str | None
    """What was encoded; None where ids were given."""
    ids: npt.NDArray[np.int64]
    cut: CutText | None = None
    """Where the text is cut within words: what must stand around the ids."""


def text_variants(tokenizer: OrderTokenizer, text: str, *, alone: bool = False) -> tuple[Variant, ...]:
    """The variants of a text, itself first; with `alone` only itself. Raises as `encode` does."""
    spellings = [text] if alone else list(dict.fromkeys(_spellings(text)))
    encoded = [encode(tokenizer, spelling) for spelling in spellings]
    whole = [Variant(spelling.text, spelling.ids) for spelling in _smallest(encoded)]
    cut = cut_text(encoded[0], tokenizer.written_ids)
    return tuple(whole if cut is None else [*whole, Variant(text, cut.ids, cut)])


def _spellings(text: str) -> Iterator[str]:
    """The text; with or without a blank before it; with the other capital; at the beginning of a line."""
    yield text
    stripped = text.lstrip(" ")
    swapped = stripped[:1].swapcase() + stripped[1:]
    yield stripped if text != stripped else f" {text}"
    if len(swapped) == len(stripped):  # The capital of some letters is two.
        yield swapped
        yield f" {swapped}"
    yield f"\n{stripped}"


def _smallest(encoded: Iterable[EncodedText]) -> list[EncodedText]:
    """Those whose ids do not hold the ids of an earlier one."""
    kept: list[EncodedText] = []
    for text in encoded:
        if len(text.ids) and not any(_holds(text.ids, other.ids) for other in kept):
            kept.append(text)
    return kept


def _holds(ids: npt.NDArray[np.int64], part: npt.NDArray[np.int64]) -> bool:
    if len(part) > len(ids):
        return False
    windows = np.lib.stride_tricks.sliding_window_view(ids, len(part))
    return bool((windows == part).all(axis=1).any())
