"""Whether all that is said about an order's geometry agrees: its description, an index, array headers, lengths of files.

An order is opened only when all agree. No witness is trusted more than another: the error about a disagreement names both.
What nobody speaks for, though it agrees, is worth a note: that a sequence begun in one file goes on in the next.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path, PurePath

from seenat.registry.errors import CorruptFile, InvalidValue
from seenat.registry.orders.extents import Extent, ExtentMap
from seenat.registry.orders.file_signature import head_of, signature_of
from seenat.registry.orders.geometry import ByteRange, Geometry
from seenat.registry.orders.order_files import OrderFiles
from seenat.registry.orders.source import TokenSource

__all__ = ["GeometryClaim", "agree", "agreed_geometry", "described", "shared_sequence"]


@dataclass(frozen=True, slots=True)
class GeometryClaim:
    """What one witness says of one field of the geometry."""

    field: str
    """`sequences`, `tokens_per_sequence` or `dtype`."""
    value: int | str
    witness: str
    """The description or file that says so, with a byte offset where it is a file."""


def described(order: OrderFiles) -> tuple[GeometryClaim, ...]:
    """The claims of an order's description."""
    stated = (
        ("sequences", order.sequences),
        ("tokens_per_sequence", order.tokens_per_sequence),
        ("dtype", order.dtype),
    )
    witness = f"the description of order {order.name!r}"
    return tuple(GeometryClaim(field, value, witness) for field, value in stated if value is not None)


def agreed_geometry(claims: Iterable[GeometryClaim], pieces: Sequence[Extent]) -> Geometry:
    """The geometry on which all claims and the lengths of the pieces agree.

    Raises `CorruptFile` where two disagree, and `InvalidValue` where no claim states the type or the length of a sequence.
    """
    agreed = agree(claims)
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


def agree(claims: Iterable[GeometryClaim]) -> dict[str, GeometryClaim]:
    """One claim for each field that is claimed; raises `CorruptFile` where two disagree."""
    agreed: dict[str, GeometryClaim] = {}
    for claim in claims:
        earlier = agreed.setdefault(claim.field, claim)
        if earlier.value != claim.value:
            raise CorruptFile(
                f"{claim.witness} says {claim.field} = {claim.value}, but {earlier.witness} says "
                f"{earlier.value}; correct the one or replace the other."
            )
    return agreed


def shared_sequence(order: OrderFiles, source: TokenSource) -> str | None:
    """A sentence on the first file that ends within a sequence; None where none does, or an index says that files go on.

    A run that read each file by itself, as most that map `.bin` files do, left such a rest out. Where the rests of several files
    add up to whole sequences, nothing tells that apart from one run of ids that was cut; only a cut within an id does.
    """
    pieces = source.extents(source.geometry.all_sequences)
    ends = list(accumulate(piece.length for piece in pieces))[:-1]
    if order.index is not None or any(end % source.geometry.id_bytes for end in ends):
        return None
    for number, end in enumerate(ends):
        sequence, rest = divmod(end, source.geometry.sequence_bytes)
        if rest:
            return (
                f"Order {order.name}: {PurePath(pieces[number].file).name} ends {rest} bytes into sequence {sequence}, which goes on in "
                f"{PurePath(pieces[number + 1].file).name}; if the run read each file by itself and left such rests out, that sequence and "
                "all after it are wrong: cut each file after its last whole sequence and register again."
            )
    return None


def _counted(single: Geometry, pieces: Sequence[Extent]) -> Geometry:
    """The geometry with as many sequences as the pieces hold; `single` is the geometry of a single one."""
    total = sum(piece.length for piece in pieces)
    sequences, rest = divmod(total, single.sequence_bytes)
    if not total:
        raise CorruptFile(f"{pieces[-1].file}, byte 0: there are no ids in {_files(pieces)}; download it again.")
    if rest:
        where = _cut_short(pieces) or _byte_at(pieces, total - rest)
        raise CorruptFile(
            f"{where.file}, byte {where.offset}: {rest} bytes are left over, because {total} bytes are {sequences} "
            f"sequences of {single.tokens_per_sequence} {single.dtype} ids and a rest{_hint(pieces, where.file)}; "
            f"check tokens_per_sequence and dtype, or download the file again."
        )
    return Geometry(sequences=sequences, tokens_per_sequence=single.tokens_per_sequence, dtype=single.dtype)


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
    """The end of the piece that an interrupted download probably left short, where one differs from the others."""
    # All shards but the last have one length, in published orders at least.
    before_last = pieces[:-1]
    usual, times = Counter(piece.length for piece in before_last).most_common(1)[0] if before_last else (0, 0)
    if 2 * times <= len(before_last):
        return None
    return next((_end_of(piece) for piece in before_last if piece.length < usual), None)


def _end_of(piece: Extent) -> Extent:
    return Extent(piece.file, piece.offset + piece.length, 0)


def _hint(pieces: Sequence[Extent], file: PurePath) -> str:
    """What a headerless file of the wrong length may be instead of ids, such as a pointer or an archive."""
    kind = None if pieces[0].offset else signature_of(head_of(Path(file)))
    return f" (it looks like {kind})" if kind else ""
