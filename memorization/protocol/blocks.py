"""Blocks: an order is cut into runs of consecutive sequences, each but the last of one length, a whole number of batches.

A block of one checkpoint is what a job measures, writes and commits together.
"""

from __future__ import annotations

from seenat.registry.units import SequenceRange

__all__ = ["block_range", "block_sequences"]

# Sequences. The larger takes a small model some minutes of one CPU core, a GPU a second: what a kill can cost at most.
_LARGEST, _SMALLEST = 1 << 16, 256


def block_sequences(sequences: int, sequences_per_batch: int) -> int:
    """How many sequences a block of an order has: about a quarter of it, 256 to 65,536, a multiple of the batch."""
    aim = min(max(sequences // 4, _SMALLEST), _LARGEST)
    return max(1, aim // sequences_per_batch) * sequences_per_batch


def block_range(block: int, size: int, sequences: int) -> SequenceRange:
    """The sequences of a block; the last one may be short."""
    return SequenceRange(block * size, min((block + 1) * size, sequences))
