"""The header of a `.npy` file: type, shape, and where the numbers begin, whatever bytes stand there.

NumPy's own parser reads the header and evaluates literals only; nothing is ever unpickled. Out of damaged headers it lets
whatever Python's own parser raises, so every exception means that the header cannot be read.
"""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.lib import format as npy_format

from seenat.registry.errors import CorruptFile
from seenat.registry.orders.file_signature import head_of, length_of, looks_like

__all__ = ["SHAPE_AT", "NpyHeader", "check_length", "read_npy_header"]

SHAPE_AT = 10
"""First byte of the text with type and shape, in version 1.0 (12 in 2.0)."""
# Of one dimension; a longer number has thousands of digits, which Python does not print.
_LONGEST = 2**63 - 1

_PARSERS = {
    (1, 0): npy_format.read_array_header_1_0,
    (2, 0): npy_format.read_array_header_2_0,
}


@dataclass(frozen=True, slots=True)
class NpyHeader:
    """What a header says; `check_length` compares it with the file."""

    path: Path
    shape: tuple[int, ...]
    fortran_order: bool
    dtype: np.dtype[Any]
    offset: int
    """First byte of the numbers."""

    @property
    def data_bytes(self) -> int:
        """Bytes of all numbers."""
        return math.prod(self.shape) * self.dtype.itemsize


def read_npy_header(path: Path) -> NpyHeader:
    """Read a header.

    Raises `CorruptFile` for any other file, for pickled objects, and for lengths below 0.
    """
    head = head_of(path)
    if not head.startswith(npy_format.MAGIC_PREFIX):
        raise CorruptFile(
            f"{path}, byte 0: no .npy file begins so: it looks like {looks_like(head)}; give the .npy file."
        )
    with path.open("rb") as file:
        shape, fortran_order, dtype = _parse(path, file)
        header = NpyHeader(path, shape, fortran_order, dtype, file.tell())
    reason = None
    if dtype.hasobject:
        reason = "it holds pickled Python objects, which are never loaded"
    elif min(shape, default=0) < 0:
        reason = f"its shape is {shape}, and no length is negative"
    if reason is not None:
        raise CorruptFile(f"{path}, byte {SHAPE_AT}: {reason}; save it again as an array of ids.")
    return header


def _parse(path: Path, file: BinaryIO) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    try:
        version = npy_format.read_magic(file)
        # Version 3.0 exists for field names outside Latin-1, and ids have no fields.
        parser = _PARSERS.get(version)
        if parser is None:
            raise ValueError(f"version {version[0]}.{version[1]} does not hold plain numbers")
        with warnings.catch_warnings():
            # Of Python 2's numbers such as 4L, which are read rightly.
            warnings.simplefilter("ignore")
            shape, fortran_order, dtype = parser(file)
        if any(abs(length) > _LONGEST for length in shape):
            raise ValueError("no array is this long")
    except Exception as error:
        reason = str(error.args[0] if error.args else type(error).__name__).partition("\n")[0].rstrip(".")
        raise CorruptFile(f"{path}, byte {file.tell()}: its header cannot be read: {reason}; save it again.") from error
    return tuple(int(length) for length in shape), fortran_order, dtype


def check_length(header: NpyHeader) -> None:
    """Raise `CorruptFile` for a file shorter or longer than its header says."""
    length, due = length_of(header.path), header.offset + header.data_bytes
    if length != due:
        raise CorruptFile(
            f"{header.path}, byte {min(length, due)}: by its header the file has {due} bytes, and it has {length}; "
            "download or save it again."
        )
