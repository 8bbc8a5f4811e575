"""Writes exported files piece by piece, in bounded memory, so that they are whole or absent.

A file has the suffix of partial files until it is complete and on the disk; then it is renamed. An error or an interruption
removes it; what a killed process leaves may be deleted. Nothing that exists is overwritten.

    write_array     a .npy array that is in memory
    npy_writer      a .npy array, row after row
    table_writer    columns, as one Parquet or CSV file or as a folder that `datasets.load_from_disk` opens
"""

from __future__ import annotations

import json
import os
import shutil
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from seenat.registry.errors import InvalidValue
from seenat.registry.optional import arrow, datasets_or_refuse
from seenat.registry.storage.local import PARTIAL, full_disk_told, sync_folder
from seenat.registry.storage.names import check_new

__all__ = [
    "LARGEST_FILE",
    "METADATA_KEY",
    "RECORD_FORMATS",
    "TABLE_FORMATS",
    "npy_writer",
    "table_writer",
    "whole_or_absent",
    "write_array",
]

METADATA_KEY = "seenat"
"""Key of a Parquet file's own metadata that says, in JSON, what the file was made from; a folder has it as seenat.json."""
RECORD_FORMATS = ("parquet", "dataset")
TABLE_FORMATS = ("parquet", "csv", "dataset")
LARGEST_FILE = 500 << 20
"""Bytes after which a dataset begins another file, the size that the library `datasets` itself uses."""


def write_array(path: Path, array: npt.NDArray[Any]) -> None:
    """Write a new .npy file, as little-endian and C-ordered as orders are read; raises as `npy_writer` does."""
    stored = array.dtype.newbyteorder("<")
    with whole_or_absent(path) as partial, partial.open("wb") as file:
        # Not NumPy's own `write_array`: what it writes to a full disk is short, without an error.
        _write_header(file, array.shape, stored)
        _append(file, array, stored)


@contextmanager
def npy_writer(
    path: Path, shape: tuple[int, ...], dtype: npt.DTypeLike, metadata: Mapping[str, Any]
) -> Iterator[Callable[[npt.NDArray[Any]], None]]:
    """Yield a function that appends rows to a new .npy file, little-endian; `metadata` goes to NAME.json beside it.

    Raises `InvalidValue` when one of the two exists already, `NoRoom` when the disk is full.
    """
    stored = np.dtype(dtype).newbyteorder("<")
    beside = path.with_name(f"{path.name}.json")
    check_new(beside)
    with whole_or_absent(path) as partial:
        with partial.open("wb") as file:
            _write_header(file, shape, stored)
            yield lambda rows: _append(file, rows, stored)
            # On the disk before its description has a name: a full disk may only show itself here.
            file.flush()
            os.fsync(file.fileno())
        with whole_or_absent(beside) as description:
            description.write_text(json.dumps(metadata, indent=2) + "\n", "utf-8")


def _write_header(file: Any, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
    header = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, header)


def _append(file: Any, rows: npt.NDArray[Any], dtype: np.dtype[Any]) -> None:
    file.write(np.ascontiguousarray(rows, dtype).data)


@contextmanager
def table_writer(
    path: Path, format_: str, schema: Any, metadata: Mapping[str, Any], *, largest_file: int = LARGEST_FILE
) -> Iterator[Callable[[Mapping[str, Any]], None]]:
    """Yield a function that appends columns, by name, to a new Parquet or CSV file or dataset folder of an Arrow schema.

    Each call is a row group. In CSV a list is its numbers with blanks between, what else has levels below is JSON, and
    `metadata` goes to NAME.json beside it. A dataset begins another file after `largest_file` bytes. Raises `InvalidValue` when `path`
    exists already or for any other format, `NoRoom` when the disk is full, `MissingExtra` where pyarrow or datasets is not installed.
    """
    if format_ not in TABLE_FORMATS:
        raise InvalidValue(f"{format_!r} is not one of {', '.join(TABLE_FORMATS)}; choose one of them.")
    pa = arrow()
    beside = path.with_name(f"{path.name}.json")
    if format_ == "csv":
        check_new(beside)
    with whole_or_absent(path) as partial:
        if format_ == "parquet":
            writer = _parquet(partial, schema, metadata)
        elif format_ == "csv":
            writer = _csv(partial, schema, metadata, beside)
        else:
            writer = _dataset(partial, schema, metadata, largest_file)
        with writer as write:
            yield lambda columns: write(pa.record_batch(columns, schema=schema))


@contextmanager
def _parquet(path: Path, schema: Any, metadata: Mapping[str, Any]) -> Iterator[Callable[[Any], None]]:
    pa = arrow()
    described = schema.with_metadata({METADATA_KEY: json.dumps(metadata)})
    plain = [field.name for field in schema if not pa.types.is_list(field.type)]
    # A Parquet dictionary does not help with a vocabulary of 50,000 ids, so ids are compressed as they are.
    with pa.parquet.ParquetWriter(path, described, compression="zstd", use_dictionary=plain) as writer:
        yield lambda batch: writer.write_batch(batch, row_group_size=max(1, len(batch)))


@contextmanager
def _csv(path: Path, schema: Any, metadata: Mapping[str, Any], beside: Path) -> Iterator[Callable[[Any], None]]:
    pa = arrow()
    from pyarrow import csv

    flat = pa.schema([(field.name, pa.string() if pa.types.is_nested(field.type) else field.type) for field in schema])
    with csv.CSVWriter(path, flat) as writer:
        yield lambda batch: writer.write_batch(
            pa.record_batch([_flat(column) for column in batch.columns], schema=flat)
        )
    with whole_or_absent(beside) as description:
        description.write_text(json.dumps(metadata, indent=2) + "\n", "utf-8")


def _flat(column: Any) -> Any:
    """A column that CSV can hold: lists of numbers with blanks between, what else has levels below as JSON."""
    pa = arrow()
    if not pa.types.is_nested(column.type):
        return column
    is_numbers = pa.types.is_list(column.type) and not pa.types.is_nested(column.type.value_type)
    return pa.array(
        [value if value is None else _written(value, is_numbers) for value in column.to_pylist()], pa.string()
    )


def _written(value: Any, is_numbers: bool) -> str:
    return " ".join(map(str, value)) if is_numbers else json.dumps(value)


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


# -- whole or absent


@contextmanager
def whole_or_absent(path: Path) -> Iterator[Path]:
    """Yield a partial path that is renamed to `path` when the block ends, or removed when it raises."""
    check_new(path)
    path = path.absolute()
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.{os.getpid()}{PARTIAL}")
    _remove(partial)
    try:
        with full_disk_told(path):
            yield partial
            for file in (*partial.rglob("*"), partial):
                _sync(file)
            partial.rename(path)
    except BaseException:
        _remove(partial)
        raise
    sync_folder(path.parent)


def _sync(path: Path) -> None:
    if path.is_dir():
        sync_folder(path)
        return
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def _remove(partial: Path) -> None:
    if partial.is_dir():
        shutil.rmtree(partial)
    else:
        partial.unlink(missing_ok=True)
