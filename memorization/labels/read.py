"""Chunks of a file of labels: Parquet, CSV with a header, or JSON lines. The column `sequence` (or `index`) says whose values a row has.

Files may be damaged or made to harm: rows are read some thousands at a time, a line or a value has a bounded length, and there are
at most as many rows as sequences. Every other column is a label, or those that are asked for.
"""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
import numpy.typing as npt

from seenat.memorization.labels.codes import Codes, CodesWriter, Indices
from seenat.registry.errors import CorruptFile, InvalidValue
from seenat.registry.parquet.bounded import BoundedFile, read_metadata, reading
from seenat.registry.storage.regular import open_regular
from seenat.registry.units import parse_count

__all__ = ["Chunk", "read_chunks", "read_names"]

FORMATS = (".parquet", ".csv", ".jsonl")
_KEYS = ("sequence", "index")
_AT_ONCE = 1 << 16
_LONGEST_LINE = 1 << 16
_MOST_LABELS = 32
_LONGEST_NAME = 96


class Chunk(NamedTuple):
    """Some rows of a file."""

    sequences: Indices
    codes: tuple[Codes, ...]
    """Of each label."""


def read_names(path: Path, columns: Collection[str] | None) -> tuple[str, tuple[str, ...]]:
    """The column of sequences of a file, and those of labels; raises `InvalidValue`, `CorruptFile`."""
    if path.suffix.lower() not in FORMATS:
        raise InvalidValue(f"{path} is no file of labels by its name; give one that ends in {', '.join(FORMATS)}.")
    try:
        names = _names(path)
    except OSError as error:
        raise InvalidValue(f"{path} cannot be read: {error.strerror}; check the path.") from error
    key = next((name for name in _KEYS if name in names), None)
    if key is None:
        raise InvalidValue(
            f"{path} has the columns {_listed(names)}; one is to be called sequence, with the index of each row."
        )
    labels = tuple(name for name in names if name != key) if columns is None else tuple(dict.fromkeys(columns))
    unknown = [name for name in labels if name not in names or name == key]
    if unknown or not labels or len(set(names)) < len(names):
        raise InvalidValue(f"{path} has the columns {_listed(names)}; name some beside {key} as labels, each once.")
    _check_labels(path, labels)
    return key, labels


def _check_labels(path: Path, labels: Sequence[str]) -> None:
    if len(labels) > _MOST_LABELS:
        raise InvalidValue(f"{path} has {len(labels)} columns of labels; choose at most {_MOST_LABELS} with --columns.")
    for name in labels:
        if not name.isprintable() or not 0 < len(name) <= _LONGEST_NAME or "=" in name or name != name.strip():
            raise InvalidValue(
                f"{name!r:.120} cannot be the name of a label; write 1 to {_LONGEST_NAME} printable characters without =."
            )


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(f"{name!r:.40}" for name in names[:8]) or "none"
    return f"{shown} and {len(names) - 8} more" if len(names) > 8 else shown


def _names(path: Path) -> list[str]:
    if path.suffix.lower() == ".parquet":
        metadata = read_metadata(str(path))
        with reading(str(path)):
            return [str(name) for name in metadata.schema.to_arrow_schema().names]
    with open_regular(path) as file:
        first = next(_lines(path, file), "")
    if path.suffix.lower() == ".csv":
        return next(_csv_rows(path, [first]), [])
    return list(_object(path, first)) if first else []


def read_chunks(path: Path, key: str, writers: Sequence[CodesWriter], sequences: int) -> Iterator[Chunk]:
    """The rows of a file, with the codes of their values; `sequences` are those of the order.

    Raises `InvalidValue` for a row of another sequence and for values that are none, `CorruptFile` for a file that cannot be read.
    """
    names = [writer.name for writer in writers]
    parts = (
        _parquet(path, key, writers, sequences)
        if path.suffix.lower() == ".parquet"
        else _text(path, key, writers, names)
    )
    rows = 0
    for indices, codes in parts:
        rows += len(indices)
        outside = (indices < 0) | (indices >= sequences)
        if outside.any():
            raise InvalidValue(
                f"{path} has a row of sequence {indices[outside][0]}, and the order holds 0 to {sequences - 1}."
            )
        if rows > sequences:
            raise InvalidValue(
                f"{path} has more rows than the order has sequences, {sequences:,}; write one a sequence."
            )
        yield Chunk(indices, codes)


# -- Parquet


def _parquet(
    path: Path, key: str, writers: Sequence[CodesWriter], sequences: int
) -> Iterator[tuple[Indices, tuple[Codes, ...]]]:
    names = [writer.name for writer in writers]
    metadata = read_metadata(str(path))
    if metadata.num_rows > sequences:
        raise InvalidValue(
            f"{path} has {metadata.num_rows:,} rows, and the order {sequences:,} sequences; write one a sequence."
        )
    with closing(BoundedFile(str(path), metadata, [key, *names], texts=names)) as file:
        for batch in file.all_batches(rows=_AT_ONCE, most=1):
            with reading(str(path)):  # Of a damaged file, pyarrow finds some faults only where a value is asked for.
                indices = _indices(path, batch.column(batch.schema.get_field_index(key)))
                columns = (batch.column(batch.schema.get_field_index(name)) for name in names)
                codes = tuple(_column(writer, column) for writer, column in zip(writers, columns, strict=True))
            yield indices, codes


