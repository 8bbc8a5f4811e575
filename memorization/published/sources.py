"""Data sets of memorization results that others published: a repository on the hub, a folder, or a Parquet file.

There are two of Pythia's, with different columns (`seenat.memorization.published.columns`):

* EleutherAI/pythia-memorized-evals: `index`, `tokens`; a row a memorized sequence, a split a model (`duped.70m`,
  `deduped.12b.23000`)
* EleutherAI/pile-duped-pythia-random-sampled and its deduped twin: `Index`, `70M` ... `12B`, `Tokens`; a row a sequence, a
  column a model's scores, multiples of 1/32

Rows stream in pieces; only a row's index and its scores, one byte each, are kept. Parquet files are read within the bounds of
`seenat.registry.parquet`, here and on the hub; what `save_to_disk` wrote is read by `datasets`, which also says which of a
repository's files are which split. A repository is read at the commit that its name means at the start.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import numpy.typing as npt

from seenat.memorization.published.columns import Columns, flags_of, indices_of, read_columns, scores_of
from seenat.memorization.published.parquet_files import column_names, files_by_split, rows_of
from seenat.memorization.published.result_sets import CONTINUATION
from seenat.registry import settings
from seenat.registry.errors import CorruptFile, InvalidValue
from seenat.registry.hub.bounds import bounded
from seenat.registry.hub.deadline import each_in_time, in_time
from seenat.registry.hub.errors import hub_errors
from seenat.registry.hub.retry import RetryPolicy
from seenat.registry.optional import arrow, datasets_or_refuse
from seenat.registry.parquet.bounded import reading

__all__ = ["Piece", "PublishedData", "open_published"]

_ROWS_AT_ONCE = 20_000
_HUB_SECONDS = 5.0
# Seconds for some thousands of rows: a row group of 10 MB, at 300 kbit/s.
_PATIENCE = 300.0
_SAVED = "a folder that save_to_disk wrote"
_NAME = re.compile(r"[\w.-]+(/[\w.-]+)?")
# Ends of names of files: a repository may be called so, but is not.
_FILE = re.compile(r".*\.(parquet|csv|tsv|jsonl?|pth?|np[yz]|txt|zip|gz)", re.IGNORECASE)

# Opens the rows of a split with these columns only: the ids of a row take 30 times what is kept of it.
_Open = Callable[[list[str]], Iterator[Any]]
# A split's columns, and its rows.
_Split = tuple[list[str], _Open]


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """Consecutive rows."""

    index: npt.NDArray[np.int64]
    scores: Mapping[str, npt.NDArray[np.uint8]]
    """By size, `70m`, or under "" where rows are of one model: how many of 32 ids were reproduced. Empty without scores."""
    flags: npt.NDArray[np.bool_] | None = None
    """Whether each row is memorized; None where there is no such column."""
    tokens: Any = None
    """The ids of each row, an Arrow array of lists; None where they were not asked for."""


@dataclass(frozen=True, kw_only=True)
class PublishedData:
    """One split of a data set."""

    split: str
    source: str
    """Where it came from, with the commit if it came from a hub."""
    columns: Columns
    _open: _Open

    @property
    def sizes(self) -> tuple[str, ...]:
        """Of the models of a random sample; empty for rows of one model."""
        return self.columns.sizes

    def pieces(self, *, tokens: bool = False) -> Iterator[Piece]:
        """All rows, some thousands at a time; raises `CorruptFile` for values that cannot be."""
        for table in self._open(self.columns.read(tokens=tokens)):
            yield self._piece(table, tokens=tokens)

    def _piece(self, table: Any, *, tokens: bool) -> Piece:
        columns, source = self.columns, self.source
        scores = {size: scores_of(_column(table, size.upper()), source) for size in columns.sizes}
        flags = None
        if columns.score is not None:
            scores[""] = scores_of(_column(table, columns.score), source)
        if columns.flag is not None:
            flags = flags_of(_column(table, columns.flag), source)
            if "" in scores and ((scores[""] == CONTINUATION) != flags).any():
                raise CorruptFile(f"{source} holds a row whose memorized and memorization_score disagree; correct it.")
        return Piece(
            index=indices_of(_column(table, columns.index), source),
            scores=scores,
            flags=flags,
            tokens=_column(table, columns.tokens) if tokens and columns.tokens else None,
        )


def _column(table: Any, name: str) -> Any:
    """A column in one piece, of a table or a record batch."""
    column = table.column(name)
    return column.combine_chunks() if isinstance(column, arrow().ChunkedArray) else column


@contextmanager
def open_published(source: str, *, patience: float = _PATIENCE) -> Iterator[tuple[PublishedData, ...]]:
    """The splits of a data set: a folder or a Parquet file, or else a repository on the hub.

    `patience` is how many seconds the hub may take for some thousands of rows. Raises `MissingExtra` without the packages that read it, `InvalidValue` for what is no such data set, and what
    `seenat.registry.hub.download` raises.
    """
    path, datasets = _path_of(source), datasets_or_refuse()
    if path.exists() and not _was_saved(path):
        absolute = path.absolute()
        yield _published(str(absolute), {name: _local(files) for name, files in files_by_split(absolute).items()})
        return
    datasets.disable_progress_bars()
    try:
        yield _published(
            *(_saved(datasets, path.absolute()) if path.exists() else _of_hub(datasets, source, path, patience))
        )
    finally:
        datasets.enable_progress_bars()


def _path_of(source: str) -> Path:
    return settings.expand(source, "The source") if source.startswith("~") else Path(source)


def _published(source: str, splits: Mapping[str, _Split]) -> tuple[PublishedData, ...]:
    return tuple(
        PublishedData(split=str(name), source=source, columns=read_columns(columns, source), _open=reopen)
        for name, (columns, reopen) in splits.items()
    )


def _local(files: list[Path]) -> _Split:
    paths = [str(file) for file in files]
    return column_names(paths), lambda columns: rows_of(paths, columns, _ROWS_AT_ONCE)


# -- through `datasets`


def _was_saved(path: Path) -> bool:
    return (path / "dataset_dict.json").exists() or (path / "state.json").exists()


def _saved(datasets: Any, path: Path) -> tuple[str, dict[str, _Split]]:
    with reading(str(path), _SAVED):
        loaded = datasets.load_from_disk(str(path))
        saved = loaded if isinstance(loaded, dict) else {"train": loaded}
        return str(path), {
            str(name): (list(rows.column_names), partial(_saved_rows, path, rows)) for name, rows in saved.items()
        }


def _saved_rows(path: Path, rows: Any, columns: list[str]) -> Iterator[Any]:
    """Rows as they were saved are used as they lie in the file: offsets in it must be looked at first."""
    with reading(str(path), _SAVED):
        for table in _arrow_rows(rows.select_columns, columns):
            table.validate(full=True)
            yield table


def _of_hub(datasets: Any, source: str, path: Path, patience: float) -> tuple[str, dict[str, _Split]]:
    is_path = source.startswith(".") or (path.parent != Path() and path.parent.is_dir())
    if is_path or _FILE.fullmatch(source) or not _NAME.fullmatch(source):
        raise InvalidValue(
            f"{source} does not exist, and is not the name of a repository on the hub; give a folder, a Parquet file, or a name "
            "such as EleutherAI/pythia-memorized-evals."
        )
    with _hub_errors(source):
        from huggingface_hub import HfApi, HfFileSystem

        with bounded(f"the data set {source}", RetryPolicy(), silence=_HUB_SECONDS):
            commit = HfApi().dataset_info(source, timeout=_HUB_SECONDS).sha
        builder = in_time(source, partial(datasets.load_dataset_builder, source, revision=commit), patience)
        filesystem = HfFileSystem()
        return f"hf://datasets/{source}@{commit}", {
            str(name): _remote(source, _parquet_among(source, files), filesystem, patience)
            for name, files in (builder.config.data_files or {}).items()
        }


def _parquet_among(source: str, files: Sequence[str]) -> list[str]:
    """The addresses of a split's files without `hf://`; raises `InvalidValue` for files of another format."""
    other = next((file for file in files if not file.lower().endswith(".parquet")), None)
    if other is not None:
        raise InvalidValue(
            f"{source} holds {PurePosixPath(other).name}, and results are read from Parquet; download and convert it."
        )
    return [file.removeprefix("hf://") for file in files]


def _remote(source: str, files: list[str], filesystem: Any, patience: float) -> _Split:
    names = in_time(source, lambda: column_names(files, filesystem), patience)
    return names, partial(_remote_rows, source, files, filesystem, patience)


def _remote_rows(source: str, files: list[str], filesystem: Any, patience: float, columns: list[str]) -> Iterator[Any]:
    # fsspec and pyarrow ask the hub in threads of their own, where no bounds are kept but this one.
    with _hub_errors(source):
        yield from each_in_time(source, lambda: rows_of(files, columns, _ROWS_AT_ONCE, filesystem), patience)


def _arrow_rows(choose: Callable[[list[str]], Any], columns: list[str]) -> Iterator[Any]:
    return iter(choose(columns).with_format("arrow").iter(batch_size=_ROWS_AT_ONCE))


def _hub_errors(source: str) -> Any:
    return hub_errors(f"the data set {source} (there is no file or folder of that name)")


def _line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0].rstrip(".")
