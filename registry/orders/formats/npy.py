"""What the header of a `.npy` file says: where its ids begin, how many they are, and of which type.

A file holds whole sequences as a two-dimensional array `[sequences, tokens_per_sequence]`, or ids as a one-dimensional
array, which may begin and end within a sequence. The files of an order follow one another. NumPy's own parser reads the
header and evaluates literals only; an array of Python objects is refused, and nothing is ever unpickled.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from tokenize import TokenError
from typing import Any, BinaryIO

import numpy as np
from numpy.lib import format as npy_format

from seenat.registry.errors import CorruptFile
from seenat.registry.orders.agreement import GeometryClaim
from seenat.registry.orders.extents import Extent
from seenat.registry.orders.file_signature import head_of, length_of, looks_like
from seenat.registry.orders.geometry import ID_BYTES

__all__ = ["ArrayFile", "read_array_file"]

# First byte of the text with type and shape, in version 1.0 (12 in 2.0).
_SHAPE_AT = 10

_PARSERS = {
    (1, 0): npy_format.read_array_header_1_0,
    (2, 0): npy_format.read_array_header_2_0,
}


@dataclass(frozen=True, slots=True)
class ArrayFile:
    """A `.npy` file: where its ids lie, and what its header says of the order."""

    piece: Extent
    claims: tuple[GeometryClaim, ...]


def read_array_file(path: Path) -> ArrayFile:
    """Read the header of a `.npy` file and check it against the length of the file.

    Raises `CorruptFile` for any other file, for arrays that are not ids in C order and little-endian, and for a file
    shorter or longer than its header says.
    """
    head = head_of(path)
    if not head.startswith(npy_format.MAGIC_PREFIX):
        raise CorruptFile(
            f"{path}, byte 0: no .npy file begins so: it looks like {looks_like(head)}; give the .npy file."
        )
    with path.open("rb") as file:
        shape, fortran_order, dtype = _parse(path, file)
        offset = file.tell()
    _check_array(path, shape, fortran_order, dtype)
    piece = Extent(path, offset, math.prod(shape) * dtype.itemsize)
    _check_length(piece)
    witness = f"{path} (byte {_SHAPE_AT})"
    claims = [GeometryClaim("dtype", dtype.name, witness)]
    if len(shape) == 2:
        claims.append(GeometryClaim("tokens_per_sequence", shape[1], witness))
    return ArrayFile(piece, tuple(claims))


def _parse(path: Path, file: BinaryIO) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    try:
        version = npy_format.read_magic(file)
        # Version 3.0 exists for field names outside Latin-1, and ids have no fields.
        parser = _PARSERS.get(version)
        if parser is None:
            raise ValueError(f"version {version[0]}.{version[1]} does not hold plain numbers")
        return parser(file)
    except (ValueError, TokenError) as error:  # numpy lets the second one out, from Python 3.12 on.
        said = error.args[0] if isinstance(error, TokenError) else error
        reason = str(said).partition("\n")[0]
        raise CorruptFile(f"{path}, byte {file.tell()}: its header cannot be read: {reason}; save it again.") from error


def _check_array(path: Path, shape: tuple[int, ...], fortran_order: bool, dtype: np.dtype[Any]) -> None:
    reason = None
    if dtype.hasobject:
        reason = "it holds pickled Python objects, which are never loaded"
    elif dtype.name not in ID_BYTES:
        reason = f"it holds {dtype.name}, and ids are one of {', '.join(ID_BYTES)}"
    elif dtype != dtype.newbyteorder("<"):
        reason = f"its {dtype.name} ids are big-endian"
    elif len(shape) not in (1, 2) or min(shape) < 0:
        reason = f"its shape is {shape}, and an order is [sequences, tokens_per_sequence] or flat"
    elif fortran_order and len(shape) == 2:
        reason = "it is in Fortran order, so no sequence lies in one place"
    if reason is not None:
        raise CorruptFile(
            f"{path}, byte {_SHAPE_AT}: {reason}; save it again as a C-ordered, little-endian array of ids."
        )


def _check_length(piece: Extent) -> None:
    length, due = length_of(Path(piece.file)), piece.offset + piece.length
    if length != due:
        raise CorruptFile(
            f"{piece.file}, byte {min(length, due)}: by its header the file has {due} bytes, and it has {length}; "
            f"download or save it again."
        )
