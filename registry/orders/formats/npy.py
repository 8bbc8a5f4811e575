"""What a `.npy` file says of an order: where its ids begin, how many they are, and of which type.

A file holds whole sequences as a two-dimensional array `[sequences, tokens_per_sequence]`, or ids as a one-dimensional
array, which may begin and end within a sequence. The files of an order follow one another.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from seenat.registry.errors import CorruptFile
from seenat.registry.orders.agreement import GeometryClaim
from seenat.registry.orders.extents import Extent
from seenat.registry.orders.formats.npy_header import SHAPE_AT, NpyHeader, check_length, read_npy_header
from seenat.registry.orders.geometry import ID_BYTES

__all__ = ["ArrayFile", "read_array_file"]


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
    header = read_npy_header(path)
    _check_array(header)
    check_length(header)
    witness = f"{path} (byte {SHAPE_AT})"
    claims = [GeometryClaim("dtype", header.dtype.name, witness)]
    if len(header.shape) == 2:
        claims.append(GeometryClaim("tokens_per_sequence", header.shape[1], witness))
    return ArrayFile(Extent(path, header.offset, header.data_bytes), tuple(claims))


def _check_array(header: NpyHeader) -> None:
    shape, dtype, reason = header.shape, header.dtype, None
    if dtype.name not in ID_BYTES:
        reason = f"it holds {dtype.name}, and ids are one of {', '.join(ID_BYTES)}"
    elif dtype != dtype.newbyteorder("<"):
        reason = f"its {dtype.name} ids are big-endian"
    elif len(shape) not in (1, 2):
        reason = f"its shape is {shape}, and an order is [sequences, tokens_per_sequence] or flat"
    elif header.fortran_order and len(shape) == 2:
        reason = "it is in Fortran order, so no sequence lies in one place"
    if reason is not None:
        raise CorruptFile(
            f"{header.path}, byte {SHAPE_AT}: {reason}; save it again as a C-ordered, little-endian array of ids."
        )
