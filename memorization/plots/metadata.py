"""What a picture says of itself, in the place that its format has for it: seenat's version and what it was drawn from.

A PNG has it as text under the keyword `Description`, an SVG as its <metadata>, a PDF as its subject, a page as a <meta>. No time is among it, so that
the same command makes the same bytes.
"""

from __future__ import annotations

import json
import re
import struct
import zlib
from collections.abc import Iterator, Mapping
from html import escape
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np

__all__ = ["described"]

_LEVEL = 7
_SIGNATURE, _SIGNATURE_AND_HEADER = 8, 8 + 25
"""Bytes of a PNG before the place where texts may stand: its signature, and the chunk IHDR."""

# Ends of a PNG's header: 8 bits a channel, and the kind of colour. A row that begins with 1 holds each pixel less the one left of it.
_RGBA, _RGB, _LESS_LEFT = bytes((8, 6, 0, 0, 0)), bytes((8, 2, 0, 0, 0)), 1


def described(picture: bytes, ending: str, source: Mapping[str, Any]) -> bytes:
    """A picture with a description of what it was drawn from."""
    text = json.dumps({"seenat": _version(), **source}, ensure_ascii=True)
    if ending == ".png":
        description = _chunk(b"tEXt", b"Description\0" + text.encode())
        picture = _compressed(picture)
        return picture[:_SIGNATURE_AND_HEADER] + description + picture[_SIGNATURE_AND_HEADER:]
    if ending == ".pdf":
        return _updated(picture, text)
    if ending == ".svg":
        return _behind(picture, b"<svg", f"<metadata>{escape(text)}</metadata>")
    return _behind(picture, b"<head", f'<meta name="description" content="{escape(text)}">')


def _compressed(picture: bytes) -> bytes:
    """A PNG with its pixels in one chunk, in a third of the bytes: the renderer writes opaque RGBA, compressed in haste."""
    found = list(_chunks(picture[_SIGNATURE:]))
    first = next(place for place, (kind, _) in enumerate(found) if kind == b"IDAT")
    header, rows = found[0][1], zlib.decompress(b"".join(content for kind, content in found if kind == b"IDAT"))
    header, rows = _opaque(header, rows)
    others = [(kind, content) for kind, content in found[1:] if kind != b"IDAT"]
    chunks = [(b"IHDR", header), *others[: first - 1], (b"IDAT", zlib.compress(rows, _LEVEL)), *others[first - 1 :]]
    return picture[:_SIGNATURE] + b"".join(_chunk(*one) for one in chunks)


def _opaque(header: bytes, rows: bytes) -> tuple[bytes, bytes]:
    """A header and rows of RGBA as those of RGB, each pixel as it is; what is otherwise, or not opaque, stays."""
    width, height = struct.unpack_from(">II", header)
    lines = np.frombuffer(rows, np.uint8)
    if header[8:] != _RGBA or lines.size != height * (1 + 4 * width):
        return header, rows
    lines = lines.reshape(height, -1)
    pixels = lines[:, 1:].reshape(height, width, 4).cumsum(axis=1, dtype=np.uint8)
    if (lines[:, 0] != _LESS_LEFT).any() or (pixels[..., 3] != 255).any():
        return header, rows
    colours = pixels[..., :3].reshape(height, -1)
    return header[:8] + _RGB, np.insert(colours, 0, 0, axis=1).tobytes()


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The kind and the content of each chunk."""
    place = 0
    while place < len(data):
        length, kind = struct.unpack_from(">I4s", data, place)
        yield kind, data[place + 8 : place + 8 + length]
        place += 12 + length


def _chunk(kind: bytes, content: bytes) -> bytes:
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
