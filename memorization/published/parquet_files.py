"""Rows of Parquet files of this machine, some thousands at a time, and what other files are instead.

Files may be damaged or made to harm: they are read within bounds (`seenat.registry.parquet`), and may claim no more rows than
results of their size have.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from seenat.registry.errors import CorruptFile, InvalidValue
from seenat.registry.orders.file_signature import head_of, looks_like
from seenat.registry.parquet.bounded import BoundedFile, read_metadata, reading
from seenat.registry.parquet.chunks import FileBytes

__all__ = ["column_names", "files_by_split", "rows_of"]

# What is kept of a row takes 50 bytes while it is imported: 400 MB, or a multiple of what the files take.
_MOST_ROWS = 1 << 23
_MOST_ROWS_A_BYTE = 4
# Published rows have 64; they are compared with the beginning of a sequence.
_MOST_IDS_A_ROW = 4_096

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


def column_names(files: Sequence[str], filesystem: Any = None) -> list[str]:
    """The columns of some files, of this machine or of an fsspec file system; they must be the same in all of them."""
    names: list[str] | None = None
    for path in files:
        metadata = read_metadata(path, filesystem)
        with reading(path):
            own = list(metadata.schema.to_arrow_schema().names)
        if names is not None and set(own) != set(names):
            raise InvalidValue(f"{path} and {files[0]} have different columns; import them one by one.")
        names = own
    return names or []


def rows_of(files: Sequence[str], columns: Sequence[str], rows_at_once: int, filesystem: Any = None) -> Iterator[Any]:
    """Record batches with these columns; raises `CorruptFile` for files that cannot be read within bounds."""
    described = [read_metadata(path, filesystem) for path in files]
    rows = sum(metadata.num_rows for metadata in described)
    size = sum(FileBytes(path, filesystem).length for path in files)
    if rows > max(_MOST_ROWS, size * _MOST_ROWS_A_BYTE):
        raise CorruptFile(
            f"{files[0]} claims {rows:,} rows in {size:,} bytes, which no results have; save it again without compression."
        )
    for path, metadata in zip(files, described, strict=True):
        with closing(BoundedFile(path, metadata, columns, filesystem)) as file:
            yield from file.all_batches(rows=rows_at_once, most=_MOST_IDS_A_ROW)
