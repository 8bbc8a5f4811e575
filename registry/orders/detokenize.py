"""Ids back to text, with the tokenizer that an order names."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seenat.registry.errors import CorruptFile, InvalidValue, MissingExtra
from seenat.registry.orders.source import DescribedOrder

if TYPE_CHECKING:
    from seenat.registry.orders.source import Tokens

__all__ = ["decode"]


def decode(order: DescribedOrder, tokens: Tokens) -> list[str]:
    """The text of each sequence, `[sequences, ids]`; special ids such as the end of a document are written out.

    Nothing is added between documents: what is not an id is not there. Raises `InvalidValue` for an order without a
    tokenizer and `CorruptFile` for one that cannot be read.
    """
    tokenizer = _tokenizer(order)
    return [tokenizer.decode(ids, skip_special_tokens=False) for ids in _lists(tokens)]


def _lists(tokens: Tokens) -> Iterable[list[int]]:
    return (row.tolist() for row in tokens)


def _tokenizer(order: DescribedOrder) -> Any:
    if order.tokenizer is None:
        raise InvalidValue(
            f"The order {order.name} names no tokenizer, so its ids cannot be decoded; add `tokenizer` to its SUITE.toml."
        )
    try:
        from tokenizers import Tokenizer
    except ImportError as error:
        raise MissingExtra("Decoding needs tokenizers; run `pip install 'seenat[jobs]'`.") from error
    path = Path(order.tokenizer)
    if not path.is_absolute():
        return _from_hub(order.tokenizer)
    file = path / "tokenizer.json" if path.is_dir() else path
    try:
        return Tokenizer.from_file(str(file))
    except Exception as error:  # The library raises bare Exception for whatever is wrong with a file.
        raise CorruptFile(f"{file} is not a tokenizer that can be read: {error}.") from error


def _from_hub(repository: str) -> Any:
    from huggingface_hub import hf_hub_download
    from tokenizers import Tokenizer

    from seenat.registry.hub.download import hub_errors

    with hub_errors(f"the tokenizer {repository}"):
        return Tokenizer.from_file(hf_hub_download(repository, "tokenizer.json"))
