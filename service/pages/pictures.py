"""Many cells as one small picture: an indexed PNG, made by zlib alone.

The picture of a batch has a row for each sequence and a column for each measured step. A cell's colour says how much was
reproduced; what was not measured is hatched, and from the first checkpoint that had seen the batch on a line stands. A click
on it sends its place (`ismap`), and this room answers with the sequence there, so that no JavaScript is needed.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from seenat.registry.errors import InvalidValue
from seenat.service.pages.palette import PALETTE

__all__ = ["SORTS", "BatchPicture", "batch_picture", "cell_at", "plan", "sorted_rows"]

SORTS = ("onset", "position")
"""What the rows of a picture can be sorted by."""

_COLOURS = ("bg", "line", "share-1", "share-2", "share-3", "share-4", "share-5", "edge", "wrong")
_NOT_MEASURED, _NOTHING, _HATCH, _LINE = 0, 1, 7, 8
_CLASSES = 5
_WIDEST, _HIGHEST = 960, 640
_CELL = (5, 44)
_ROW = (2, 18)


@dataclass(frozen=True, kw_only=True)
class BatchPicture:
    """How a batch is drawn: the size of its cells, and which sequence stands in which row."""

    columns: int
    cell: int
    """Pixels of a cell's width."""
    row: int
    """Pixels of its height."""
    sequences: list[int]

    @property
    def width(self) -> int:
        """In pixels."""
        return self.columns * self.cell

    @property
    def height(self) -> int:
        """In pixels."""
        return len(self.sequences) * self.row


def sorted_rows(trajectories: Mapping[str, Any], sort: str) -> list[Mapping[str, Any]]:
    """The rows of a batch by when they were memorized, those that never were by how near they came; or as they lie."""
    rows: list[Mapping[str, Any]] = trajectories["sequences"]
    if sort == "position":
        return rows
    never = max(trajectories["steps"], default=0) + 1
    return sorted(rows, key=lambda row: (row["onset"] if row["onset"] is not None else never, -_most(row)))


def _most(row: Mapping[str, Any]) -> int:
    return max((value for value in row["values"] if value is not None), default=-1)


def plan(trajectories: Mapping[str, Any], sort: str) -> BatchPicture:
    """How the picture of a batch is laid out; the same for all who ask."""
    rows = sorted_rows(trajectories, sort)
    columns = len(trajectories["steps"])
    return BatchPicture(
        columns=columns,
        cell=_between(_WIDEST // max(1, columns), _CELL),
        row=_between(_HIGHEST // max(1, len(rows)), _ROW),
        sequences=[row["sequence"] for row in rows],
    )


def _between(number: int, bounds: tuple[int, int]) -> int:
    return max(bounds[0], min(bounds[1], number))


def batch_picture(trajectories: Mapping[str, Any], sort: str, *, is_dark: bool) -> bytes:
    """The picture of a batch as a PNG."""
    layout, rows = plan(trajectories, sort), sorted_rows(trajectories, sort)
    classes = np.array([[_class(value, trajectories) for value in row["values"]] for row in rows], np.uint8)
    pixels = classes.repeat(layout.row, axis=0).repeat(layout.cell, axis=1)
    _hatch(pixels)
    if layout.row > 4:
        pixels[layout.row - 1 :: layout.row] = _NOT_MEASURED
    pixels[:, layout.cell - 1 :: layout.cell] = _NOT_MEASURED
    _mark_seen(pixels, trajectories, layout.cell)
    return _png(pixels, [PALETTE[name][is_dark] for name in _COLOURS])


def cell_at(trajectories: Mapping[str, Any], sort: str, query: str) -> tuple[int, int]:
    """The sequence and the step at a place of the picture, `x,y`; raises `InvalidValue` for another text."""
    layout = plan(trajectories, sort)
    parts = query.split(",")
    if len(parts) != 2 or not all(part.isascii() and part.isdecimal() and len(part) < 9 for part in parts):
        raise InvalidValue(f"{query!r} is no place of a picture; write x,y in pixels.")
    x, y = map(int, parts)
    column = min(x // layout.cell, layout.columns - 1)
    row = min(y // layout.row, len(layout.sequences) - 1)
    return layout.sequences[row], trajectories["steps"][column]


def _class(value: int | None, trajectories: Mapping[str, Any]) -> int:
    """0 where nothing was measured, 1 for nothing reproduced, then five classes of which the last is all."""
    if value is None:
        return _NOT_MEASURED
    whole = trajectories["protocol"]["continuation"]
    if value == 0:
        return _NOTHING
    return _NOTHING + (_CLASSES if value == whole else 1 + (_CLASSES - 1) * value // whole)


def _hatch(pixels: npt.NDArray[np.uint8]) -> None:
    height, width = pixels.shape
    diagonal = (np.arange(height)[:, None] + np.arange(width)) % 5 == 0
    pixels[diagonal & (pixels == _NOT_MEASURED)] = _HATCH


def _mark_seen(pixels: npt.NDArray[np.uint8], trajectories: Mapping[str, Any], cell: int) -> None:
    """A line before the first measured step that had seen the batch, unless all had."""
    seen, steps = trajectories["first_checkpoint_after"], trajectories["steps"]
    column = next((place for place, step in enumerate(steps) if seen is not None and step >= seen), len(steps))
    if 0 < column < len(steps):
        pixels[:, column * cell - 2 : column * cell] = _LINE


def _png(pixels: npt.NDArray[np.uint8], colours: Sequence[str]) -> bytes:
    """An indexed PNG of 8 bits a pixel (https://www.w3.org/TR/png-3/)."""
    height, width = pixels.shape
    lines = np.zeros((height, width + 1), np.uint8)
    lines[:, 1:] = pixels
    palette = b"".join(bytes.fromhex(colour[1:]) for colour in colours)
    chunks = (
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)),
        (b"PLTE", palette),
        (b"IDAT", zlib.compress(lines.tobytes(), 6)),
        (b"IEND", b""),
    )
    body = (
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(body)
