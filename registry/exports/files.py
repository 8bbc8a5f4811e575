"""Files that people take away: written in pieces, in bounded memory, and there as a whole or not at all.

What is being written carries the suffix of partial files, and is renamed when it is complete and on the disk; an error or
an interruption removes it, and what a kill leaves behind may be deleted. Nothing that exists is written over.

    npy_writer     one .npy array, row after row
    table_writer    columns, as one Parquet file or as a folder that `datasets.load_from_disk` opens
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

from seenat.registry.errors import InvalidValue, MissingExtra
from seenat.registry.orders.formats.parquet_footer import arrow
from seenat.registry.storage.local import PARTIAL, sync_folder

__all__ = ["METADATA_KEY", "RECORD_FORMATS", "datasets_or_refuse", "npy_writer", "table_writer"]

METADATA_KEY = "seenat"
"""Under which a Parquet file's own metadata says, in JSON, what the file was made from; a folder has it as seenat.json."""
RECORD_FORMATS = ("parquet", "dataset")
_LARGEST_FILE = 500 << 20
"""Bytes of one file of a dataset, about; those of the library itself are of that size."""


@contextmanager
def npy_writer(
    path: Path, shape: tuple[int, ...], dtype: npt.DTypeLike, metadata: Mapping[str, Any]
) -> Iterator[Callable[[npt.NDArray[Any]], None]]:
    """Yield what appends rows to a new .npy file, little-endian; `metadata` goes to a file beside it, NAME.json.

    Raises `InvalidValue` when one of the two exists already.
    """
    stored = np.dtype(dtype).newbyteorder("<")
    beside = path.with_name(f"{path.name}.json")
    _refuse_existing(beside)
    with _new(path) as partial:
        with partial.open("wb") as file:
            header = {"descr": np.lib.format.dtype_to_descr(stored), "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(file, header)
            yield lambda rows: _append(file, rows, stored)
        with _new(beside) as description:
            description.write_text(json.dumps(metadata, indent=2) + "\n", "utf-8")


def _append(file: Any, rows: npt.NDArray[Any], dtype: np.dtype[Any]) -> None:
    file.write(np.ascontiguousarray(rows, dtype).data)


@contextmanager
def table_writer(
    path: Path, format_: str, schema: Any, metadata: Mapping[str, Any]
) -> Iterator[Callable[[Mapping[str, Any]], None]]:
    """Yield what appends columns, by name, to a new Parquet file or dataset folder of an Arrow schema.

    Each call is a row group. Raises `InvalidValue` when `path` exists already or for any other format, `MissingExtra`
    where pyarrow or datasets is not installed.
    """
    if format_ not in RECORD_FORMATS:
        raise InvalidValue(f"{format_!r} is not one of {', '.join(RECORD_FORMATS)}; choose one of them.")
    pa = arrow()
    sink = _parquet if format_ == "parquet" else _dataset
    with _new(path) as partial, sink(partial, schema, metadata) as write:
        yield lambda columns: write(pa.record_batch(columns, schema=schema))


@contextmanager
def _parquet(path: Path, schema: Any, metadata: Mapping[str, Any]) -> Iterator[Callable[[Any], None]]:
    pa = arrow()
    described = schema.with_metadata({METADATA_KEY: json.dumps(metadata)})
    plain = [field.name for field in schema if not pa.types.is_list(field.type)]
    # A vocabulary is too large for a dictionary to help, so ids are compressed as they are.
    with pa.parquet.ParquetWriter(path, described, compression="zstd", use_dictionary=plain) as writer:
        yield lambda batch: writer.write_batch(batch, row_group_size=max(1, len(batch)))


@contextmanager
def _dataset(folder: Path, schema: Any, metadata: Mapping[str, Any]) -> Iterator[Callable[[Any], None]]:
    """A folder as `Dataset.save_to_disk` leaves it, without the copy in a cache that making a `Dataset` first would cost."""
    datasets = datasets_or_refuse()
    folder.mkdir()
    shards = _Shards(folder, schema)
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
    """Arrow streams one after the other, a new one whenever the last is large enough."""

    def __init__(self, folder: Path, schema: Any) -> None:
        self.names: list[str] = []
        self._folder = folder
        self._schema = schema
        self._begin()

    def _begin(self) -> None:
        self.names.append(f"data-{len(self.names):05}.arrow")
        self._bytes = 0
        self._writer = arrow().ipc.new_stream(str(self._folder / self.names[-1]), self._schema)

    def write(self, batch: Any) -> None:
        if self._bytes >= _LARGEST_FILE:
            self.close()
            self._begin()
        self._writer.write_batch(batch)
        self._bytes += batch.nbytes

    def close(self) -> None:
        self._writer.close()


def datasets_or_refuse() -> Any:
    """The module datasets; raises `MissingExtra` where it is not installed."""
    try:
        import datasets
    except ImportError as error:
        raise MissingExtra("Datasets need the package datasets; run `pip install 'seenat[data]'`.") from error
    return datasets


# -- whole or not at all


@contextmanager
def _new(path: Path) -> Iterator[Path]:
    """Yield where to write a file or folder that is to be `path` once the block ends, and not if it raises."""
    path = path.absolute()
    _refuse_existing(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.{os.getpid()}{PARTIAL}")
    _remove(partial)
    try:
        yield partial
        for file in (*partial.rglob("*"), partial):
            _sync(file)
        partial.rename(path)
    except BaseException:
        _remove(partial)
        raise
    sync_folder(path.parent)


def _refuse_existing(path: Path) -> None:
    if path.exists():
        raise InvalidValue(f"{path} exists already; remove it, or write to another place.")


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
