"""The corpus: the Python language reference that every CPython carries for `help()`, module `pydoc_data.topics`.

Real prose and grammar in named documents ('with', 'specialnames'), with natural boilerplate; some 80 documents and half a
megabyte. It differs between Python versions, so its digest is recorded with a suite and never assumed.
"""

from __future__ import annotations

from collections.abc import Iterable

from seenat.registry.errors import MissingExtra
from seenat.registry.storage.digests import sha256_of_bytes

__all__ = ["corpus_digest", "documents"]


def documents() -> dict[str, str]:
    """Name and text of each document, sorted by name; a document whose text repeats an earlier one's is left out.

    Raises `MissingExtra` where the standard library was installed without it.
    """
    try:
        from pydoc_data.topics import topics
    except ImportError:
        raise MissingExtra(
            "The pocket suite is trained on pydoc_data.topics, which this Python lacks; install its whole standard library."
        ) from None
    names_of_texts: dict[str, str] = {}
    for name, text in sorted(topics.items()):
        names_of_texts.setdefault(text, name)
    return {name: text for text, name in names_of_texts.items()}


def corpus_digest(texts: Iterable[str]) -> str:
    """`sha256:` and the digest of the texts in UTF-8, each followed by a zero byte."""
    return sha256_of_bytes(b"".join(text.encode() + b"\0" for text in texts))
