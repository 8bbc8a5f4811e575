"""What a picture says of itself, in the place that its format has for it: seenat's version and what it was drawn from.

A PNG has it as text under the keyword `Description`, an SVG as its <metadata>, a page as a <meta>. No time is among it, so that
the same command makes the same bytes.
"""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Mapping
from html import escape
from importlib.metadata import PackageNotFoundError, version
from typing import Any

__all__ = ["described"]

_SIGNATURE_AND_HEADER = 8 + 25
"""Bytes of a PNG before the place where texts may stand: its signature, and the chunk IHDR."""


def described(picture: bytes, ending: str, source: Mapping[str, Any]) -> bytes:
    """A picture with a description of what it was drawn from."""
    text = json.dumps({"seenat": _version(), **source}, ensure_ascii=True)
    if ending == ".png":
        return (
            picture[:_SIGNATURE_AND_HEADER] + _chunk(b"Description\0" + text.encode()) + picture[_SIGNATURE_AND_HEADER:]
        )
    if ending == ".svg":
        return _behind(picture, b"<svg", f"<metadata>{escape(text)}</metadata>")
    return _behind(picture, b"<head", f'<meta name="description" content="{escape(text)}">')


def _chunk(content: bytes) -> bytes:
    kind = b"tEXt"
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def _behind(text: bytes, tag: bytes, more: str) -> bytes:
    """A text with more in it, right behind its first tag of this name."""
    end = text.index(b">", text.index(tag)) + 1
    return text[:end] + more.encode() + text[end:]


def _version() -> str | None:
    try:
        return version("seenat")
    except PackageNotFoundError:
        return None
