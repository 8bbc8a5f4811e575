"""Texts that are cut within words.

A text that begins or ends within a word has other ids at its borders than where it was taken from. A tokenizer encodes each
word by itself, so the ids between the first and the last word are the same in both. They are looked for, and where they
stand the text of the ids around them is compared with what is left of the query.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from seenat.registry.orders.text.encode import EncodedText

__all__ = ["CutText", "cut_ids", "cut_text"]


@dataclass(frozen=True)
class CutText:
    """The whole words of a text, and what stands before and after them."""

    ids: npt.NDArray[np.int64]
    before: str
    """The first word, of which the text around may hold more."""
    after: str
    """The last word, likewise."""

    @property
    def ids_before(self) -> int:
        """Ids that hold the first word at most: each has a byte of it at least, and the first may begin within a character."""
        return len(self.before.encode()) + 1

    @property
    def ids_after(self) -> int:
        """Ids that hold the last word at most."""
        return len(self.after.encode()) + 1


def cut_text(encoded: EncodedText, written_ids: Iterable[str] = ()) -> CutText | None:
    """The whole words of a text, without its first and its last; None where there are none between.

    A text that begins or ends within one of `written_ids`, such as `<|endoftext|>`, has other words there.
    """
    head, tail = cut_ids(encoded.text, tuple(written_ids))
    words, spans = np.array(encoded.words), np.array(encoded.spans).reshape(-1, 2)
    first = words[spans[:, 0] < head].max(initial=0)
    last = words[spans[:, 1] > len(encoded.text) - tail].min(initial=words.max(initial=0))
    inner = np.flatnonzero((words > first) & (words < last))
    if not inner.size:
        return None
    start, stop = int(inner[0]), int(inner[-1]) + 1
    return CutText(encoded.ids[start:stop], encoded.text[: spans[start, 0]], encoded.text[spans[stop, 0] :])


def cut_ids(text: str, written_ids: tuple[str, ...]) -> tuple[int, int]:
    """How many characters at the beginning and the end of a text may be the end and the beginning of a written id."""
    ends = [count for id_ in written_ids for count in range(1, len(id_)) if text.startswith(id_[-count:])]
    beginnings = [count for id_ in written_ids for count in range(1, len(id_)) if text.endswith(id_[:count])]
    return max(ends, default=0), max(beginnings, default=0)
