"""Data sets of memorization results that others published, read through `datasets`: from the hub, a folder, or a file.

There are two kinds, with different columns:

* EleutherAI/pythia-memorized-evals: `index`, `tokens`; a row a memorized sequence, a split a model (`duped.70m`,
  `deduped.12b.23000`)
* EleutherAI/pile-duped-pythia-random-sampled and its deduped twin: `Index`, `70M` ... `12B`, `Tokens`; a row a sequence, a
  column a model's scores, multiples of 1/32

Rows stream in pieces; only a row's index and its scores, one byte each, are kept. A repository on the hub is read at
the commit that its name means at the start.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from seenat.memorization.published.result_sets import CONTINUATION
from seenat.registry import settings
from seenat.registry.errors import CorruptFile, InvalidValue, MissingExtra
from seenat.registry.hub.errors import hub_errors

__all__ = ["Piece", "PublishedData", "SplitName", "open_published"]

_ROWS_AT_ONCE = 20_000
_HUB_SECONDS = 5.0
_SPLIT = re.compile(r"(duped|deduped)\.([0-9.]+[mb])(?:\.(\d+|new))?")
_SPLIT_NAME = re.compile(r"\w+(\.\w+)*")
_NUMBERED = re.compile(r"(.+)-\d{5}-of-\d{5}.*\.parquet")
_SIZE = re.compile(r"[0-9.]+[MB]")
_NAME = re.compile(r"[\w.-]+(/[\w.-]+)?")


# Where a data set came from, its splits with all columns, and a function that opens one split with some columns.
_Loaded = tuple[str, Mapping[str, Any], Callable[[str, list[str]], Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitName:
    """A parsed name of a split: `deduped.12b.23000`."""

    deduplicated: bool
    size: str
    label: int | None
    """Of the checkpoint; None for the last one."""

    @classmethod
    def parse(cls, name: str) -> SplitName | None:
        """Read a name; None for one of another form."""
        match = _SPLIT.fullmatch(name)
        if match is None:
            return None
        label = int(match[3]) if match[3] and match[3] != "new" else None
        return cls(deduplicated=match[1] == "deduped", size=match[2], label=label)


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """Consecutive rows."""

    index: npt.NDArray[np.int64]
    scores: Mapping[str, npt.NDArray[np.uint8]]
    """By size, `70m`: how many of 32 ids were reproduced; empty for a set of memorized sequences."""


@dataclass(frozen=True, kw_only=True)
class PublishedData:
    """One split of a data set."""

    split: str
    source: str
    """Where it came from, with the commit if it came from a hub."""
    sizes: tuple[str, ...]
    """Of the models whose scores it holds; empty for a set of memorized sequences."""
    _open: Callable[[list[str]], Any]
    """Opens the rows with these columns only: the ids of a row take 30 times what is kept of it."""

    def pieces(self) -> Iterator[Piece]:
        """All rows, some thousands at a time; raises `CorruptFile` for values that cannot be."""
        names = {size: size.upper() for size in self.sizes}
        columns = ["Index" if self.sizes else "index", *names.values()]
        with hub_errors(self.source):
            for table in self._open(columns).with_format("arrow").iter(batch_size=_ROWS_AT_ONCE):
                yield Piece(
                    index=_indices(table[columns[0]], self.source),
                    scores={size: _scores(table[name], self.source) for size, name in names.items()},
                )


@contextmanager
def open_published(source: str) -> Iterator[tuple[PublishedData, ...]]:
    """The splits of a data set: a folder or a Parquet file, or else a repository on the hub.

    Raises `MissingExtra` without the `datasets` package, `InvalidValue` for what is no such data set, and what
    `seenat.registry.hub.download` raises.
    """
    datasets = _datasets_or_refuse()
    datasets.disable_progress_bars()
    try:
        where, splits, reopen = _load(datasets, source)
        yield tuple(
            PublishedData(split=str(name), source=where, sizes=_sizes(source, rows), _open=partial(reopen, str(name)))
            for name, rows in splits.items()
        )
    finally:
        datasets.enable_progress_bars()


def _datasets_or_refuse() -> Any:
    try:
        import datasets
    except ImportError as error:
        raise MissingExtra(
            "Published results are read with datasets and pyarrow; run `pip install 'seenat[data]'`."
        ) from error
    return datasets


def _load(datasets: Any, source: str) -> _Loaded:
    path = settings.expand(source, "The source") if source.startswith("~") else Path(source)
    if path.exists():
        try:
            return _load_local(datasets, path.absolute())
        except (OSError, ValueError) as error:
            raise InvalidValue(f"{path} is not a data set that can be read: {_line(error)}.") from error
    if not _NAME.fullmatch(source):
        raise InvalidValue(f"{source} does not exist, and is not the name of a repository on the hub.")
    with hub_errors(f"the data set {source}"):
        from huggingface_hub import HfApi

        commit = HfApi().dataset_info(source, timeout=_HUB_SECONDS).sha
        load = partial(datasets.load_dataset, source, revision=commit, streaming=True)
        return f"hf://datasets/{source}@{commit}", load(), lambda name, columns: load(columns=columns)[name]


def _load_local(datasets: Any, path: Path) -> _Loaded:
    if (path / "dataset_dict.json").exists() or (path / "state.json").exists():
        loaded = datasets.load_from_disk(str(path))
        saved = loaded if isinstance(loaded, dict) else {"train": loaded}
        return str(path), saved, lambda name, columns: saved[name].select_columns(columns)
    files = [path] if path.is_file() else sorted(path.rglob("*.parquet"))
    splits: dict[str, list[str]] = {}
    for file in files:
        splits.setdefault(_split_of(file), []).append(str(file))
    if not splits:
        raise ValueError("it holds neither Parquet files nor what save_to_disk wrote")
    load = partial(datasets.load_dataset, "parquet", data_files=splits, streaming=True)
    return str(path), load(), lambda name, columns: load(columns=columns)[name]


def _split_of(file: Path) -> str:
    """`duped.70m-00000-of-00005.parquet` and `duped.70m/0000.parquet` are of the split duped.70m, any other of `train`."""
    numbered = _NUMBERED.fullmatch(file.name)
    name = numbered[1] if numbered else file.parent.name if file.stem.isdecimal() else "train"
    return name if _SPLIT_NAME.fullmatch(name) else "train"


def _sizes(source: str, rows: Any) -> tuple[str, ...]:
    columns = rows.column_names or []
    if "index" in columns and "tokens" in columns:
        return ()
    sizes = tuple(name.lower() for name in columns if _SIZE.fullmatch(name))
    if "Index" not in columns or not sizes:
        raise InvalidValue(
            f"{source} has the columns {', '.join(columns) or 'none'}; published results have index and tokens, "
            "or Index and one column of scores a model."
        )
    return sizes


def _indices(column: Any, source: str) -> npt.NDArray[np.int64]:
    if column.null_count or not str(column.type).startswith(("int", "uint")):
        raise CorruptFile(f"{source} holds an index that is not a whole number; the download may be incomplete.")
    values: npt.NDArray[np.int64] = np.asarray(column.to_numpy(), np.int64)
    if values.size and values.min() < 0:
        raise CorruptFile(f"{source} holds the index {values.min()}, and indices start at 0.")
    return values


def _scores(column: Any, source: str) -> npt.NDArray[np.uint8]:
    exact = np.asarray(column.to_numpy(), np.float64) * CONTINUATION
    counts = np.rint(exact)
    if not (np.abs(exact - counts) < 1e-6).all() or ((counts < 0) | (counts > CONTINUATION)).any():
        raise CorruptFile(f"{source} holds a score that is not one of 0, 1/{CONTINUATION} ... 1.")
    return counts.astype(np.uint8)


def _line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0].rstrip(".")
