"""Columns of numbers as text, by arithmetic over whole columns: a quarter of what it takes to make a string of each number.

A line is made of pieces: texts that stand in every line, and between them the numbers of columns. All pieces are written into a
grid of bytes as wide as the widest line can be, a row a line; what a line does not need of it is left out in the end.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from seenat.registry.columns import Columns

__all__ = ["are_numbers", "csv_numbers", "json_numbers"]

_Numbers = npt.NDArray[Any]
_Bytes = npt.NDArray[np.uint8]
_Shown = npt.NDArray[np.bool_]
_FLAGS = np.frombuffer(b"falsetrue\0", np.uint8).reshape(2, 5)


def are_numbers(columns: Columns) -> bool:
    """Whether every column is an array of flags or of whole numbers from 0."""
    return all(_is_printable(column) for column in columns.values.values())


def csv_numbers(columns: Columns) -> bytes:
    """Lines of CSV; null is an empty cell."""
    pieces: list[bytes | _Numbers] = []
    for column in columns.values.values():
        pieces += [column, b","]  # type: ignore[list-item]
    return _lines([*pieces[:-1], b"\r\n"], len(columns), b"")


def json_numbers(columns: Columns) -> bytes:
    """A JSON object a line."""
    tree: dict[str, Any] = {}
    for keys, column in columns.values.items():
        inner = tree
        for key in keys[:-1]:
            inner = inner.setdefault(key, {})
        inner[keys[-1]] = column
    return _lines(_joined([*_object(tree), b"\n"]), len(columns), b"null")


def _is_printable(column: Any) -> bool:
    if not isinstance(column, np.ndarray) or column.dtype.kind not in "biu":
        return False
    return column.dtype.kind != "i" or not (np.ma.filled(column, 0) < 0).any()


def _object(tree: Mapping[str, Any]) -> Iterator[bytes | _Numbers]:
    for place, (key, value) in enumerate(tree.items()):
        yield (b"," if place else b"{") + json.dumps(key).encode() + b":"
        if isinstance(value, Mapping):
            yield from _object(value)
        else:
            yield value
    yield b"}"


def _joined(pieces: Sequence[bytes | _Numbers]) -> list[bytes | _Numbers]:
    """The same with texts that follow each other made one."""
    joined: list[bytes | _Numbers] = []
    for piece in pieces:
        if isinstance(piece, bytes) and joined and isinstance(joined[-1], bytes):
            joined[-1] += piece
        else:
            joined.append(piece)
    return joined


def _lines(pieces: Sequence[bytes | _Numbers], rows: int, null: bytes) -> bytes:
    printed = [_same(piece, rows) if isinstance(piece, bytes) else _printed(piece, null) for piece in pieces]
    text = np.concatenate([grid for grid, _ in printed], axis=1)
    lines: bytes = text[np.concatenate([shown for _, shown in printed], axis=1)].tobytes()
    return lines


def _same(text: bytes, rows: int) -> tuple[_Bytes, _Shown]:
    grid = np.broadcast_to(np.frombuffer(text, np.uint8), (rows, len(text)))
    return grid, np.broadcast_to(np.True_, grid.shape)


def _printed(column: _Numbers, null: bytes) -> tuple[_Bytes, _Shown]:
    """`[rows, width]`: the bytes of each value, and which of them are its own."""
    values = np.ma.filled(column, 0)
    grid, shown = _flags(values) if values.dtype == np.bool_ else _digits(values, len(null))
    if np.ma.is_masked(column):
        is_null = np.ma.getmaskarray(column)
        shown[is_null] = False
        shown[is_null, : len(null)] = True
        grid[is_null, : len(null)] = np.frombuffer(null, np.uint8)
    return grid, shown


def _flags(values: _Numbers) -> tuple[_Bytes, _Shown]:
    grid = _FLAGS[values.view(np.uint8)]
    return grid, grid != 0


def _digits(values: _Numbers, least: int) -> tuple[_Bytes, _Shown]:
    most = int(values.max(initial=0))
    left: Any = values.astype(np.uint32 if most < 1 << 32 else np.uint64)
    width = max(least, len(str(most)))
    grid, shown = np.empty((len(values), width), np.uint8), np.empty((len(values), width), np.bool_)
    for place in reversed(range(width)):
        shown[:, place] = left > 0  # Zeros before the first digit are not written.
        higher = left // 10
        grid[:, place] = left - higher * 10 + ord("0")
        left = higher
    shown[:, -1] = True
    return grid, shown
