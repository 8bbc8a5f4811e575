"""Which index of an order answers for which sequences, where several cover it in parts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from seenat.attribution.find.coverage import Segment
from seenat.attribution.ngrams.index import NgramIndex
from seenat.attribution.ngrams.keys import KEY_CODES
from seenat.registry.units import SequenceRange

__all__ = ["AFTER", "Part", "parts_of"]

AFTER = KEY_CODES - 1
"""Ids after an anchor that make a whole key: spans of so many ids more than the index window are found the fast way."""


@dataclass(frozen=True)
class Part:
    """An index and the sequences that it answers for, ascending and apart."""

    index: NgramIndex
    sequences: tuple[SequenceRange, ...]

    @property
    def shards(self) -> npt.NDArray[np.bool_]:
        """Which shards of the index hold some of them."""
        starts, stops = np.array([(own.start, own.stop) for own in self.sequences], np.int64).T
        covered = np.array([(shard.start, shard.stop) for shard in self.index.covered], np.int64)
        # The first of the sequences that ends after a shard begins must begin before it ends.
        after = np.minimum(np.searchsorted(stops, covered[:, 0], side="right"), len(stops) - 1)
        meets: npt.NDArray[np.bool_] = (starts[after] < covered[:, 1]) & (stops[after] > covered[:, 0])
        return meets

    def holds(self, sequences: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
        """Which of these sequences it answers for."""
        borders = np.array([(own.start, own.stop) for own in self.sequences], np.int64).reshape(-1)
        held: npt.NDArray[np.bool_] = np.searchsorted(borders, sequences, side="right") % 2 == 1
        return held


def parts_of(segments: Iterable[Segment]) -> tuple[Part, ...]:
    """Segments, those that an index searches exactly, by their index."""
    by_index: dict[NgramIndex, list[SequenceRange]] = {}
    for segment in segments:
        if segment.index is not None and segment.exact and segment.sequences:
            by_index.setdefault(segment.index, []).append(segment.sequences)
    return tuple(Part(index, tuple(sorted(sequences))) for index, sequences in by_index.items())
