"""An index that is open: from what a query looks for to the positions in the order that may hold it.

All shards are searched together: their starts and middles stand side by side, so a look-up bisects all of them in one
vectorised step, and only shards with candidates are read.
"""

from __future__ import annotations

import os
import sys
from bisect import bisect_left
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from seenat.attribution.ngrams.codes import Codes, Ids, codes_of
from seenat.attribution.ngrams.files.directory import Directory, IndexedShard, open_directory
from seenat.attribution.ngrams.keys import Lookups, fingerprints_of
from seenat.registry.closing import ClosesOnExit
from seenat.registry.errors import CorruptFile
from seenat.registry.units import SequenceRange

if sys.platform != "win32":
    import resource

__all__ = ["Candidates", "NgramIndex", "SampleRanges"]

# Most files that are open at a time: half of what a process may have open, of which most systems allow 1,024. Opening one
# again takes longer than reading it.
_MOST_OPEN = resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 2 if sys.platform != "win32" else 128

# Look-ups times shards up to which bisecting one by one takes less than numpy's calls for all together.
_FEW_RANGES = 64

_Numbers = npt.NDArray[np.int64]
Candidates = tuple[_Numbers, _Numbers]
"""Sequences, and positions in them, in the order of the shards."""
SampleRanges = tuple[_Numbers, _Numbers]
"""The first samples and the ends, `[lookups, shards]`; within each shard."""


