"""Ids back to text and text to ids, with the tokenizer that an order names."""

from __future__ import annotations

from pathlib import Path
from string import ascii_letters
from typing import Any

from seenat.registry.errors import CorruptFile, InvalidValue, MissingExtra, SeenatError
from seenat.registry.orders.source import Tokens
from seenat.registry.printable import in_a_sentence
from seenat.registry.storage.panics import panics_as_errors

__all__ = ["decode", "encode"]

# Names of decoders in the state of one, which is JSON.
_TAKING_A_BLANK = (b'"Strip"', b'"Metaspace"')


def decode(tokenizer: str | None, tokens: Tokens, *, order: str) -> list[str]:
    """The text of each sequence of `tokens`, `[sequences, ids]`, with special ids such as the end of a document.

    `tokenizer` is what the order of this name says: an absolute path of a file or folder, or a repository on the hub. Nothing
    is added between documents. Raises `InvalidValue` for an order without a tokenizer and `CorruptFile` for a broken one.
    """
    if tokenizer is None:
        raise InvalidValue(
            f"The order {order} names no tokenizer, so its ids cannot be decoded; add `tokenizer` to its SUITE.toml."
        )
    try:
        with panics_as_errors(silent=True):
            loaded = _load(tokenizer)
            before = _id_before(loaded)
            return [_text(loaded, ids.tolist(), before) for ids in tokens]
    except SeenatError:
        raise
    except Exception as error:  # The library raises whatever it likes for an id or a decoder that it cannot follow.
        raise CorruptFile(
            f"The tokenizer {tokenizer} cannot decode ids of {order}: {in_a_sentence(error)}; correct it, or `tokenizer` in the "
            "SUITE.toml of the order."
        ) from error


def encode(tokenizer: str | None, text: str, *, order: str) -> list[int]:
    """The ids of a text as the tokenizer cuts it, without special ids around it.

    Raises `InvalidValue` for an order without a tokenizer and `CorruptFile` for a broken one.
    """
    if tokenizer is None:
        raise InvalidValue(
            f"The order {order} names no tokenizer, so texts cannot be cut into its ids; give ids, or add `tokenizer` to its "
            "SUITE.toml."
        )
    try:
        with panics_as_errors(silent=True):
            return list(_load(tokenizer).encode(text, add_special_tokens=False).ids)
    except SeenatError:
        raise
    except Exception as error:  # As for decoding.
        raise CorruptFile(
            f"The tokenizer {tokenizer} cannot encode a text for {order}: {in_a_sentence(error)}; correct it, or `tokenizer` in "
            "the SUITE.toml of the order."
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


def _load(tokenizer: str) -> Any:
    try:
        from tokenizers import Tokenizer
    except ImportError as error:
        raise MissingExtra("Decoding needs tokenizers; run `pip install 'seenat[jobs]'`.") from error
    path = Path(tokenizer)
    if not path.is_absolute():
        return _from_hub(tokenizer)
    file = path / "tokenizer.json" if path.is_dir() else path
    try:
        with panics_as_errors():
            return Tokenizer.from_file(str(file))
    except Exception as error:  # The library raises bare Exception for whatever is wrong with a file.
        raise CorruptFile(f"{file} is not a tokenizer that can be read: {in_a_sentence(error)}.") from error


def _from_hub(repository: str) -> Any:
    from tokenizers import Tokenizer

    from seenat.registry.hub.download import fetch_file

    return Tokenizer.from_file(str(fetch_file(repository, "tokenizer.json")))