def _indices(path: Path, column: Any) -> Indices:
    values = column.to_numpy(zero_copy_only=False)
    if (
        column.null_count
        or values.dtype.kind not in "iu"
        or (values.size and int(values.max()) > np.iinfo(np.int64).max)
    ):
        raise CorruptFile(f"{path} holds a sequence that is no index; write whole numbers from 0.")
    found: Indices = values.astype(np.int64)
    return found


def _column(writer: CodesWriter, column: Any) -> Codes:
    """The codes of a column, each distinct value looked up once."""
    encoded = column if hasattr(column, "dictionary") else column.dictionary_encode()
    values = encoded.dictionary
    used = np.unique(encoded.indices.drop_null().to_numpy(zero_copy_only=False))
    if used.size and not 0 <= used[0] <= used[-1] < len(values):
        raise CorruptFile(
            f"A value of {writer.name!r} is none of its dictionary; the file is damaged, so save it again."
        )
    codes = np.zeros(len(values) + 1, np.uint16)  # The last for rows without a value.
    for place in used.tolist():
        codes[place] = writer.code_of(_written(values[place].as_py()))
    found: Codes = codes[encoded.indices.fill_null(len(values)).to_numpy(zero_copy_only=False)]
    return found


def _written(value: object) -> str:
    """A value as a label has it; empty for none."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    text = str(value).strip()
    return text.lower() if text.lower() in ("true", "false") else text  # As other programs write them.


# -- lines


def _text(
    path: Path, key: str, writers: Sequence[CodesWriter], names: Sequence[str]
) -> Iterator[tuple[Indices, tuple[Codes, ...]]]:
    try:
        with open_regular(path) as file:
            lines = _lines(path, file)
            rows = (
                _csv_objects(path, lines) if path.suffix.lower() == ".csv" else (_object(path, line) for line in lines)
            )
            for piece in _pieces(rows):
                indices = np.array([_index(path, row.get(key)) for row in piece], np.int64)
                yield (
                    indices,
                    tuple(_coded(path, writer, [row.get(writer.name) for row in piece]) for writer in writers),
                )
    except OSError as error:
        raise InvalidValue(f"{path} cannot be read: {error.strerror}; check the path.") from error


def _pieces(rows: Iterable[Mapping[str, Any]]) -> Iterator[list[Mapping[str, Any]]]:
    piece: list[Mapping[str, Any]] = []
    for row in rows:
        piece.append(row)
        if len(piece) == _AT_ONCE // 4:
            yield piece
            piece = []
    if piece:
        yield piece


def _coded(path: Path, writer: CodesWriter, values: Sequence[object]) -> Codes:
    if any(isinstance(value, dict | list) for value in values):
        raise InvalidValue(
            f"{path} has a list or an object as a value of {writer.name!r}; write texts, numbers, or true and false."
        )
    found: npt.NDArray[np.uint16] = np.array([writer.code_of(_written(value)) for value in values], np.uint16)
    return found


def _index(path: Path, value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise InvalidValue(f"{path} has the sequence {value!r:.60}; write whole numbers from 0.")
    return parse_count(value, "sequence")


def _lines(path: Path, file: BinaryIO) -> Iterator[str]:
    """The lines of a text, those without anything left out; raises `CorruptFile` for what is no text of lines."""
    number = 0
    while line := file.readline(_LONGEST_LINE + 1):
        number += 1
        if len(line) > _LONGEST_LINE:
            raise CorruptFile(f"{path}, line {number}: it is longer than {_LONGEST_LINE:,} bytes; write a row a line.")
        try:
            text = line.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError:
            raise CorruptFile(f"{path}, line {number}: it is no text in UTF-8; save it as UTF-8.") from None
        if text.strip():
            yield text


def _csv_rows(path: Path, lines: Iterable[str]) -> Iterator[list[str]]:
    try:
        yield from csv.reader(lines, strict=True)
    except csv.Error as error:
        raise CorruptFile(f"{path} cannot be read as CSV: {error}; quote fields with line ends or commas.") from error


def _csv_objects(path: Path, lines: Iterable[str]) -> Iterator[dict[str, str]]:
    rows = _csv_rows(path, lines)
    names = next(rows, [])
    for row in rows:
        if len(row) != len(names):
            raise CorruptFile(f"{path} has a row of {len(row)} fields, and its header {len(names)}; correct it.")
        yield dict(zip(names, row, strict=True))


def _object(path: Path, line: str) -> dict[str, Any]:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise CorruptFile(f"{path} has a line that is no JSON object: {line.strip()!r:.60}; write one a line.")
    return value
