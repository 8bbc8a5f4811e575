"""Results without models: values drawn from a law, committed as a job commits what it has measured.

How far greedy decoding follows the truth falls as in `_SURVIVAL`: 41 % of sequences for one id and 1.66 % for all 32 were
found for a small model of Pythia's shape over real text; the values between are 13 % larger here, which makes their entropy
the 2.23 bits at which sizes of stored results were compared. Every checkpoint draws anew, except that what is memorized
stays so from one to the next with probability `stays`, so that nothing but memorized sequences repeats and files of many
checkpoints compress no better than those of one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks.material.synthetic_suite import (
    CommittedResults,
    synthetic_model,
    synthetic_order,
    write_synthetic_suite,
)
from seenat.memorization.protocol.protocol import Protocol
from seenat.registry.catalog.catalog import Catalog
from seenat.registry.open import open_catalog

__all__ = ["BATCH", "SyntheticResults", "entropy", "synthetic_catalog"]

BATCH = 1024
_FULL_SCORE = Protocol().continuation
_SURVIVAL = {0: 1.0, 1: 0.463, 2: 0.249, 4: 0.113, 8: 0.041, 16: 0.022, 32: 0.0166}
"""The share of sequences of which at least so many ids are reproduced."""
_DRAWS = 1 << 16

Values = npt.NDArray[np.uint8]


def synthetic_catalog(path: Path, sequences: int, steps: tuple[int, ...], names: tuple[str, ...]) -> Catalog:
    """A new catalog with an order of that many sequences, a multiple of a batch, and models that saved these steps."""
    order = synthetic_order(f"{names[0]}-order", sequences, BATCH, vocab_size=50_304)
    models = (
        synthetic_model(name, order, steps, digest=lambda step, name=name: f"sha256:{name}-{step}")  # type: ignore[misc]
        for name in names
    )
    catalog = open_catalog(str(path))
    write_synthetic_suite(catalog, names[0], order, *models)
    return catalog


@dataclass(frozen=True)
class SyntheticResults(CommittedResults):
    """The results of one model, to be committed block by block; memorized sequences stay so with probability `stays`."""

    stays: float = 0.9

    @cached_property
    def rows(self) -> tuple[int, ...]:
        """The array's row of each checkpoint."""
        return tuple(self.row_of(checkpoint.step) for checkpoint in self.model.checkpoints)

    def values(self, block: int) -> Iterator[Values]:
        """The values of a block at one checkpoint after the other; the same whenever they are asked for."""
        length = len(self.measurement.block(block))
        generator = np.random.default_rng([self.model.id, block])
        values = _TABLE[generator.integers(0, _DRAWS, length, np.uint16)]
        yield values
        share = _SURVIVAL[_FULL_SCORE]
        starts = share * (1 - self.stays) / (1 - share)
        for _ in self.rows[1:]:
            chance = generator.random(length, np.float32)
            memorized = chance < np.where(values == _FULL_SCORE, self.stays, starts)
            values = _TABLE[generator.integers(0, _BELOW, length, np.uint16)]
            values[memorized] = _FULL_SCORE
            yield values


def entropy() -> float:
    """Bits of information in a value."""
    shares = np.bincount(_TABLE) / len(_TABLE)
    return float(-(shares[shares > 0] * np.log2(shares[shares > 0])).sum())


def _table() -> Values:
    """Values by rank, as often as the law says; those that are all ids are the last."""
    shares = np.zeros(_FULL_SCORE + 1)
    for (low, above), (high, below) in pairwise(_SURVIVAL.items()):
        shares[low:high] = (above - below) / (high - low)
    shares[_FULL_SCORE] = _SURVIVAL[_FULL_SCORE]
    ends = np.round(np.cumsum(shares) * _DRAWS).astype(np.int64)
    return np.repeat(np.arange(_FULL_SCORE + 1, dtype=np.uint8), np.diff(ends, prepend=0))


_TABLE = _table()
_BELOW = int((_TABLE < _FULL_SCORE).sum())
