"""What arrays of blocks have in common, wherever their files lie: the cut into blocks, how one is decoded, and what is said of a damaged one."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import BinaryIO

from seenat.memorization.protocol.measures import Measure, Values
from seenat.memorization.results.files.description import Description
from seenat.memorization.results.files.layout import block_layout
from seenat.memorization.results.shard_codec import ShardLayout, read_shard
from seenat.registry.errors import CorruptFile, SeenatError

__all__ = ["HASHED_UP_TO", "ArrayShape", "BlockArray", "BlockFile"]

HASHED_UP_TO = 1 << 16
"""Bytes of a file whose digest is computed whatever is read of it: 0.04 ms at most. Blocks of prefixes have some 24 KB."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockFile:
    """What was written of a block."""

    bytes: int
    digest: str
    object: str | None = None
    """Its name, where it is an object of a store; None for the file that has the block's place in a folder."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ArrayShape:
    """What is fixed of an array; its rows may become more."""

    sequences: int
    block_sequences: int
    measure: Measure
    format_: int
    hashed_up_to: int = HASHED_UP_TO
    remake: tuple[str, str] | None = None
    """What begins the command that measures again, and what ends it, where a message can name one."""


class BlockArray(ABC):
    """The values of one measurement, a file for each block of each row."""

    def __init__(self, shape: ArrayShape) -> None:
        self.sequences, self.block_sequences = shape.sequences, shape.block_sequences
        self.measure, self.format = shape.measure, shape.format_
        self.hashed_up_to = shape.hashed_up_to
        self._remake = shape.remake

    @property
    @abstractmethod
    def place(self) -> str:
        """Where it lies, as a person would write it."""

    # -- what it says of itself

    @abstractmethod
    def describe(self, description: Description) -> None:
        """Write what the array says of itself, where it says something else or nothing; values are not touched."""

    @property
    @abstractmethod
    def steps(self) -> dict[int, int]:
        """The step of each measured row; empty where nothing says so."""

    # -- blocks

    def stage(self, row: int, block: int, values: Values, writer: str) -> BlockFile | None:
        """Write what can be written before the transaction that makes it count; None where nothing can."""
        return None

    @abstractmethod
    def write(self, row: int, block: int, values: Values, staged: BlockFile | None = None) -> BlockFile:
        """Write one block, `[sequences of the block]`, durably, unless it was staged; equal values always make equal bytes.

        Raises `NoRoom` where the disk is full.
        """

    @abstractmethod
    def is_staged(self, values: Values, staged: BlockFile | None) -> bool:
        """Whether `write` would write nothing outside of this machine."""

    @abstractmethod
    def content(self, row: int, block: int, file: BlockFile) -> Values | None:
        """The values of a block, `[sequences of the block]`, if what was committed is there and is that."""

    @abstractmethod
    def holds(self, row: int, block: int, file: BlockFile) -> bool:
        """Whether what was committed of a block is there: its length and its digest."""

    def fetch(self, files: Iterable[BlockFile]) -> None:  # noqa: B027 - files of a folder are near
        """Bring files near, so that reading them takes no time within a transaction."""

    # -- what killed writers leave

    def rewritten(self) -> list[tuple[int, int]]:
        """Row and block of every file that was written again, and neither accepted nor restored since."""
        return []

    def accept(self, row: int, block: int) -> None:  # noqa: B027 - this and the next are nothing where nothing is overwritten
        """Let go of what a block's file held before."""

    def restore(self, row: int, block: int) -> None:  # noqa: B027
        """Put back what a block's file held before."""

    def digest_of(self, row: int, block: int) -> str | None:
        """The digest of a block's file as it is now; None when there is none."""
        return None

    def remove_partials(self) -> None:  # noqa: B027
        """Delete what writers that were killed left behind."""

    # -- reading

    def read_committed(
        self, rows: list[int], block: int, span: tuple[int, int], committed: Mapping[int, BlockFile]
    ) -> Values:
        """Values of some rows over a span of sequences within a block, `[len(rows), length of the span]`, as committed.

        Not measured in rows in which nothing is committed, whatever lies there. A file's length is compared, and its digest.
        Of a file of more than 64 KiB, which only losses have, a part is read by the check sums of its index and its chunks; by
        format 1, which has none of chunks, the whole file.

        Raises `CorruptFile` where something is committed and its file is gone or another one.
        """
        values = self.measure.empty(len(rows), span[1] - span[0])
        for place, row in enumerate(rows):
            if row in committed:
                values[place] = self._read_committed(row, block, span, committed[row])
        return values

    def spans(self, start: int, stop: int) -> Iterator[tuple[int, int, int]]:
        """The blocks that a range of sequences meets, each with the first sequence and the stop of the part within it."""
        size = self.block_sequences
        for block in range(start // size, -(-stop // size) if start < stop else 0):
            yield block, max(start, block * size), min(stop, (block + 1) * size)

    @abstractmethod
    def _read_committed(self, row: int, block: int, span: tuple[int, int], file: BlockFile) -> Values:
        """Values of one row; a span that is the whole block, or a file of at most 64 KiB, is read by its digest."""

    def _span(self, block: int) -> tuple[int, int]:
        start = block * self.block_sequences
        return start, min(start + self.block_sequences, self.sequences)

    def _decoded(self, file: BinaryIO, row: int, start: int, stop: int) -> Values:
        """Values of a range of sequences within one block, from its file."""
        before = start // self.block_sequences * self.block_sequences
        try:
            values: Values = read_shard(file, self.layout, start - before, stop - before)[0]
        except SeenatError:  # Of a store that does not answer, which says nothing of what it holds.
            raise
        except Exception as error:  # Of reading, of decompressing, of a shape that does not fit.
            raise self._corrupt(row, start, stop, str(error).rstrip(".") or type(error).__name__) from error
        return values

    def _corrupt(self, row: int, start: int, stop: int, reason: str) -> CorruptFile:
        """The error for values that were committed and cannot be read."""
        remedy = "repeat the command that measured them, which measures anew what is lost"
        step = self.steps.get(row)
        if self._remake is not None and step is not None:
            name, options = self._remake
            remedy = (
                f"run `seenat memorize {name} --steps {step} --sequences {start}:{start + 1} --unseen{options}`, "
                "which measures anew all that was measured of their block, or repeat the command that measured them, which "
                "mends every block of its own"
            )
        return CorruptFile(f"{self.place} cannot be read for the sequences {start}:{stop}: {reason}; {remedy}.")

    @property
    def layout(self) -> ShardLayout:
        """How a block's values lie in its file."""
        return block_layout(self.measure, self.block_sequences, self.format)
