"""A dataset for bergson, and its scores.

The dataset has a row a sequence: `sequence`, `batch`, `step`, `length` and `input_ids`, the columns by which bergson takes ids as
they are instead of a text. It asks for the prediction of each id from those before it, and refuses rows that are longer than the
model's context; so a row is the first ids of a sequence, by default all but the last, which are the inputs of training.

Its scores are a folder of two files:

    info.json   num_items, num_scores, and the type of a record: names, formats, offsets, itemsize
    scores.bin  a record a row: for each query its score_N, and written_N, whether it was computed
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeGuard

import numpy as np
import numpy.typing as npt

from seenat.attribution.duplicates.contents import ComparedOrder
from seenat.registry.errors import CorruptFile, InvalidValue
from seenat.registry.exports.batches import Exported, blocks_of
from seenat.registry.exports.files import format_of, table_writer
from seenat.registry.optional import arrow
from seenat.registry.storage.outputs import whole_or_absent

__all__ = ["ScoreFile", "export_dataset", "read_scores", "write_scores"]

_ROWS_AT_ONCE = 1_024
# Bytes of info.json: ten thousand queries have one of 1.5 MB.
_LARGEST_INFO = 1 << 24
# NumPy has no bfloat16: such scores are read as their upper halves.
_FORMATS = {"float16": "<f2", "float32": "<f4", "float64": "<f8", "bfloat16": "<u2"}
_WORDS = {"<f2": "float16", "<f4": "float32", "<f8": "float64"}

Scores = npt.NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class ScoreFile:
    """The scores of a folder, mapped; nothing is read before it is asked for."""

    path: Path
    items: int
    queries: int
    _records: npt.NDArray[Any]
    _formats: tuple[str, ...]

    def scores(self, query: int) -> Scores:
        """The score of each row for a query, `[items]`; NaN where it was not computed."""
        column = self._records[f"score_{query}"]
        if self._formats[query] == "bfloat16":
            column = (column.astype(np.uint32) << np.uint32(16)).view(np.float32)
        return np.where(self._records[f"written_{query}"] != 0, column.astype(np.float32), np.float32(np.nan))


def export_dataset(
    compared: ComparedOrder,
    path: Path,
    *,
    format_: str | None = None,
    force: bool = False,
    length: int | None = None,
    progress: Callable[[int], None] = lambda _: None,
) -> Exported:
    """Write the first `length` ids of consecutive sequences; `progress` gets the sequences of each block.

    Raises `InvalidValue` for a path that exists and for more ids than a sequence has.
    """
    width = compared.source.geometry.tokens_per_sequence
    length = max(1, width - 1) if length is None else length
    if not 0 < length <= width:
        raise InvalidValue(f"A row has 1 to {width} ids here, not {length}; choose --ids so.")
    format_, pa = format_of(path, format_, force=force), arrow()
    numbers = [(name, pa.int64()) for name in ("sequence", "batch", "step", "length")]
    ids = ("input_ids", pa.list_(pa.from_numpy_dtype(np.dtype(compared.source.geometry.dtype))))
    about = {"order": compared.name, "sequences": compared.sequences.to_json(), "ids": length}
    with table_writer(path, format_, pa.schema([*numbers, ids]), about, force=force) as write:
        for block in blocks_of(compared.sequences, _ROWS_AT_ONCE):
            sequences = np.arange(block.start, block.stop)
            batches = sequences // compared.sequences_per_batch
            rows = np.ascontiguousarray(compared.source.tokens(block)[:, :length])
            starts = np.arange(len(block) + 1, dtype=np.int32) * length
            write(
                {
                    "sequence": sequences,
                    "batch": batches,
                    "step": batches + 1,
                    "length": np.full(len(block), length),
                    "input_ids": pa.ListArray.from_arrays(starts, pa.array(rows.reshape(-1))),
                }
            )
            progress(len(block))
    return Exported(path=path.absolute(), format=format_, rows=len(compared.sequences), metadata=about)


# -- scores


def write_scores(folder: Path, scores: npt.ArrayLike) -> None:
    """Write scores, `[rows]` or `[rows, queries]`, to a new folder; what is NaN is marked as not computed."""
    values = np.asarray(scores, np.float32)
    values = values[:, None] if values.ndim == 1 else values
    if values.ndim != 2 or not values.size:
        raise InvalidValue(f"Scores are an array of rows, or of rows and queries, not of shape {np.shape(scores)}.")
    fields = _fields(values.shape[1])
    record: np.dtype[Any] = np.dtype(fields)  # type: ignore[call-overload]
    records: npt.NDArray[Any] = np.zeros(len(values), record)
    for query, column in enumerate(values.T):
        records[f"score_{query}"] = np.nan_to_num(column, nan=0.0, posinf=np.inf, neginf=-np.inf)
        records[f"written_{query}"] = ~np.isnan(column)
    words = [_WORDS.get(str(format_), format_) for format_ in fields["formats"]]
    info = {"num_items": len(values), "num_scores": values.shape[1], "dtype": {**fields, "formats": words}}
    with whole_or_absent(folder) as partial:
        partial.mkdir()
        records.tofile(partial / "scores.bin")
        (partial / "info.json").write_text(json.dumps(info, indent=2), "utf-8")


def _fields(queries: int) -> dict[str, Any]:
    """A record as bergson lays it out: 8 bytes a query, a float32 and a flag behind it."""
    return {
        "names": [name for query in range(queries) for name in (f"score_{query}", f"written_{query}")],
        "formats": ["<f4", "bool"] * queries,
        "offsets": [at for query in range(queries) for at in (8 * query, 8 * query + 4)],
        "itemsize": 8 * queries,
    }


def read_scores(folder: Path) -> ScoreFile:
    """Open the scores of a folder; raises `CorruptFile` for one that is not as the format says, `InvalidValue` for another."""
    info = _info(folder / "info.json")
    if info.get("attribute_tokens"):
        raise InvalidValue(f"{folder} has a score for each id, which is not read; let bergson score whole rows.")
    items, queries, fields = (info.get(name) for name in ("num_items", "num_scores", "dtype"))
    if not (_is_count(items) and _is_count(queries) and isinstance(fields, dict)):
        raise _damaged(folder, "info.json does not say how many scores there are")
    formats = _formats(folder, fields, queries)
    dtype = _record(folder, fields, formats)
    path = folder / "scores.bin"
    try:
        size = path.stat().st_size
    except OSError as error:
        raise InvalidValue(f"{path} cannot be read: {error.strerror}; give the folder that bergson wrote.") from error
    if size != items * dtype.itemsize:
        raise _damaged(folder, f"scores.bin has {size:,} bytes instead of {items * dtype.itemsize:,}")
    return ScoreFile(
        path=folder, items=items, queries=queries, _records=np.memmap(path, dtype, "r"), _formats=formats[::2]
    )


def _info(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            data = file.read(_LARGEST_INFO + 1)
    except OSError as error:
        raise InvalidValue(f"{path} cannot be read: {error.strerror}; give the folder that bergson wrote.") from error
    try:
        info = json.loads(data) if len(data) <= _LARGEST_INFO else None
    except (ValueError, RecursionError):
        info = None
    if not isinstance(info, dict):
        raise _damaged(path.parent, "info.json is no JSON object of a usual size")
    return info


def _is_count(value: Any) -> TypeGuard[int]:
    return type(value) is int and 0 < value < 1 << 48


def _formats(folder: Path, fields: dict[str, Any], queries: int) -> tuple[str, ...]:
    """The format of each field, if the fields are those of so many queries."""
    names, formats = fields.get("names"), fields.get("formats")
    known = isinstance(names, list) and isinstance(formats, list) and len(names) == len(formats) == 2 * queries
    if not known or names != _fields(queries)["names"]:
        raise _damaged(folder, "info.json names other fields than score_N and written_N")
    assert isinstance(formats, list)
    if (
        any(word not in ("bool", *_FORMATS) for word in formats)
        or set(formats[1::2]) != {"bool"}
        or "bool" in formats[::2]
    ):
        raise _damaged(folder, f"info.json has formats that are not one of {', '.join(_FORMATS)}")
    return tuple(formats)


def _record(folder: Path, fields: dict[str, Any], formats: tuple[str, ...]) -> np.dtype[Any]:
    described = {
        "names": fields["names"],
        "formats": [np.dtype(_FORMATS.get(word, "u1")) for word in formats],
        "offsets": fields.get("offsets"),
        "itemsize": fields.get("itemsize"),
    }
    try:
        return np.dtype(described)  # type: ignore[call-overload,no-any-return]
    except (TypeError, ValueError, OverflowError) as error:
        raise _damaged(folder, "the fields of info.json do not fit into its records") from error


def _damaged(folder: Path, why: str) -> CorruptFile:
    return CorruptFile(f"{folder} is not a whole folder of scores: {why}; write it again.")
