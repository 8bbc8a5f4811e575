"""MMIDIDX, the format of Megatron and GPT-NeoX: ids without a header in `.bin`, their index in `.idx`.

Layout of the index, all little-endian (`utils/mmap_dataset.py` of the Pythia repository):

    byte           type      content
    0              9 bytes   "MMIDIDX", 0, 0
    9              u64       version, 1
    17             u8        code of the type of the ids
    18             u64       N, sequences
    26             u64       M, entries of the document index
    34             i32[N]    sizes, in ids
    34 + 4 N       i64[N]    pointers: the first byte of each sequence in the `.bin`
    34 + 12 N      i64[M]    document index: sequence numbers at which documents begin

In a training order every size is T and pointer i is i * T * bytes of an id, so arithmetic gives all that the index says
(Pythia's: 1,757,184,042 bytes for N = 146,432,000, M = 1). Opening reads the header, the length, and the first and last
entries; `check_index` reads everything, in bounded memory. Where the ids lie in several shards, pointers count bytes of
their concatenation.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from seenat.registry.errors import CorruptFile, InvalidValue
from seenat.registry.orders.agreement import GeometryClaim
from seenat.registry.orders.file_signature import head_of, length_of, looks_like
from seenat.registry.orders.geometry import ID_BYTES, Geometry
from seenat.registry.orders.source import Tokens
from seenat.registry.storage.local import write_atomic
from seenat.registry.units import SequenceRange

__all__ = ["IndexHeader", "check_index", "index_claims", "read_header", "write_order"]

_MAGIC = b"MMIDIDX\x00\x00"
_HEADER = struct.Struct("<9sQBQQ")
_VERSION_AT, _DTYPE_AT, _SEQUENCES_AT = 9, 17, 18
_DTYPES = {1: "uint8", 4: "int32", 5: "int64", 8: "uint16"}
# Megatron and GPT-NeoX number the two floating-point types differently; neither is ids.
_NOT_IDS = {2: "int8", 3: "int16", 6: "a floating-point type", 7: "a floating-point type"}

# Sequences at each end of an index that opening reads: 48 KiB, and enough to distinguish documents from an order.
_EDGE = 4_096
# Sequences that `check_index` holds at a time: 28 MiB with what is computed from them.
_BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class IndexHeader:
    """What the first 34 bytes of an index say; they also fix the length of the file."""

    file: Path
    dtype: str
    """Type of the ids in the `.bin`."""
    sequences: int
    """N."""
    documents: int
    """M, entries of the document index."""

    @property
    def id_bytes(self) -> int:
        """Bytes of one id."""
        return ID_BYTES[self.dtype]

    @property
    def sizes_at(self) -> int:
        """First byte of the sizes."""
        return _HEADER.size

    @property
    def pointers_at(self) -> int:
        """First byte of the pointers."""
        return _HEADER.size + 4 * self.sequences

    @property
    def documents_at(self) -> int:
        """First byte of the document index."""
        return _HEADER.size + 12 * self.sequences

    @property
    def length(self) -> int:
        """Bytes of the whole index."""
        return self.documents_at + 8 * self.documents


# -- reading


def read_header(index: Path) -> IndexHeader:
    """Read and check the header of an index against the length of the file.

    Raises `CorruptFile` for any other file, version or type, and for a file shorter or longer than its header says.
    """
    head = head_of(index)
    if not _MAGIC.startswith(head[: len(_MAGIC)]):
        raise CorruptFile(
            f"{index}, byte 0: no MMIDIDX index begins so: it looks like {looks_like(head)}; give the .idx."
        )
    if len(head) < _HEADER.size:
        raise CorruptFile(
            f"{index}, byte {len(head)}: the header is cut short, at {len(head)} of {_HEADER.size} bytes; download it again."
        )
    _, version, code, sequences, documents = _HEADER.unpack_from(head)
    if version != 1:
        raise CorruptFile(f"{index}, byte {_VERSION_AT}: version {version} is not known, only 1 is; convert the order.")
    header = IndexHeader(index, _dtype_of(index, code), sequences, documents)
    _check_length(header)
    return header


def _dtype_of(index: Path, code: int) -> str:
    if code in _DTYPES:
        return _DTYPES[code]
    reason = f"means {_NOT_IDS[code]}, which no ids are" if code in _NOT_IDS else "is not known"
    codes = ", ".join(f"{number} ({name})" for number, name in _DTYPES.items())
    raise CorruptFile(f"{index}, byte {_DTYPE_AT}: type code {code} {reason}; the codes of ids are {codes}.")


def _check_length(header: IndexHeader) -> None:
    length = length_of(header.file)
    says = f"by its header ({header.sequences} sequences, {header.documents} document entries) it has {header.length} bytes"
    if not header.sequences:
        raise CorruptFile(
            f"{header.file}, byte {_SEQUENCES_AT}: the index holds no sequences; nothing can be read by it."
        )
    if length > header.length:
        raise CorruptFile(
            f"{header.file}, byte {header.length}: the file goes on to {length} bytes, but {says}; replace it."
        )
    if length < header.length:
        part = (
            "document index"
            if length >= header.documents_at
            else "pointers"
            if length >= header.pointers_at
            else "sizes"
        )
        raise CorruptFile(f"{header.file}, byte {length}: the {part} are cut short: {says}; download it again.")


def index_claims(index: Path) -> tuple[GeometryClaim, ...]:
    """What an index says of its order; reads its header, its length, and its first and last entries.

    Raises `CorruptFile` as `read_header` and `check_index` do; only `check_index` finds damage between the ends.
    """
    header = read_header(index)
    with index.open("rb") as file:
        length = int(_read(file, _HEADER.size, "<i4", 1)[0])
        if length < 1:
            raise CorruptFile(f"{index}, byte {_HEADER.size}: sequence 0 has size {length}; replace the index.")
        geometry = Geometry(sequences=header.sequences, tokens_per_sequence=length, dtype=header.dtype)
        for start in {0, max(0, header.sequences - _EDGE)}:
            _check_block(file, header, geometry, SequenceRange(start, min(start + _EDGE, header.sequences)))
    return (
        GeometryClaim("dtype", header.dtype, f"{index} (byte {_DTYPE_AT})"),
        GeometryClaim("sequences", header.sequences, f"{index} (byte {_SEQUENCES_AT})"),
        GeometryClaim("tokens_per_sequence", length, f"{index} (byte {_HEADER.size})"),
    )


def check_index(index: Path, geometry: Geometry, progress: Callable[[int], None] | None = None) -> None:
    """Check every entry of an index against the geometry of its order; `progress` receives the sequences of each block.

    Raises `CorruptFile` for the first size that is not T, pointer that is not i * T * bytes of an id, or entry of the
    document index that is not ascending within `[0, N]`.
    """
    _check_agreement(index_claims(index), geometry)
    header = read_header(index)
    with index.open("rb") as file:
        for block in _blocks(header.sequences):
            _check_block(file, header, geometry, block)
            if progress is not None:
                progress(len(block))
        _check_documents(file, header)


def _check_agreement(claims: Iterable[GeometryClaim], geometry: Geometry) -> None:
    for claim in claims:
        due = getattr(geometry, claim.field)
        if claim.value != due:
            raise CorruptFile(
                f"{claim.witness} says {claim.field} = {claim.value}, but the order has {due}; replace the index."
            )


def _blocks(count: int) -> Iterator[SequenceRange]:
    return (SequenceRange(start, min(start + _BLOCK, count)) for start in range(0, count, _BLOCK))


def _check_block(file: BinaryIO, header: IndexHeader, geometry: Geometry, block: SequenceRange) -> None:
    sizes = _read(file, _HEADER.size + 4 * block.start, "<i4", len(block))
    pointers = _read(file, header.pointers_at + 8 * block.start, "<i8", len(block))
    wrong_sizes = np.flatnonzero(sizes != geometry.tokens_per_sequence)
    if wrong_sizes.size:
        place = int(wrong_sizes[0])
        raise _wrong_size(header, geometry, block.start + place, int(sizes[place]), pointers[place : place + 2])
    due = np.arange(block.start, block.stop, dtype=np.int64) * geometry.sequence_bytes
    wrong_pointers = np.flatnonzero(pointers != due)
    if wrong_pointers.size:
        place = int(wrong_pointers[0])
        sequence = block.start + place
        raise CorruptFile(
            f"{header.file}, byte {header.pointers_at + 8 * sequence}: the pointer of sequence {sequence} is "
            f"{pointers[place]}, and should be {sequence} * {geometry.sequence_bytes} = {due[place]}; replace the index."
        )


def _wrong_size(
    header: IndexHeader, geometry: Geometry, sequence: int, size: int, pointers: npt.NDArray[np.int64]
) -> CorruptFile:
    """The error for a size that is not T: the index holds documents, or is damaged."""
    where = f"{header.file}, byte {_HEADER.size + 4 * sequence}: sequence {sequence} has size {size}"
    usual = geometry.tokens_per_sequence
    # Where the pointers agree with the sizes, the sizes are meant: these are documents. Otherwise one of them is damaged.
    if size > 0 and len(pointers) == 2 and pointers[1] - pointers[0] == size * geometry.id_bytes:
        return CorruptFile(
            f"{where}, others {usual}, and the pointers follow: this index holds documents, not the sequences of a "
            f"training order; give the preshuffled order, whose sequences all have one size."
        )
    return CorruptFile(f"{where}, where every sequence of this order has {usual}; replace the index.")


def _check_documents(file: BinaryIO, header: IndexHeader) -> None:
    before = 0
    for block in _blocks(header.documents):
        entries = _read(file, header.documents_at + 8 * block.start, "<i8", len(block))
        wrong = np.flatnonzero((np.diff(entries, prepend=before) < 0) | (entries > header.sequences))
        if wrong.size:
            entry = block.start + int(wrong[0])
            raise CorruptFile(
                f"{header.file}, byte {header.documents_at + 8 * entry}: entry {entry} of the document index is "
                f"{entries[wrong[0]]}, not ascending within 0 to {header.sequences}; replace the index."
            )
        before = int(entries[-1])


def _read(file: BinaryIO, offset: int, dtype: str, count: int) -> npt.NDArray[Any]:
    """`count` numbers from a byte on."""
    # Read, not mapped: a mapped file that shrinks meanwhile would kill the process.
    file.seek(offset)
    numbers = np.frombuffer(file.read(count * np.dtype(dtype).itemsize), dtype)
    if len(numbers) != count:
        raise CorruptFile(f"{file.name}, byte {offset}: the file became shorter while it was read; try again.")
    return numbers


# -- writing


def write_order(bin_path: Path, idx_path: Path, rows: Tokens) -> None:
    """Write rows `[sequences, tokens_per_sequence]` and their index, as Pythia's orders are published (M = 1).

    The index is written last, so where there is one, its ids are there too. Raises `InvalidValue` for rows that are not
    two-dimensional, are empty, or are of a type that has no code (uint32 has none).
    """
    code = next((code for code, name in _DTYPES.items() if name == rows.dtype.name), None)
    if rows.ndim != 2 or not rows.size or code is None:
        raise InvalidValue(
            f"An MMIDIDX order is written from a two-dimensional array of {', '.join(_DTYPES.values())}, "
            f"not {rows.dtype.name} {rows.shape}."
        )
    sequences, length = rows.shape
    write_atomic(bin_path, rows.astype(rows.dtype.newbyteorder("<"), copy=False).tobytes())
    pointers = np.arange(sequences, dtype="<i8") * (length * rows.itemsize)
    index = (
        _HEADER.pack(_MAGIC, 1, code, sequences, 1),
        np.full(sequences, length, "<i4").tobytes(),
        pointers.tobytes(),
        np.zeros(1, "<i8").tobytes(),
    )
    write_atomic(idx_path, b"".join(index))
