"""The geometry of an order: N sequences of T ids of one type, one after the other, little-endian.

* Sequence i is the bytes `[i * B, (i + 1) * B)` of the order, where B = T * bytes of an id.
* These are positions in the order as a whole; how files cut it is the matter of `extents`.

Pythia's orders are 146,432,000 sequences of 2,049 uint16 ids: B = 4,098 and 600,078,336,000 bytes in all, by the header
and the length of the published `document.idx`.
"""

from __future__ import annotations

from dataclasses import dataclass

from seenat.registry.errors import InvalidValue, UnknownSequence
from seenat.registry.units import HalfOpenRange, SequenceRange

__all__ = ["ID_BYTES", "ByteRange", "Geometry"]

ID_BYTES = {"uint8": 1, "uint16": 2, "uint32": 4, "int32": 4, "int64": 8}
"""The types that ids may have, and their bytes.

Megatron and GPT-NeoX write uint16 for vocabularies below 65,500 and int32 above; int64 is what NumPy makes of a list.
Types of 8 and 16 bits with a sign, and floating-point types, hold no vocabulary and are never ids.
"""


class ByteRange(HalfOpenRange):
    """A half-open range of byte positions in an order."""

    __slots__ = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Geometry:
    """How many sequences, of how many ids, of which type. Raises `InvalidValue` for what no order can be."""

    sequences: int
    """N, at least 1."""
    tokens_per_sequence: int
    """T, at least 1: inputs and targets together, so one more than the context of the model."""
    dtype: str
    """Type of an id, one of `ID_BYTES`; always little-endian in files."""

    def __post_init__(self) -> None:
        if self.sequences < 1 or self.tokens_per_sequence < 1:
            raise InvalidValue(
                f"An order needs at least 1 sequence of 1 id, not {self.sequences} of {self.tokens_per_sequence}."
            )
        if self.dtype not in ID_BYTES:
            raise InvalidValue(f"Ids cannot be of type {self.dtype!r}; they are one of {', '.join(ID_BYTES)}.")

    @property
    def id_bytes(self) -> int:
        """Bytes of one id."""
        return ID_BYTES[self.dtype]

    @property
    def sequence_bytes(self) -> int:
        """B: bytes of one sequence."""
        return self.tokens_per_sequence * self.id_bytes

    @property
    def total_bytes(self) -> int:
        """Bytes of the whole order, without any header."""
        return self.sequences * self.sequence_bytes

    @property
    def all_sequences(self) -> SequenceRange:
        """`[0, N)`."""
        return SequenceRange(0, self.sequences)

    def bytes_of(self, sequences: SequenceRange) -> ByteRange:
        """The bytes of the order that a range of sequences takes; raises `UnknownSequence` beyond its end."""
        if sequences.stop > self.sequences:
            raise self.unknown(max(sequences.start, sequences.stop - 1))
        return ByteRange(sequences.start * self.sequence_bytes, sequences.stop * self.sequence_bytes)

    def unknown(self, sequence: int, order: str = "This order") -> UnknownSequence:
        """The error for a sequence that the order, called so, does not have."""
        last = self.sequences - 1
        return UnknownSequence(
            f"{order} has no sequence {sequence}: it holds sequences 0 to {last}.",
            nearest=[0 if sequence < 0 else last],
        )
