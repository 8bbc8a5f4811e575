"""Writes exported files piece by piece, in bounded memory, by the rule of `storage.outputs`.

format_of       the format that a name's ending says
npy_writer      a .npy array, row after row
table_writer    columns, as one Parquet, CSV or JSON lines file or as a folder that `datasets.load_from_disk` opens
"""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from seenat.registry.errors import InvalidValue
from seenat.registry.exports.text_tables import csv_writer, json_lines_writer
from seenat.registry.optional import arrow, datasets_or_refuse
from seenat.registry.storage.outputs import FOLDER, beside, check_output, ending_of, whole_or_absent, write_beside

__all__ = [
    "LARGEST_FILE",
    "METADATA_KEY",
    "TABLE_ENDINGS",
    "TABLE_FORMATS",
    "format_of",
    "npy_writer",
    "table_writer",
]

METADATA_KEY = "seenat"
"""Key of a Parquet file's own metadata that says, in JSON, what the file was made from; a folder has it as seenat.json."""
TABLE_FORMATS = ("parquet", "csv", "jsonl", "dataset")
_ENDINGS = {"npy": ".npy", "parquet": ".parquet", "csv": ".csv", "jsonl": ".jsonl", "dataset": FOLDER}
TABLE_ENDINGS = tuple(_ENDINGS[name] for name in TABLE_FORMATS)
_DESCRIBED_BESIDE = ("npy", "csv", "jsonl")
LARGEST_FILE = 500 << 20
"""Bytes after which a dataset begins another file, the size that the library `datasets` itself uses."""


def format_of(
    path: Path, format_: str | None = None, formats: Sequence[str] = TABLE_FORMATS, *, force: bool = False
) -> str:
    """The format that the ending of a name says; a folder's name has none, and may be given a format.

    Raises `InvalidValue` for another ending or format, for two that differ, and as `check_output` does.
    """
    if format_ not in (None, *formats):
        raise InvalidValue(f"{format_!r} is not one of {', '.join(formats)}; choose one of them.")
    endings = {ending: name for name, ending in _ENDINGS.items() if name in formats}
    named = format_ is not None and ending_of(path) == FOLDER
    check_output(path, () if named else tuple(endings), force=force)
    chosen = format_ if named else endings[ending_of(path)]
    assert chosen is not None
    if format_ not in (None, chosen):
        raise InvalidValue(f"{path} is named as {chosen}, and the format {format_} was asked for; name one of the two.")
    if chosen in _DESCRIBED_BESIDE:
        check_output(beside(path), force=force)
    return chosen


@contextmanager
def npy_writer(
    path: Path, shape: tuple[int, ...], dtype: npt.DTypeLike, metadata: Mapping[str, Any], *, force: bool = False
) -> Iterator[Callable[[npt.NDArray[Any]], None]]:
    """Yield a function that appends rows to a new .npy file, little-endian; `metadata` goes to NAME.json beside it.

    Raises `InvalidValue` when one of the two exists already, `NoRoom` when the disk is full.
    """
    stored = np.dtype(dtype).newbyteorder("<")
    check_output(beside(path), force=force)
    with whole_or_absent(path, force=force) as partial:
        # Not NumPy's own `write_array`: what it writes to a full disk is short, without an error.
        with partial.open("wb") as file:
            _write_header(file, shape, stored)
            yield lambda rows: _append(file, rows, stored)
            # On the disk before its description has a name: a full disk may only show itself here.
            file.flush()
            os.fsync(file.fileno())
        write_beside(path, metadata, force=force)


def _write_header(file: Any, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
    header = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, header)


def _append(file: Any, rows: npt.NDArray[Any], dtype: np.dtype[Any]) -> None:
    file.write(np.ascontiguousarray(rows, dtype).data)


