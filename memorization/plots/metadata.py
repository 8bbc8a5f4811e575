"""What a picture says of itself, in the place that its format has for it: seenat's version and what it was drawn from.

A PNG has it as text under the keyword `Description`, an SVG as its <metadata>, a PDF as its subject, a page as a <meta>. No time is among it, so that
the same command makes the same bytes.
"""

from __future__ import annotations

import json
import re
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
    if ending == ".pdf":
        return _updated(picture, text)
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


def _updated(pdf: bytes, text: str) -> bytes:
    """A PDF with an update behind it, as the format has it (ISO 32000-1, 7.5.6): a new document information dictionary."""
    trailer = pdf[pdf.rindex(b"trailer") :]
    size, root, table = (
        int(re.search(pattern, trailer)[1])  # type: ignore[index]  # vl-convert's trailer has all three.
        for pattern in (rb"/Size (\d+)", rb"/Root (\d+) 0 R", rb"startxref\s+(\d+)")
    )
    escaped = re.sub(r"([\\()])", r"\\\1", text)
    info = f"\n{size} 0 obj\n<< /Subject ({escaped}) /Producer (seenat) >>\nendobj\n".encode()
    entry = f"{len(pdf) + 1:010d} 00000 n\r\n"
    end = (
        f"xref\n{size} 1\n{entry}trailer\n<< /Size {size + 1} /Root {root} 0 R /Info {size} 0 R /Prev {table} >>\n"
        f"startxref\n{len(pdf) + len(info)}\n%%EOF\n"
    )
    return pdf + info + end.encode()


def _version() -> str | None:
    try:
        return version("seenat")
    except PackageNotFoundError:
        return None
