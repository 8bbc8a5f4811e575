"""Sampled positions of an index whose following ids are equal: one pass over its samples, in the order of their first codes.

The samples of one first code lie together in each shard. So the samples of some codes are read from all shards, the ids that
follow each are hashed, and those whose hash no other has are dropped. Memory is that of the samples of some codes: of one, if
it has many; about 60 bytes each.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from seenat.attribution.ngrams.codes import CODES
from seenat.attribution.ngrams.index import NgramIndex
from seenat.attribution.ngrams.keys import Lookups
from seenat.registry.orders.duplicate_sequences import Indices
from seenat.registry.orders.source import TokenSource
from seenat.registry.units import SequenceRange

__all__ = ["EqualSamples", "equal_samples"]

_SAMPLES_AT_ONCE = 1 << 20
_HASHED_AT_ONCE = 1 << 16
# Codes whose places in the shards are looked up together.
_CODES_AT_ONCE = 1 << 11
# Ids that are compared first: what agrees in none of them needs no more reading.
_FIRST_IDS = 16

_Hashes = npt.NDArray[np.uint64]


@dataclass(frozen=True)
class EqualSamples:
    """Groups of at least two positions that equal ids follow, each ascending."""

    positions: Indices
    """`sequence * ids in a sequence + place in it`, one group after the other."""
    starts: Indices
    """Where each group begins."""

    @property
    def sizes(self) -> Indices:
        """How many positions each group has."""
        return np.diff(np.append(self.starts, len(self.positions)))


def equal_samples(
    index: NgramIndex,
    source: TokenSource,
    sequences: SequenceRange,
    length: int,
    samples_at_once: int = _SAMPLES_AT_ONCE,
) -> Iterator[EqualSamples]:
    """The sampled positions of a range of sequences that the same `length` ids follow, themselves included.

    Now and then a group holds positions of one hash and different ids: whoever uses it compares the ids.
    """
    width = source.geometry.tokens_per_sequence
    for sampled in _samples(index, sequences, width, samples_at_once):
        positions = sampled[sampled % width + length <= width]
        found = EqualSamples(positions, np.empty(0, np.int64))
        for compared in sorted({min(_FIRST_IDS, length), length}):
            found = _equal(source, found.positions, compared)
        if len(found.starts):
            yield found


def _samples(index: NgramIndex, sequences: SequenceRange, width: int, at_once: int) -> Iterator[Indices]:
    """The sampled positions within some sequences, those of some first codes at a time."""
    covered = np.array([(shard.start, shard.stop) for shard in index.covered], np.int64)
    shards = np.flatnonzero((covered[:, 0] < sequences.stop) & (covered[:, 1] > sequences.start))
    for first in range(0, CODES, _CODES_AT_ONCE):
        wanted = _whole_codes(first, first + _CODES_AT_ONCE)
        starts, stops = (ends[:, shards] for ends in index.ranges(wanted))
        portion = np.cumsum((stops - starts).sum(axis=1)) // at_once
        cuts = [0, *(np.flatnonzero(np.diff(portion)) + 1).tolist(), len(portion)]
        for low, high in pairwise(cuts):
            # Of the codes from one to another the samples of a shard lie together.
            held = starts[low] < stops[high - 1]
            rows, offsets = index.candidates(shards[held], starts[low][held], stops[high - 1][held], wanted[:1])
            inside = (rows >= sequences.start) & (rows < sequences.stop)
            yield rows[inside] * width + offsets[inside]


def _whole_codes(first: int, stop: int) -> Lookups:
    """A look-up of all samples of each code."""
    codes = np.arange(first, stop, dtype=np.uint16)
    lowest = np.zeros(len(codes), np.int64)
    return Lookups(codes, lowest, lowest + 0xFFFFFFFF, np.zeros(len(codes), np.bool_))


def _equal(source: TokenSource, positions: Indices, length: int) -> EqualSamples:
    """Group positions by the hash of their next `length` ids."""
    hashes = np.empty(len(positions), np.uint64)
    for first in range(0, len(positions), _HASHED_AT_ONCE):
        part = slice(first, first + _HASHED_AT_ONCE)
        hashes[part] = _hashes(source, positions[part], length)
    order = np.lexsort((positions, hashes))
    hashes, positions = hashes[order], positions[order]
    # Whether each is followed, and preceded, by one of its own hash.
    followed, preceded = np.zeros((2, len(hashes)), np.bool_)
    followed[:-1] = preceded[1:] = hashes[1:] == hashes[:-1]
    kept = followed | preceded
    return EqualSamples(positions[kept], np.flatnonzero(~preceded[kept]))


def _hashes(source: TokenSource, positions: Indices, length: int) -> _Hashes:
    """A 64-bit hash of `length` ids from each position on."""
    windows = source.windows(*np.divmod(positions, source.geometry.tokens_per_sequence), length)
    data = np.ascontiguousarray(windows).view(np.uint8).reshape(len(positions), -1)
    padded = np.zeros((len(positions), -(-data.shape[1] // 8) * 8), np.uint8)
    padded[:, : data.shape[1]] = data
    hashes = np.zeros(len(positions), np.uint64)
    for word in padded.view("<u8").T:
        hashes = (hashes ^ word) * np.uint64(0x9E3779B97F4A7C15)
        hashes ^= hashes >> np.uint64(29)
    return hashes
