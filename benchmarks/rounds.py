"""Ways of measuring, side by side: turn by turn in one process, so that whatever else the machine does meets all of them.

A round measures each variant once, over rows that no round before had. CPU time for a row is compared; the page
shows the median of the rounds' ratios, with the least and the largest. A ratio is worth nothing where the results
differ, so they are kept and counted.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["Ratio", "Rows", "Values", "Variant", "best_batch", "differing", "ratio"]

Rows = npt.NDArray[np.int64]
Values = npt.NDArray[np.uint8]


@dataclass(frozen=True, kw_only=True)
class Variant:
    """One way of measuring; `run` gives, of ids [n, 64], the values of each measure by name."""

    name: str
    rows: int
    """Rows of a round that it takes, from the first."""
    run: Callable[[Rows], dict[str, Any]]
    seconds: list[float] = field(default_factory=list)
    """CPU seconds a row, one a round."""
    values: list[dict[str, Any]] = field(default_factory=list)

    def take(self, rows: Rows) -> None:
        """Measure one round."""
        own_rows = rows[: self.rows]
        began = time.process_time()
        values = self.run(own_rows)
        self.seconds.append((time.process_time() - began) / len(own_rows))
        self.values.append(values)

    @property
    def rate(self) -> float:
        """Rows a second: of the median round."""
        return 1 / statistics.median(self.seconds)


@dataclass(frozen=True, kw_only=True)
class Ratio:
    """How many times one variant's time another takes for a row."""

    median: float
    least: float
    most: float

    def __str__(self) -> str:
        return f"{self:.1f}"

    def __format__(self, form: str) -> str:
        return f"{self.median:{form}}x [{self.least:{form}}, {self.most:{form}}]"


def ratio(slow: Variant, fast: Variant) -> Ratio:
    """Round by round."""
    ratios = [slower / faster for slower, faster in zip(slow.seconds, fast.seconds, strict=True)]
    return Ratio(median=statistics.median(ratios), least=min(ratios), most=max(ratios))


def differing(ours: Variant, theirs: Variant, measure: str) -> tuple[int, int]:
    """On how many rows a measure differs, and of how many that both have."""
    wrong = compared = 0
    for mine, other in zip(ours.values, theirs.values, strict=True):
        both = min(len(mine[measure]), len(other[measure]))
        wrong += int((mine[measure][:both] != other[measure][:both]).sum())
        compared += both
    return wrong, compared


def best_batch(batches: Sequence[int], rows: Rows, run: Callable[[int, Rows], Any]) -> int:
    """The batch at which `run(batch, rows)` takes the least CPU time."""
    spent = {}
    for batch in batches:
        began = time.process_time()
        run(batch, rows)
        spent[batch] = time.process_time() - began
    return min(spent, key=lambda batch: spent[batch])
