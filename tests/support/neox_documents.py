"""Tokenized documents on disk, as GPT-NeoX index maps need them."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["MAPS", "map_files", "write_documents"]

MAPS = ("doc_idx", "sample_idx", "shuffle_idx")
_CODES = {"uint8": 1, "int32": 4, "int64": 5, "uint16": 8}


def write_documents(folder: Path, documents: Sequence[npt.NDArray[Any]]) -> tuple[Path, ...]:
    """An MMIDIDX pair of documents of any length, its ids cut within one into two files, which are returned."""
    ids = np.concatenate(documents)
    sizes = np.array([len(document) for document in documents], "<i4")
    pointers = (np.cumsum(sizes, dtype="<i8") - sizes) * ids.itemsize
    header = struct.pack("<9sQBQQ", b"MMIDIDX\0\0", 1, _CODES[ids.dtype.name], len(sizes), len(sizes) + 1)
    entries = np.arange(len(sizes) + 1, dtype="<i8")
    (folder / "document.idx").write_bytes(header + sizes.tobytes() + pointers.tobytes() + entries.tobytes())
    files = folder / "document-0.bin", folder / "document-1.bin"
    half = ids.nbytes // 2 | 1
    for file, data in zip(files, (ids.tobytes()[:half], ids.tobytes()[half:]), strict=True):
        file.write_bytes(data)
    return files


def map_files(folder: Path) -> dict[str, Path]:
    """The files beside the ids, by their keys in a manifest."""
    return {"index": folder / "document.idx", **{name: folder / f"{name}.npy" for name in MAPS}}
