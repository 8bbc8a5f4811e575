"""Texts as pieces, so that a page can mark some of them and show where a document ends."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["Piece", "context_pieces", "cut_by_spans"]

# The words of end-of-document ids: GPT-NeoX's and GPT-2's, Llama's, and those of some others.
_BORDER = re.compile(r"(<\|endoftext\|>|</s>|<eos>|<\|end_of_text\|>)")


@dataclass(frozen=True)
class Piece:
    """A part of a text."""

    text: str
    kind: str
    """`plain`, `found`, or `border`, the end of a document."""


def context_pieces(context: Mapping[str, str]) -> tuple[Piece, ...]:
    """What stands around an exposure, the found text marked."""
    return (
        *_bordered(context["before"], "plain"),
        *_bordered(context["text"], "found"),
        *_bordered(context["after"], "plain"),
    )


def cut_by_spans(text: str, ranges: Sequence[tuple[int, int]]) -> list[tuple[str, int | None]]:
    """A text cut where ranges begin and end, and which range each part lies in: the first of those that hold it."""
    lying_in: list[int | None] = [None] * len(text)
    for number, (start, stop) in reversed(list(enumerate(ranges))):
        lying_in[start:stop] = [number] * (stop - start)
    cuts = [0, *(place for place in range(1, len(text)) if lying_in[place] != lying_in[place - 1]), len(text)]
    return [(text[start:stop], lying_in[start]) for start, stop in itertools.pairwise(cuts) if start < stop]


def _bordered(text: Any, kind: str) -> Iterator[Piece]:
    for place, part in enumerate(_BORDER.split(text)):
        if part:
            yield Piece(part, "border" if place % 2 else kind)
