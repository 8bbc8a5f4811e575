"""Who says what about an order's geometry: its description, an index, array headers, and the lengths of its files.

An order is opened only when they all agree. No witness is trusted above another: a disagreement is refused, with both.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from seenat.registry.errors import CorruptFile, InvalidValue
from seenat.registry.orders.extents import Extent, ExtentMap
from seenat.registry.orders.file_signature import head_of, signature_of
from seenat.registry.orders.geometry import ByteRange, Geometry
from seenat.registry.orders.order_files import OrderFiles

__all__ = ["GeometryClaim", "agree", "agreed_geometry", "described"]


@dataclass(frozen=True, slots=True)
class GeometryClaim:
    """One witness on one number or type."""

    field: str
    """`sequences`, `tokens_per_sequence` or `dtype`."""
    value: int | str
    witness: str
    """Who says so, with a byte offset where it is a file."""


def described(order: OrderFiles) -> tuple[GeometryClaim, ...]:
    """What the description of an order states."""
    stated = (
        ("sequences", order.sequences),
        ("tokens_per_sequence", order.tokens_per_sequence),
        ("dtype", order.dtype),
    )
    witness = f"the description of order {order.name!r}"
    return tuple(GeometryClaim(field, value, witness) for field, value in stated if value is not None)


def agreed_geometry(statements: Iterable[GeometryClaim], pieces: Sequence[Extent]) -> Geometry:
    """The geometry on which all statements and the lengths of the pieces agree.

    Raises `CorruptFile` where two disagree, and `InvalidValue` where nobody states the type or the length of a sequence.
    """
    agreed = agree(statements)
    if "tokens_per_sequence" not in agreed or "dtype" not in agreed:
        raise InvalidValue(
            f"Nothing says what {pieces[0].file} holds: give tokens_per_sequence and dtype, or an index that states them."
        )
    length, dtype = int(agreed["tokens_per_sequence"].value), str(agreed["dtype"].value)
    if "sequences" in agreed:
        geometry = Geometry(sequences=int(agreed["sequences"].value), tokens_per_sequence=length, dtype=dtype)
        _check_total(geometry, pieces, agreed["sequences"].witness)
        return geometry
    return _counted(Geometry(sequences=1, tokens_per_sequence=length, dtype=dtype), pieces)


def agree(statements: Iterable[GeometryClaim]) -> dict[str, GeometryClaim]:
    """One statement for each field that is stated; raises `CorruptFile` where two disagree."""
    agreed: dict[str, GeometryClaim] = {}
    for statement in statements:
        earlier = agreed.setdefault(statement.field, statement)
        if earlier.value != statement.value:
            raise CorruptFile(
                f"{statement.witness} says {statement.field} = {statement.value}, but {earlier.witness} says "
                f"{earlier.value}; correct the one or replace the other."
            )
    return agreed


def _counted(one: Geometry, pieces: Sequence[Extent]) -> Geometry:
    """The geometry with as many sequences as the pieces hold."""
    total = sum(piece.length for piece in pieces)
    sequences, rest = divmod(total, one.sequence_bytes)
    if not total:
        raise CorruptFile(f"{pieces[-1].file}, byte 0: there are no ids in {_files(pieces)}; download it again.")
    if rest:
        where = _cut_short(pieces) or _byte_at(pieces, total - rest)
        raise CorruptFile(
            f"{where.file}, byte {where.offset}: {rest} bytes are left over, because {total} bytes are {sequences} "
            f"sequences of {one.tokens_per_sequence} {one.dtype} ids and a rest{_hint(pieces, where.file)}; "
            f"check tokens_per_sequence and dtype, or download the file again."
        )
    return Geometry(sequences=sequences, tokens_per_sequence=one.tokens_per_sequence, dtype=one.dtype)


def _check_total(geometry: Geometry, pieces: Sequence[Extent], witness: str) -> None:
    total = sum(piece.length for piece in pieces)
    if total == geometry.total_bytes:
        return
    due = (
        f"{geometry.sequences} sequences of {geometry.tokens_per_sequence} {geometry.dtype} ids are "
        f"{geometry.total_bytes} bytes by {witness}, and {_files(pieces)} of the order hold {total}"
    )
    if total > geometry.total_bytes:
        where = _byte_at(pieces, geometry.total_bytes)
        raise CorruptFile(
            f"{where.file}, byte {where.offset}: the file is too long, by {total - geometry.total_bytes} bytes: {due}; "
            f"check the list of files and the geometry."
        )
    where = _cut_short(pieces) or _end_of(pieces[-1])
    raise CorruptFile(
        f"{where.file}, byte {where.offset}: the file is too short: {due}{_hint(pieces, where.file)}; "
        f"download it again or correct the geometry."
    )


def _files(pieces: Sequence[Extent]) -> str:
    return f"the {len(pieces)} file{'s' if len(pieces) > 1 else ''}"


def _byte_at(pieces: Sequence[Extent], position: int) -> Extent:
    return ExtentMap(pieces).extents(ByteRange(position, position + 1))[0]


def _cut_short(pieces: Sequence[Extent]) -> Extent | None:
    """The end of the piece that an interrupted download left behind, where one stands out.

    Shards are of one length but for the last, so one of them that is shorter was probably cut.
    """
    before_last = pieces[:-1]
    usual, times = Counter(piece.length for piece in before_last).most_common(1)[0] if before_last else (0, 0)
    if 2 * times <= len(before_last):
        return None
    return next((_end_of(piece) for piece in before_last if piece.length < usual), None)


def _end_of(piece: Extent) -> Extent:
    return Extent(piece.file, piece.offset + piece.length, 0)


def _hint(pieces: Sequence[Extent], file: Path) -> str:
    """What a headerless file of the wrong length may be instead: a pointer or an archive, where ids were due."""
    kind = None if pieces[0].offset else signature_of(head_of(file))
    return f" (it looks like {kind})" if kind else ""
