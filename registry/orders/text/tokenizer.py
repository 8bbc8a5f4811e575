"""The tokenizer that an order names: a file, a folder, or a repository on the hub."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from seenat.registry.errors import CorruptFile, InvalidValue, MissingExtra
from seenat.registry.printable import in_a_sentence
from seenat.registry.storage.panics import panics_as_errors

__all__ = ["OrderTokenizer", "load_tokenizer"]


@dataclass(frozen=True)
class OrderTokenizer:
    """The tokenizer of an order, loaded."""

    name: str
    """An absolute path, or a repository on the hub."""
    order: str
    loaded: Any
    """`tokenizers.Tokenizer`"""

    @cached_property
    def written_ids(self) -> tuple[str, ...]:
        """The texts that stand for one id each, as a whole: `<|endoftext|>`."""
        return tuple(token.content for token in self.loaded.get_added_tokens_decoder().values())


def load_tokenizer(tokenizer: str | None, *, order: str) -> OrderTokenizer:
    """The tokenizer that the order of this name states.

    Raises `InvalidValue` for an order without a tokenizer, `CorruptFile` for a broken one and `MissingExtra` without tokenizers.
    """
    if tokenizer is None:
        raise InvalidValue(
            f"The order {order} names no tokenizer, so its ids cannot be decoded and texts cannot be encoded; add `tokenizer` to "
            "its SUITE.toml."
        )
    with panics_as_errors(silent=True):
        return OrderTokenizer(tokenizer, order, _load(tokenizer))


def _load(tokenizer: str) -> Any:
    try:
        from tokenizers import Tokenizer
    except ImportError as error:
        raise MissingExtra("Text needs tokenizers; run `pip install 'seenat[jobs]'`.") from error
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
