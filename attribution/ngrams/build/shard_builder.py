"""The shard of some sequences: their samples, sorted.

It depends on the ids, the index window, the ranks and the bits of a position alone, so two builds of it are equal byte for
byte. Memory is 8 bytes a sample while they are sorted, about 2 bytes an id of the shard at W = 8 and 8 in a dense index,
whatever the length of the order. It is kept for the next shard: to be given new pages takes as long as to sort what fills them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from seenat.attribution.ngrams.codes import Codes, codes_of
from seenat.attribution.ngrams.files.shard_file import BuiltShard, ShardLayout, write_shard
from seenat.attribution.ngrams.keys import KEY_CODES, Keys, sample_keys
from seenat.attribution.ngrams.sampling import is_sampled
from seenat.registry.catalog.orders import Order
from seenat.registry.orders.source import TokenSource
from seenat.registry.units import SequenceRange

__all__ = ["KeyRoom", "ShardRecipe", "Task", "build_shard"]

# Ids that are looked at together: 512 KB of codes, which stay in the processor's cache. 2^20 took 3.6 times as long.
_IDS_AT_ONCE = 1 << 18
# Pieces that one reader reads: 32 MB of uint16.
_PIECES_A_READER = 64


@dataclass(frozen=True, kw_only=True)
class ShardRecipe:
    """What all shards of an index have in common."""

    window: int
    bits: int
    fingerprints: bool
    ranks: Codes


@dataclass(frozen=True, kw_only=True)
class Task:
    """The order that shards are built of, how, and where they are written."""

    order: Order
    recipe: ShardRecipe
    folder: Path


class KeyRoom:
    """Room for the keys of one shard after the other; it grows, and is never given back."""

    def __init__(self) -> None:
        self._keys: Keys = np.empty(0, np.uint64)
        self._filled = 0

    def empty(self, expected: int) -> None:
        """Forget all keys, and have room for so many."""
        self._filled = 0
        if len(self._keys) < expected:
            self._keys = np.empty(0, np.uint64)  # The smaller one is freed before.
            self._keys = np.empty(expected, np.uint64)

    def add(self, keys: Keys) -> None:
        """Put keys behind the others."""
        end = self._filled + len(keys)
        if end > len(self._keys):
            more = np.empty(max(len(keys), len(self._keys) // 4), np.uint64)
            self._keys = np.concatenate([self._keys[: self._filled], more])
        self._keys[self._filled : end] = keys
        self._filled = end

    def sorted(self) -> Keys:
        """All keys, sorted in their place; they are others once the next shard is begun."""
        keys = self._keys[: self._filled]
        keys.sort()
        return keys


def build_shard(
    path: Path,
    open_source: Callable[[], TokenSource],
    sequences: SequenceRange,
    recipe: ShardRecipe,
    progress: Callable[[int], None],
    room: KeyRoom | None = None,
) -> BuiltShard:
    """Write the shard of some sequences; `progress` receives the number of sequences of each piece that was read.

    `open_source` is called again and again: the pages of a mapped file count as memory until its reader is gone. Who builds
    several shards gives the same room for each.
    """
    keys = _sorted_keys(open_source, sequences, recipe, progress, room or KeyRoom())
    layout = ShardLayout(
        first_sequence=sequences.start,
        sequences=len(sequences),
        window=recipe.window,
        bits=recipe.bits,
        samples=len(keys),
        fingerprints=recipe.fingerprints,
    )
    digest = write_shard(path, layout, keys)
    return BuiltShard(sequences=sequences, samples=len(keys), bytes=layout.file_bytes, digest=digest)


def _sorted_keys(
    open_source: Callable[[], TokenSource],
    sequences: SequenceRange,
    recipe: ShardRecipe,
    progress: Callable[[int], None],
    room: KeyRoom,
) -> Keys:
    source = open_source()
    length = source.geometry.tokens_per_sequence
    # A window of W samples 2 / (W + 1) of the positions of text, and all of them where one id is repeated.
    expected = len(sequences) * length * min(1.0, 2.6 / (recipe.window + 1))
    room.empty(int(expected) + 1024)
    for number, piece in enumerate(_pieces(sequences, length)):
        if number % _PIECES_A_READER == 0:
            source = open_source()
        room.add(_keys_of(codes_of(source.tokens(piece)), (piece.start - sequences.start) * length, recipe))
        progress(len(piece))
    return room.sorted()


def _pieces(sequences: SequenceRange, length: int) -> Iterator[SequenceRange]:
    at_once = max(1, _IDS_AT_ONCE // length)
    for first in range(sequences.start, sequences.stop, at_once):
        yield SequenceRange(first, min(first + at_once, sequences.stop))


def _keys_of(codes: Codes, first_position: int, recipe: ShardRecipe) -> Keys:
    """The keys of the samples of whole sequences, `[sequences, ids]`, the first at this position of the shard."""
    rows, length = codes.shape
    width = length + KEY_CODES - 1
    # Each sequence is followed by codes of 0, so that a sample near its end has four codes.
    padded = np.zeros(rows * width, np.uint16)
    padded.reshape(rows, width)[:, :length] = codes
    # Four codes from each place on as one number; numpy reads it from any byte.
    if recipe.window == 1:
        following = np.ndarray((rows, length), "<u8", padded, strides=(2 * width, 2)).reshape(-1)
        return sample_keys(following, np.arange(first_position, first_position + codes.size), recipe.bits)
    places = np.flatnonzero(is_sampled(recipe.ranks.take(codes), recipe.window))
    following = np.ndarray((rows * width - KEY_CODES + 1,), "<u8", padded, strides=(2,))
    return sample_keys(following[places + (KEY_CODES - 1) * (places // length)], places + first_position, recipe.bits)
