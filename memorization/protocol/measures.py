"""Measures: which numbers are stored of a sequence at a checkpoint, and how an array holds them.

A measure's *quantities* are its numbers, by name. One quantity takes no axis of its own: values are `[..., sequences]`;
several take the last: `[..., sequences, quantities]`. A sequence is measured as a whole or not at all, and where it was not,
every quantity holds `fill`.

`protocol` defines what each measure is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["DECODED", "MEASURES", "NOT_MEASURED", "Measure", "Values"]

Values = npt.NDArray[Any]
"""Of the measure's type."""

NOT_MEASURED = 255
"""What a stored byte holds where nothing was measured."""


@dataclass(frozen=True, kw_only=True)
class Measure:
    """How one measure's values are stored."""

    quantities: tuple[str, ...]
    dtype: str
    fill: float
    """What an array holds where nothing was measured, which no measured value is."""
    decodes: bool
    """Whether it counts ids that greedy decoding reproduces: only then is a sequence memorized or not."""

    @property
    def axis(self) -> tuple[int, ...]:
        """The shape of one sequence's values: nothing, or the number of quantities."""
        return (len(self.quantities),) if len(self.quantities) > 1 else ()

    @property
    def bytes(self) -> int:
        """Bytes of one sequence's values."""
        return len(self.quantities) * np.dtype(self.dtype).itemsize

    def empty(self, *shape: int) -> Values:
        """An array `[*shape]`, or `[*shape, quantities]`, in which nothing is measured."""
        return np.full((*shape, *self.axis), self.fill, self.dtype)

    def measured(self, values: Values) -> npt.NDArray[np.bool_]:
        """Which sequences were measured, `[*shape]`."""
        first = values[..., 0] if self.axis else values
        flags: npt.NDArray[np.bool_] = ~np.isnan(first) if np.isnan(self.fill) else first != self.fill
        return flags

    def by_quantity(self, values: Values) -> dict[str, Values]:
        """Each quantity by name, `[*shape]`."""
        if not self.axis:
            return {self.quantities[0]: values}
        return {name: values[..., place] for place, name in enumerate(self.quantities)}


MEASURES = {
    "prefix": Measure(quantities=("prefix",), dtype="uint8", fill=NOT_MEASURED, decodes=True),
    "score": Measure(quantities=("score",), dtype="uint8", fill=NOT_MEASURED, decodes=True),
    "loss": Measure(
        quantities=("prompt", "continuation", "min_k", "rank"), dtype="float32", fill=float("nan"), decodes=False
    ),
}

DECODED = tuple(name for name, measure in MEASURES.items() if measure.decodes)
"""The measures that say what is memorized."""
