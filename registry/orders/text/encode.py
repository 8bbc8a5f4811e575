"""Text to ids, by the tokenizer of an order, and which ids belong to one word."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from seenat.registry.errors import CorruptFile, InvalidValue, SeenatError
from seenat.registry.orders.text.tokenizer import OrderTokenizer
from seenat.registry.printable import in_a_sentence
from seenat.registry.storage.panics import panics_as_errors

__all__ = ["EncodedText", "encode"]


@dataclass(frozen=True)
class EncodedText:
    """A text, its ids, and which of its characters and words each id is of."""

    text: str
    ids: npt.NDArray[np.int64]
    words: tuple[int, ...]
    """The word of each id, from 0: pieces of text that the tokenizer encodes each by itself."""
    spans: tuple[tuple[int, int], ...]
    """The characters of each id, from the first to one past the last."""


def encode(tokenizer: OrderTokenizer, text: str) -> EncodedText:
    """The ids of a text, without special ids that are not written in it.

    Raises `InvalidValue` for a text that is not Unicode and `CorruptFile` for a tokenizer that cannot encode it.
    """
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise InvalidValue(
            f"The text is not Unicode at character {error.start}; give it as UTF-8, or give its ids."
        ) from error
    try:
        with panics_as_errors(silent=True):
            encoding = tokenizer.loaded.encode(text, add_special_tokens=False)
    except SeenatError:
        raise
    except Exception as error:  # The library raises whatever it likes for a text that its model cannot take.
        raise CorruptFile(
            f"The tokenizer {tokenizer.name} of {tokenizer.order} cannot encode the text: {in_a_sentence(error)}."
        ) from error
    return EncodedText(text, np.array(encoding.ids, np.int64), _numbered(encoding.word_ids), tuple(encoding.offsets))


def _numbered(words: Iterable[int | None]) -> tuple[int, ...]:
    """Words numbered in order; an id of no word, such as the end of a document, is one by itself."""
    numbers: list[int] = []
    before: int | None = None
    for word in words:
        is_new = word is None or word != before
        numbers.append((numbers[-1] + is_new) if numbers else 0)
        before = word
    return tuple(numbers)
