"""Ids back to text, with the tokenizer that an order names."""

from __future__ import annotations

from collections.abc import Iterable
from string import ascii_letters
from typing import Any

from seenat.registry.errors import CorruptFile, SeenatError
from seenat.registry.orders.source import Tokens
from seenat.registry.orders.text.tokenizer import OrderTokenizer, load_tokenizer
from seenat.registry.printable import in_a_sentence
from seenat.registry.storage.panics import panics_as_errors

__all__ = ["decode", "decode_ids"]

# Names of decoders in the state of one, which is JSON.
_TAKING_A_BLANK = (b'"Strip"', b'"Metaspace"')


def decode(tokenizer: str | None, tokens: Tokens, *, order: str) -> list[str]:
    """The text of each sequence of `tokens`, `[sequences, ids]`; `tokenizer` is what the order of this name says.

    Raises `InvalidValue` for an order without a tokenizer, and as `decode_ids` does.
    """
    return decode_ids(load_tokenizer(tokenizer, order=order), tokens)


def decode_ids(tokenizer: OrderTokenizer, tokens: Iterable[Any]) -> list[str]:
    """The text of each array of ids, with special ids such as the end of a document.

    Nothing is added between documents. Raises `CorruptFile` for a tokenizer that cannot decode them.
    """
    try:
        with panics_as_errors(silent=True):
            before = _id_before(tokenizer.loaded)
            return [_text(tokenizer.loaded, ids.tolist(), before) for ids in tokens]
    except SeenatError:
        raise
    except Exception as error:  # The library raises whatever it likes for an id or a decoder that it cannot follow.
        raise CorruptFile(
            f"The tokenizer {tokenizer.name} cannot decode ids of {tokenizer.order}: {in_a_sentence(error)}; correct it, or "
            "`tokenizer` in the SUITE.toml of the order."
        ) from error


def _text(tokenizer: Any, ids: list[int], before: int | None) -> str:
    text: str = tokenizer.decode(ids, skip_special_tokens=False)
    if before is None:
        return text
    alone = tokenizer.decode([before], skip_special_tokens=False)
    longer: str = tokenizer.decode([before, *ids], skip_special_tokens=False)
    return longer.removeprefix(alone) if longer.startswith(alone) else text


def _id_before(tokenizer: Any) -> int | None:
    """An id to decode before others, by a tokenizer that takes the blank before the first; None where none is taken.

    Such a decoder undoes the blank that encoding a whole text adds. A sequence begins anywhere, so its blank is its own.
    """
    decoder = tokenizer.decoder
    if decoder is None or not any(kind in decoder.__getstate__() for kind in _TAKING_A_BLANK):
        return None
    return next((id_ for letter in ascii_letters if (id_ := tokenizer.token_to_id(letter)) is not None), None)
