"""The documents within a sequence: runs of ids up to and with each end-of-document id.

A packed sequence begins anywhere: its first document may have begun in the sequence before, and its last one goes on in the next
unless its end is here.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from seenat.registry.answer import Answer
from seenat.registry.orders.text.detokenize import decode_ids
from seenat.registry.orders.text.tokenizer import OrderTokenizer

__all__ = ["Document", "cut_documents", "document_ranges"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Document(Answer):
    """A document, or the part of one that a sequence holds."""

    start: int
    """The position of its first id in the sequence."""
    stop: int
    """One past its last id, the end of the document included."""
    begins: bool | None
    """Whether it begins here; None for the first, which may have begun in the sequence before."""
    ends: bool
    """Whether its end is here."""
    text: str
    """Without the end of the document, as it stands, line breaks included."""


def document_ranges(ids: Any, eos_id: int | None) -> list[tuple[int, int, bool]]:
    """Start, stop and whether it ends there, of each document of one sequence's ids, `[tokens_per_sequence]`; never empty ones.

    An order without an end-of-document id has one document a sequence.
    """
    ends = [] if eos_id is None else (np.flatnonzero(np.asarray(ids) == eos_id) + 1).tolist()
    starts = [0, *ends]
    ranges = [(start, stop, True) for start, stop in zip(starts, ends, strict=False)]
    return [*ranges, (starts[-1], len(ids), False)] if starts[-1] < len(ids) else ranges


def cut_documents(
    tokenizer: OrderTokenizer, sequences: Iterable[Any], eos_id: int | None
) -> tuple[tuple[Document, ...], ...]:
    """The documents of each array of ids, decoded; raises as `decode_ids` does."""
    return tuple(_documents(tokenizer, ids, eos_id) for ids in sequences)


def _documents(tokenizer: OrderTokenizer, ids: Any, eos_id: int | None) -> tuple[Document, ...]:
    ranges = document_ranges(ids, eos_id)
    texts = decode_ids(tokenizer, (ids[start : stop - ends] for start, stop, ends in ranges))
    return tuple(
        Document(start=start, stop=stop, begins=True if start else None, ends=ends, text=text)
        for (start, stop, ends), text in zip(ranges, texts, strict=True)
    )
