"""How often a text had been seen by which step: all exposures in few points, whose number no text can drive up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from seenat.attribution.find.find import Query
from seenat.attribution.find.viewpoint import Viewpoint
from seenat.registry.answer import Answer, TableAnswer

__all__ = ["ExposureCurve", "ExposureCurvePoint"]

# More points than a chart has pixels would only make it large.
_MOST_POINTS = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class ExposureCurvePoint(Answer):
    """A step, and how many exposures there had been by then."""

    step: int
    exposures: int


@dataclass(frozen=True, kw_only=True)
class ExposureCurve(TableAnswer):
    """Exposures of a text so far, by step."""

    text: str | None
    """The query; None where ids were given."""
    order: str
    model: str | None
    step: int | None
    """The checkpoint that was asked for."""
    count: int
    """Of all exposures that were found; of what was not searched `find` tells."""
    points: tuple[ExposureCurvePoint, ...]
    """Ascending by step: that of every exposure, or of a thousand evenly chosen ones, the first and the last among them."""

    table_field = "points"

    @classmethod
    def of(cls, query: Query, viewpoint: Viewpoint, sequences: npt.NDArray[np.int64]) -> Self:
        """Of the sequence of each exposure."""
        steps = np.sort(sequences) // viewpoint.sequences_per_batch + 1
        places = np.unique(np.linspace(0, max(0, len(steps) - 1), min(len(steps), _MOST_POINTS)).astype(int))
        return cls(
            text=query if isinstance(query, str) else None,
            order=viewpoint.order.name,
            model=None if viewpoint.model is None else viewpoint.model.name,
            step=viewpoint.step,
            count=len(steps),
            points=tuple(
                ExposureCurvePoint(step=step, exposures=place + 1)
                for step, place in zip(steps[places].tolist(), places.tolist(), strict=True)
            ),
        )