@contextmanager
def table_writer(
    path: Path,
    format_: str,
    schema: Any,
    metadata: Mapping[str, Any],
    *,
    largest_file: int = LARGEST_FILE,
    force: bool = False,
) -> Iterator[Callable[[Mapping[str, Any]], None]]:
    """Yield a function that appends columns, by name, to a new Parquet, CSV or JSON lines file or dataset folder.

    They are those of an Arrow schema, and each call is a row group. `metadata` goes into Parquet's own, to seenat.json within a
    dataset, and to NAME.json beside the others, which `text_tables` writes. A dataset begins another file after `largest_file` bytes. Raises `InvalidValue` when `path`
    exists already or for any other format, `NoRoom` when the disk is full, `MissingExtra` where pyarrow or datasets is not installed.
    """
    if format_ not in TABLE_FORMATS:
        raise InvalidValue(f"{format_!r} is not one of {', '.join(TABLE_FORMATS)}; choose one of them.")
    pa = arrow()
    if format_ in _DESCRIBED_BESIDE:
        check_output(beside(path), force=force)
    with whole_or_absent(path, force=force) as partial:
        if format_ == "parquet":
            writer = _parquet(partial, schema, metadata)
        elif format_ == "dataset":
            writer = _dataset(partial, schema, metadata, largest_file)
        else:
            writer = csv_writer(partial, schema) if format_ == "csv" else json_lines_writer(partial)
        with writer as write:
            yield lambda columns: write(pa.record_batch(columns, schema=schema))
        if format_ in _DESCRIBED_BESIDE:
            write_beside(path, metadata, force=force)


@contextmanager
def _parquet(path: Path, schema: Any, metadata: Mapping[str, Any]) -> Iterator[Callable[[Any], None]]:
    pa = arrow()
    described = schema.with_metadata({METADATA_KEY: json.dumps(metadata)})
    plain = [field.name for field in schema if not pa.types.is_list(field.type)]
    # A Parquet dictionary does not help with a vocabulary of 50,000 ids, so ids are compressed as they are.
    with pa.parquet.ParquetWriter(path, described, compression="zstd", use_dictionary=plain) as writer:
        yield lambda batch: writer.write_batch(batch, row_group_size=max(1, len(batch)))


@contextmanager
def _dataset(
    folder: Path, schema: Any, metadata: Mapping[str, Any], largest_file: int
) -> Iterator[Callable[[Any], None]]:
    """A folder as `Dataset.save_to_disk` leaves it. Making a `Dataset` first would cost a copy in a cache."""
    datasets = datasets_or_refuse()
    folder.mkdir()
    shards = _Shards(folder, schema, largest_file)
    try:
        yield shards.write
    finally:
        shards.close()
    datasets.DatasetInfo(features=datasets.Features.from_arrow_schema(schema)).write_to_directory(str(folder))
    state: dict[str, Any] = {
        "_data_files": [{"filename": name} for name in shards.names],
        "_fingerprint": uuid.uuid4().hex[:16],
        "_format_columns": None,
        "_format_kwargs": {},
        "_format_type": None,
        "_output_all_columns": False,
        "_split": None,
    }
    (folder / "state.json").write_text(json.dumps(state, indent=2), "utf-8")
    (folder / f"{METADATA_KEY}.json").write_text(json.dumps(metadata, indent=2) + "\n", "utf-8")


class _Shards:
    """Arrow streams one after the other; another one begins when the last is large enough."""

    def __init__(self, folder: Path, schema: Any, largest_file: int) -> None:
        self.names: list[str] = []
        self._folder = folder
        self._schema = schema
        self._largest_file = largest_file
        self._begin()

    def _begin(self) -> None:
        self.names.append(f"data-{len(self.names):05}.arrow")
        self._bytes = 0
        self._writer = arrow().ipc.new_stream(str(self._folder / self.names[-1]), self._schema)

    def write(self, batch: Any) -> None:
        if self._bytes >= self._largest_file:
            self.close()
            self._begin()
        self._writer.write_batch(batch)
        self._bytes += batch.nbytes

    def close(self) -> None:
        self._writer.close()
