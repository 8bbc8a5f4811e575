"""What makes up the scores of the best candidates: parts by checkpoint and id, and a comparison with exact derivatives.

The best of all queries are visited once more, together, so that parts need not be kept of all candidates. At each checkpoint
the sequence that counts most for a query is compared with the product of its own gradient and the query's direction.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from seenat.attribution.influence.candidates import Indices
from seenat.attribution.influence.tracin import Parts, Tracer, silent
from seenat.attribution.influence.visits import Visit

__all__ = ["PartsOfBest", "parts_of_best"]

_Floats = npt.NDArray[np.float64]


@dataclass
class PartsOfBest:
    """The parts of the best candidates for one query."""

    places: Indices
    """Of the best candidates."""
    parts: dict[int, list[tuple[Visit, float, _Floats]]] = field(default_factory=dict)
    """By place: visits with the candidate's weight, and the weighted parts of its ids, `[T - 1]`."""
    error: float | None = None
    """The largest relative difference from an exact derivative; None before any was compared."""

    def keep(self, parts: Parts, sequences: Indices) -> None:
        """Keep those of a piece's parts that are of the best, and compare the largest."""
        rows = np.flatnonzero(np.isin(parts.places, self.places))
        weights = parts.visit.weights[np.searchsorted(parts.visit.places, parts.places[rows])]
        for row, weight in zip(rows.tolist(), weights.tolist(), strict=True):
            kept = parts.visit, weight, parts.of_ids[row].copy()
            self.parts.setdefault(int(parts.places[row]), []).append(kept)
        if len(rows):
            sums = parts.of_ids[rows].sum(axis=1) / weights
            largest = int(np.argmax(np.abs(sums)))
            self._compare(float(sums[largest]), parts.exact(int(sequences[parts.places[rows[largest]]])))

    def _compare(self, found: float, exact: float) -> None:
        error = abs(found - exact) / abs(exact) if exact else abs(found)
        self.error = max(error, self.error or 0.0)


def parts_of_best(
    tracer: Tracer, sequences: Indices, visits: Sequence[Visit], best: Sequence[Indices]
) -> tuple[PartsOfBest, ...]:
    """The parts of the best candidates of each query, given by their places among `sequences`."""
    kept = tuple(map(PartsOfBest, best))
    listed = np.unique(np.concatenate([np.empty(0, np.int64), *best]))
    again = [chosen for visit in visits if len((chosen := visit.among(listed)).places)]
    tracer.run(sequences, again, lambda parts: kept[parts.query].keep(parts, sequences), silent)
    return kept
