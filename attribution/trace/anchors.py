"""Which anchors of a text to read, so that every m-gram of it holds one.

The least of the ranks in each window of a text is an anchor: the index has sampled it wherever the window stands. Of an
m-gram's anchors the one with fewest samples is read, an m-gram with an anchor of none stands nowhere, and one whose rarest
anchor has more samples than are allowed is *frequent*, and not read.

A key is four ids long. Near the end of an m-gram fewer ids are known to follow an anchor, and a lookup of that depth finds
more. m-grams of three ids more than a window can do without; yet after one id many times in a row, the last of them with the
next id is far rarer than four of it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from seenat.attribution.ngrams.codes import Ids, codes_of
from seenat.attribution.ngrams.index import NgramIndex, SampleRanges
from seenat.attribution.ngrams.keys import KEY_CODES, Lookups, lookups

__all__ = ["Anchors", "Text", "anchors_of", "in_blocks", "sample_ranges"]

# The range of a lookup may hold so many samples before it and after it: those of two middles, but one each.
_BESIDE = 126
# Lookups times shards that are bisected together, 8 MiB a number.
_CELLS = 1 << 20
# Windows of an m-gram whose anchors are weighed; the rarest of more is hardly rarer.
_WINDOWS = 32
# A place and a depth as one number.
_PLACE = 8
_NEVER = np.iinfo(np.int64).max

_Numbers = npt.NDArray[np.int64]
_Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Text:
    """Ids in the type of the order, and how an index sees them."""

    ids: Ids
    index: NgramIndex

    def lookups(self, places: npt.NDArray[np.intp], depths: npt.NDArray[np.intp]) -> Lookups:
        """What the anchors at some places look for, by so many ids."""
        return lookups(codes_of(self.ids), places, self.index.bits, depths)


@dataclass(frozen=True)
class Anchors:
    """Places in a text, by how many ids each is looked up, and how many samples that reads; ascending by place."""

    places: npt.NDArray[np.intp]
    depths: npt.NDArray[np.intp]
    samples: _Numbers
    frequent: _Flags
    """Which m-grams are, `[m-grams]`."""


def anchors_of(text: Text, minimum: int, most: int | None, shards: _Flags, left_out: _Flags) -> Anchors:
    """The anchors to read for all m-grams, m = `minimum`, but for those `left_out`, `[m-grams]`.

    Samples are counted in some `shards`; no m-gram is frequent where `most` is None.
    """
    options = _options(text, minimum)
    # As numpy's `unique`, which takes five times as long.
    asked_for = np.zeros(_PLACE * len(text.ids), np.bool_)
    asked_for[options] = True
    pairs, where = np.flatnonzero(asked_for), (np.cumsum(asked_for) - 1)[options]
    places, depths = np.divmod(pairs, _PLACE)
    reads, certain = _counted(text, places, depths, shards)
    # Of equally rare ones the last: it is the best of more of the m-grams that follow.
    best = options.shape[1] - 1 - reads[where[:, ::-1]].argmin(axis=1)
    chosen = where[np.arange(len(where)), best]
    asked = ~left_out & (reads[chosen] > 0)
    frequent = asked & (certain[chosen] > (_NEVER if most is None else most))
    # As `np.unique`, which imports numpy.ma.
    kept = np.flatnonzero(np.bincount(chosen[asked & ~frequent], minlength=len(pairs)))
    return Anchors(places[kept], depths[kept], reads[kept], frequent)


def _options(text: Text, minimum: int) -> npt.NDArray[np.intp]:
    """Anchors of each m-gram, `[m-grams, options]`: place * 8 + by how many ids it is looked up, 0 where it is not."""
    ids, window = text.ids, text.index.window
    views = np.lib.stride_tricks.sliding_window_view(text.index.ranks(ids), window)
    starts = np.arange(len(views))
    minima = np.stack([starts + views.argmin(axis=1), starts + window - 1 - views[:, ::-1].argmin(axis=1)], axis=1)
    grams = np.arange(len(ids) - minimum + 1)
    windows = np.lib.stride_tricks.sliding_window_view(minima, minimum - window + 1, axis=0)[..., :_WINDOWS]
    places = windows.reshape(len(grams), -1)
    depths = np.minimum(KEY_CODES, grams[:, None] + minimum - places)
    depths[depths == KEY_CODES - 1] = KEY_CODES - 2
    if minimum >= window + KEY_CODES - 1:
        depths[(depths < KEY_CODES) & ~_ends_a_run(ids)[places]] = 0
    options: npt.NDArray[np.intp] = places * _PLACE + depths
    return options


def _ends_a_run(ids: Ids) -> _Flags:
    """Which ids are the last of two or more of one id, not at the end of the text."""
    same = np.concatenate([[False], ids[1:] == ids[:-1], [False]])
    ends: _Flags = same[:-1] & ~same[1:] & (np.arange(len(ids)) < len(ids) - 1)
    return ends


def _counted(
    text: Text, places: npt.NDArray[np.intp], depths: npt.NDArray[np.intp], shards: _Flags
) -> tuple[_Numbers, _Numbers]:
    """How many samples each lookup reads, endless for one of depth 0, and how many of them it certainly looks for."""
    reads, certain = np.full(len(places), _NEVER), np.zeros(len(places), np.int64)
    made = np.flatnonzero(depths)
    for block in in_blocks(len(made), len(shards)):
        start, stop = sample_ranges(text, places[made[block]], depths[made[block]])
        counts = (stop - start) * shards
        reads[made[block]] = counts.sum(axis=1)
        certain[made[block]] = np.maximum(counts - _BESIDE, 0).sum(axis=1)
    return reads, certain


def sample_ranges(text: Text, places: npt.NDArray[np.intp], depths: npt.NDArray[np.intp]) -> SampleRanges:
    """The samples of each shard that some lookups read."""
    return text.index.ranges(text.lookups(places, depths))


def in_blocks(lookups_: int, shards: int) -> list[slice]:
    """Lookups whose ranges in all shards fit into memory together."""
    at_once = max(1, _CELLS // max(1, shards))
    return [slice(first, first + at_once) for first in range(0, lookups_, at_once)]