class NgramIndex(ClosesOnExit):
    """The shards of one index. Threads may share it; `close` gives back its files."""

    def __init__(
        self,
        folder: Path,
        shards: Sequence[IndexedShard],
        ranks: Codes,
        tokens_per_sequence: int,
        few: int = _FEW_RANGES,
    ) -> None:
        self.shards = tuple(shards)
        self.window, self.bits = shards[0].layout.window, shards[0].layout.bits
        self.samples_a_middle = shards[0].layout.samples_a_middle
        self._ranks = ranks
        self._length = tokens_per_sequence
        self._directory: Directory = open_directory(folder, shards)
        # Python reads single numbers faster of these than of arrays.
        self._middles, self._first_middles = self._directory.middles.data, self._directory.first_middles.tolist()
        self._few = few
        layouts = [shard.layout for shard in shards]
        self._firsts = np.array([layout.first_sequence for layout in layouts], np.int64)
        self._stops = self._firsts + [layout.sequences for layout in layouts]
        self._ids = (self._stops - self._firsts) * tokens_per_sequence
        self._positions_at = np.array([layout.positions_at for layout in layouts], np.int64)
        self._fingerprints_at = np.array([layout.fingerprints_at for layout in layouts], np.int64)
        self._files: dict[int, int] = {}

    def close(self) -> None:
        """Give back the open files."""
        while self._files:
            os.close(self._files.popitem()[1])

    @property
    def covered(self) -> tuple[SequenceRange, ...]:
        """The sequences of each shard, ascending."""
        layouts = [shard.layout for shard in self.shards]
        return tuple(
            SequenceRange(layout.first_sequence, layout.first_sequence + layout.sequences) for layout in layouts
        )

    def shards_within(self, start: int, stop: int) -> npt.NDArray[np.bool_]:
        """Which shards hold some of the sequences `[start, stop)`."""
        within: npt.NDArray[np.bool_] = (self._firsts < stop) & (self._stops > start)
        return within

    def ranks(self, ids: Ids) -> Codes:
        """How rare each id is, 0 the rarest."""
        return self._ranks[codes_of(ids)]

    def ranges(self, wanted: Lookups) -> SampleRanges:
        """Which samples of each shard may be looked for; a few around them are not."""
        if len(wanted.codes) * len(self.shards) <= self._few:
            return self._few_ranges(wanted)
        codes = wanted.codes.astype(np.intp)
        low = self._directory.starts[codes].astype(np.int64)
        high = self._directory.starts[codes + 1].astype(np.int64)
        # The middles of samples that all have the first code; of a code with few samples there is none.
        first, last = -(-low // self.samples_a_middle), -(-high // self.samples_a_middle)
        # Both ends are bisected together, `[ends, lookups, shards]`: numpy's calls cost more than their numbers.
        below, above = self._bisected(
            np.stack([first, first]), np.stack([last, last]), np.stack([wanted.lowest, wanted.highest + 1])[..., None]
        )
        start = np.where(below > first, (below - 1) * self.samples_a_middle, low)
        stop = np.where(above < last, above * self.samples_a_middle, high)
        return np.maximum(start, low), np.maximum(np.minimum(stop, high), np.maximum(start, low))

    def _few_ranges(self, wanted: Lookups) -> SampleRanges:
        """The same one by one."""
        found, middles, samples = [], self._middles, self.samples_a_middle
        for code, lowest, highest in zip(
            wanted.codes.tolist(), wanted.lowest.tolist(), wanted.highest.tolist(), strict=True
        ):
            lows, highs = self._directory.starts[code : code + 2].tolist()
            for low, high, begin in zip(lows, highs, self._first_middles, strict=True):
                first, last = begin - (-low // samples), begin - (-high // samples)
                below = bisect_left(middles, lowest, first, last)
                above = bisect_left(middles, highest + 1, below, last)
                start = max(low, (below - 1 - begin) * samples) if below > first else low
                found.append((start, max(start, min(high, (above - begin) * samples)) if above < last else high))
        ranges = np.array(found, np.int64).reshape(len(wanted.codes), len(self.shards), 2)
        return ranges[..., 0], ranges[..., 1]

    def _bisected(self, first: _Numbers, last: _Numbers, middle: _Numbers) -> _Numbers:
        """The first of each shard's middles in `[first, last)` that is not below the given one."""
        directory = self._directory
        at_most = max(0, len(directory.middles) - 1)
        searching = first < last
        while searching.any():
            half = (first + last) >> 1
            smaller = directory.middles[np.minimum(directory.first_middles + half, at_most)] < middle
            smaller &= searching
            first = np.where(smaller, half + 1, first)
            last = np.where(searching ^ smaller, half, last)
            searching = first < last
        return first

    def candidates(self, shards: npt.NDArray[np.intp], start: _Numbers, stop: _Numbers, wanted: Lookups) -> Candidates:
        """The places of the samples `[start, stop)` of some shards, without those of another fingerprint.

        `wanted` is the one look-up that they are samples of. Raises `CorruptFile` for a shard that cannot be read.
        """
        found = self.candidates_of_many(shards, start, stop, wanted)
        return found[0], found[1]

    def candidates_of_many(
        self, shards: npt.NDArray[np.intp], start: _Numbers, stop: _Numbers, wanted: Lookups
    ) -> tuple[_Numbers, _Numbers, _Numbers]:
        """The same for ranges of samples of a look-up each, and how many of the places are of each range.

        One look-up may stand for all ranges. No range is empty.
        """
        counts = stop - start
        positions = np.frombuffer(self._read_ranges(shards, start, stop, 4), "<u4")
        self._check_positions(shards, counts, positions)
        of_range = np.repeat(np.arange(len(shards)), counts)
        if self.shards[0].layout.fingerprints and (exact := wanted.exact).any():
            each = np.broadcast_to(fingerprints_of(wanted.lowest.astype(np.uint32)), counts.shape)
            kept = np.frombuffer(self._read_ranges(shards, start, stop, 1), np.uint8) == each[of_range]
            kept |= ~np.broadcast_to(exact, counts.shape)[of_range]
            positions, of_range = positions[kept], of_range[kept]
            counts = np.bincount(of_range, minlength=len(shards))
        rows = positions // np.uint32(self._length)
        offsets = positions - rows * np.uint32(self._length)
        return rows + self._firsts[shards][of_range], offsets.astype(np.int64), counts

    def _check_positions(
        self, shards: npt.NDArray[np.intp], counts: _Numbers, positions: npt.NDArray[np.uint32]
    ) -> None:
        if not len(positions):
            return
        beyond = np.maximum.reduceat(positions, np.cumsum(counts) - counts) >= self._ids[shards]
        if beyond.any():
            raise CorruptFile(
                f"{self.shards[int(shards[np.argmax(beyond)])].path} is damaged: it has positions beyond its sequences; run "
                "`seenat index verify --repair` to build it again."
            )

    def _read_ranges(self, shards: npt.NDArray[np.intp], start: _Numbers, stop: _Numbers, width: int) -> bytes:
        """The positions of some ranges of samples, 4 bytes each, or their fingerprints, of 1, one range after the other."""
        begins = (self._positions_at if width == 4 else self._fingerprints_at)[shards] + width * start
        reads = zip(shards.tolist(), begins.tolist(), (width * (stop - start)).tolist(), strict=True)
        return b"".join([self._read(*read) for read in reads])

    def _read(self, shard: int, offset: int, count: int) -> bytes:
        try:
            data = os.pread(self._file(shard), count, offset)
        except OSError as error:
            raise CorruptFile(f"{self.shards[shard].path} cannot be read: {error.strerror}.") from error
        if len(data) != count:
            raise CorruptFile(
                f"{self.shards[shard].path} ended while it was read; run `seenat index verify --repair` to build it again."
            )
        return data

    def _file(self, shard: int) -> int:
        descriptor = self._files.get(shard)
        if descriptor is None:
            if len(self._files) >= _MOST_OPEN:
                os.close(self._files.pop(next(iter(self._files))))
            descriptor = self._files[shard] = os.open(self.shards[shard].path, os.O_RDONLY)
        return descriptor
