"""Ids back to text, with the tokenizer that an order names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from seenat.registry.errors import CorruptFile, InvalidValue, MissingExtra
from seenat.registry.orders.source import Tokens

__all__ = ["decode"]


def decode(tokenizer: str | None, tokens: Tokens, *, order: str) -> list[str]:
    """The text of each sequence of `tokens`, `[sequences, ids]`, with special ids such as the end of a document.

    `tokenizer` is what the order of this name says: an absolute path of a file or folder, or a repository on the hub. Nothing
    is added between documents. Raises `InvalidValue` for an order without a tokenizer and `CorruptFile` for a broken one.
    """
    if tokenizer is None:
        raise InvalidValue(
            f"The order {order} names no tokenizer, so its ids cannot be decoded; add `tokenizer` to its SUITE.toml."
        )
    loaded = _load(tokenizer)
    return [loaded.decode(ids.tolist(), skip_special_tokens=False) for ids in tokens]


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
        return Tokenizer.from_file(str(file))
    except Exception as error:  # The library raises bare Exception for whatever is wrong with a file.
        raise CorruptFile(f"{file} is not a tokenizer that can be read: {error}.") from error


def _from_hub(repository: str) -> Any:
    from tokenizers import Tokenizer

    from seenat.registry.hub.download import fetch_file

    return Tokenizer.from_file(str(fetch_file(repository, "tokenizer.json")))
