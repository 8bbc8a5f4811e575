"""The quantities whose means studies compare: a number for a sequence at a checkpoint, larger the better it is known.

    log_likelihood   of the continuation given all ids before it, in nats       measure `loss`
    prefix, score    ids of the continuation reproduced                         measures `prefix` and `score`
    memorized        1 where all of them are, else 0                            measures `prefix` and `score`

A measure's first quantity here is its default.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from seenat.memorization.protocol.measures import Values
from seenat.memorization.protocol.protocol import Protocol
from seenat.registry.errors import InvalidValue

__all__ = ["COMPARED", "Floats", "Quantity", "quantity_of"]

Floats = npt.NDArray[np.float64]

_OF_MEASURES = {
    "loss": ("log_likelihood",),
    "prefix": ("prefix", "memorized"),
    "score": ("score", "memorized"),
}
_UNITS = {"log_likelihood": "nats", "prefix": "ids", "score": "ids", "memorized": "share"}
_WORDS = {
    "log_likelihood": "log-likelihood of the continuation",
    "prefix": "ids of the continuation reproduced from the first",
    "score": "ids of the continuation reproduced",
    "memorized": "share memorized",
}

COMPARED = tuple(_OF_MEASURES)
"""The measures that give a quantity; first the one on which a single exposure shows most."""


@dataclass(frozen=True, slots=True)
class Quantity:
    """One number of a sequence at a checkpoint, by one protocol."""

    name: str
    protocol: Protocol

    def to_answer(self) -> str:
        """Its name, which is how answers show it."""
        return self.name

    @property
    def unit(self) -> str:
        """What it counts: `nats`, `ids` or `share`."""
        return _UNITS[self.name]

    @property
    def words(self) -> str:
        """What it is, in a few words."""
        return _WORDS[self.name]

    @property
    def label(self) -> str:
        """The words and the unit, unless the words begin with it: `share memorized`."""
        return self.words if self.words.startswith(self.unit) else f"{self.words}, in {self.unit}"

    def of(self, values: Values) -> Floats:
        """The quantity of values of the protocol's measure, `[..., sequences]`; NaN where nothing was measured."""
        kept = self.protocol.value_type
        by_quantity = kept.by_quantity(values)
        if self.name == "log_likelihood":
            numbers = -by_quantity["continuation"]
        elif self.name == "memorized":
            numbers = self.protocol.memorized(values)
        else:
            numbers = by_quantity[self.name]
        return np.where(kept.measured(values), numbers.astype(np.float64), np.nan)


def quantity_of(protocol: Protocol, name: str | None = None) -> Quantity:
    """A quantity of a protocol's measure, by default the first one; raises `InvalidValue` for one that it does not give."""
    names = _OF_MEASURES[protocol.measure]
    if name is not None and name not in names:
        raise InvalidValue(
            f"The measure {protocol.measure} does not give {name!r} of a sequence; it gives {' or '.join(names)}."
        )
    return Quantity(name or names[0], protocol)
