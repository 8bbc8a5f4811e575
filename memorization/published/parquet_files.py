"""Rows of Parquet files of this machine, some thousands at a time, and what other files are instead.

Files may be damaged or made to harm: whatever pyarrow raises while it reads one becomes `InvalidValue`. What a footer says of single
columns is not looked at: pyarrow ends the process where it is damaged.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from seenat.registry.errors import InvalidValue, SeenatError
from seenat.registry.optional import arrow
from seenat.registry.orders.file_signature import head_of, looks_like

__all__ = ["column_names", "files_by_split", "readable", "rows_of"]

_NUMBERED = re.compile(r"(.+)-\d{5}-of-\d{5}.*\.parquet")
_SPLIT_NAME = re.compile(r"\w{1,40}(\.\w{1,20}){0,4}", re.ASCII)
_CONVERTED = {
    ".csv": "pandas.read_csv('{name}').to_parquet('{stem}.parquet')",
    ".tsv": "pandas.read_csv('{name}', sep='\\t').to_parquet('{stem}.parquet')",
    ".json": "pandas.read_json('{name}').to_parquet('{stem}.parquet')",
    ".jsonl": "pandas.read_json('{name}', lines=True).to_parquet('{stem}.parquet')",
    ".pt": "pandas.DataFrame({{'index': torch.load('{name}', weights_only=True)}}).to_parquet('{stem}.parquet')",
    ".pth": "pandas.DataFrame({{'index': torch.load('{name}', weights_only=True)}}).to_parquet('{stem}.parquet')",
    ".npy": "pandas.DataFrame({{'index': numpy.load('{name}')}}).to_parquet('{stem}.parquet')",
}


def files_by_split(path: Path) -> dict[str, list[Path]]:
    """The Parquet files of a folder, or one file, by the split that their names say.

    Raises `InvalidValue` for files of other formats, with what to do, and for a folder without any.
    """
    if path.is_file():
        files = [path]
        _refuse_other(path)
    else:
        files = sorted(file for file in path.rglob("*.parquet") if file.is_file())
    if not files:
        others = sorted(file for file in path.rglob("*") if file.suffix.lower() in _CONVERTED and file.is_file())
        if others:
            _refuse_other(others[0])
        raise InvalidValue(
            f"{path} is not a data set that can be read: it holds neither Parquet files nor what save_to_disk wrote."
        )
    splits: dict[str, list[Path]] = {}
    for file in files:
        splits.setdefault(_split_of(file), []).append(file)
    return splits


def _refuse_other(path: Path) -> None:
    """Refuse a file that is no Parquet, with what it is and how to convert it."""
    head = head_of(path)
    if head.startswith(b"PAR1"):
        return
    conversion = _CONVERTED.get(path.suffix.lower())
    if conversion is None:
        raise InvalidValue(
            f"{path} is not a data set that can be read: it looks like {looks_like(head)}; give a Parquet file or a folder of such."
        )
    command = conversion.format(name=path.name, stem=path.stem)
    raise InvalidValue(f"{path} is {path.suffix[1:]}, and results are read from Parquet; convert it with `{command}`.")


def _split_of(file: Path) -> str:
    """`duped.70m-00000-of-00005.parquet` and `duped.70m/0000.parquet` are of the split duped.70m, any other of `train`."""
    numbered = _NUMBERED.fullmatch(file.name)
    name = numbered[1] if numbered else file.parent.name if file.stem.isdecimal() else "train"
    return name if _SPLIT_NAME.fullmatch(name) else "train"


def column_names(files: Sequence[Path]) -> list[str]:
    """The columns of some files, which must be the same in all of them."""
    names: list[str] | None = None
    for path in files:
        with readable(path):
            own = list(arrow().parquet.read_schema(path).names)
        if names is not None and set(own) != set(names):
            raise InvalidValue(f"{path} and {files[0]} have different columns; import them one by one.")
        names = own
    return names or []


def rows_of(files: Sequence[Path], columns: Sequence[str], rows_at_once: int) -> Iterator[Any]:
    """Record batches with these columns."""
    for path in files:
        # Mapped, a page that claims more bytes than the file has takes no memory for them.
        with readable(path), arrow().parquet.ParquetFile(path, memory_map=True, pre_buffer=False) as file:
            yield from file.iter_batches(rows_at_once, columns=list(columns), use_threads=False)


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Make `InvalidValue` of whatever a library raises while it reads a damaged file."""
    try:
        yield
    except SeenatError:
        raise
    except OSError as error:
        reason = error.strerror or _line(error)
        raise _unreadable(path, reason) from error
    except Exception as error:
        # Of damaged files, pyarrow raises UnicodeDecodeError, StopIteration, MemoryError and others beside its own.
        raise _unreadable(path, _line(error) or type(error).__name__) from error


def _unreadable(path: Path, reason: str) -> InvalidValue:
    return InvalidValue(f"{path} is not a data set that can be read: {reason}; download it again.")


def _line(error: Exception) -> str:
    text = str(error).strip().partition("\n")[0].rstrip(".")
    return text if text.isprintable() and len(text) < 200 else f"{text!r:.200}"
