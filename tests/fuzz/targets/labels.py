"""Labels of sequences that others wrote, as Parquet with texts, CSV and JSON lines."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack, closing
from pathlib import Path

from support.published import write_rows

from fuzz.target import Target
from seenat.memorization.labels.codes import CodesWriter
from seenat.memorization.labels.read import read_chunks, read_names

__all__ = ["TARGETS"]

_SEQUENCES = 1000
_INDEX = [3, 1, 2, 999, 7]
_VALUES = ["Github", None, "ArXiv", "Github", "Pile-CC"]


def _parquet(folder: Path) -> list[bytes]:
    flags = [True, False, None, True, False]
    files = [
        write_rows(folder / "texts.parquet", sequence=_INDEX, subset=_VALUES, flag=flags),
        write_rows(folder / "numbers.parquet", index=_INDEX, part=[1, 2, 1, 2, 3]),
    ]
    return [file.read_bytes() for file in files]


def _lines(_folder: Path) -> list[bytes]:
    rows = [f'{place},"{value or ""}"' for place, value in zip(_INDEX, _VALUES, strict=True)]
    return ["\n".join(["sequence,subset", *rows]).encode(), b"\xef\xbb\xbfindex,a,b\r\n1,x,true\r\n2,,false\r\n"]


def _objects(_folder: Path) -> list[bytes]:
    return [b'{"sequence": 1, "subset": "Github", "flag": true}\n{"subset": null, "sequence": "2", "flag": 1.5}\n']


def _read(data: bytes, folder: Path, ending: str) -> None:
    """A code that is stored must be of a value, and a value one line."""
    path = folder / f"labels{ending}"
    path.write_bytes(data)
    key, names = read_names(path, None)
    with ExitStack() as stack:
        writers = [stack.enter_context(closing(CodesWriter(folder / "codes", name, _SEQUENCES))) for name in names]
        for chunk in read_chunks(path, key, writers, _SEQUENCES):
            for writer, codes in zip(writers, chunk.codes, strict=True):
                writer.add(chunk.sequences, codes)
        for writer in writers:
            assert all(value.isprintable() and value for value in writer.codes_by_value)
            assert sum(writer.finish().counts) == _SEQUENCES


def _target(name: str, samples: object, ending: str) -> Target:
    def parse(data: bytes, folder: Path) -> None:
        _read(data, folder, ending)

    assert callable(samples)
    return Target(name=name, samples=samples, parse=parse)


TARGETS: Sequence[Target] = (
    _target("labels-parquet", _parquet, ".parquet"),
    _target("labels-csv", _lines, ".csv"),
    _target("labels-jsonl", _objects, ".jsonl"),
)
