"""One id many times in a row, as the end-of-document id or blanks: found as a whole.

Within such a run every m-gram is the same, so a run of n ids in the text and one of k in the order agree on about n + k
diagonals. Reported is one span for each run of the text, with the runs of the order of at least m of that id as exposures.
Matches that reach beyond a run hold other m-grams too, and are found as all others are.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from seenat.attribution.ngrams.codes import Ids
from seenat.attribution.trace.compare import Places
from seenat.registry.orders.source import TokenSource

__all__ = ["beginnings_of_runs", "grams_within_runs", "long_runs", "within_runs"]

_Numbers = npt.NDArray[np.int64]

# Ids that are read together to see how long a run is, 8 MiB of uint16.
_AT_ONCE = 1 << 22


def long_runs(ids: Ids, minimum: int) -> Iterator[tuple[int, int]]:
    """The runs `[start, stop)` of at least so many ids, ascending; none of 1, as one id is no run."""
    stops = _stops(ids)
    starts = np.flatnonzero(np.concatenate([[True], stops[1:] != stops[:-1]]))
    for start, stop in zip(starts.tolist(), stops[starts].tolist(), strict=True):
        if stop - start >= minimum > 1:
            yield start, stop


def within_runs(ids: Ids, starts: _Numbers, stops: _Numbers, minimum: int) -> npt.NDArray[np.bool_]:
    """Which parts `[start, stop)` of a text, none shorter than `minimum`, lie within a run of at least so many ids."""
    return (_stops(ids)[starts] >= stops) & (minimum > 1)


def grams_within_runs(ids: Ids, minimum: int) -> npt.NDArray[np.bool_]:
    """Which m-grams of a text lie within a run, `[m-grams]`."""
    starts = np.arange(max(0, len(ids) - minimum + 1))
    return within_runs(ids, starts, starts + minimum, minimum)


def _stops(ids: Ids) -> _Numbers:
    """The end of the run that each id is part of."""
    borders = np.append(np.flatnonzero(ids[1:] != ids[:-1]) + 1, len(ids))
    return borders[np.searchsorted(borders, np.arange(len(ids)), side="right")]


def beginnings_of_runs(source: TokenSource, id_: int, minimum: int, places: Places) -> Places:
    """Those of some places at which a run of at least so many of an id begins."""
    places = places[places.offsets + minimum <= source.geometry.tokens_per_sequence]
    before = source.windows(places.sequences, np.maximum(places.offsets - 1, 0), 1)[:, 0]
    places = places[(before != id_) | (places.offsets == 0)]
    at_once = max(1, _AT_ONCE // minimum)
    pieces = [places[first : first + at_once] for first in range(0, len(places), at_once)]
    return Places.joined(
        [each[(source.windows(each.sequences, each.offsets, minimum) == id_).all(axis=1)] for each in pieces]
    )
