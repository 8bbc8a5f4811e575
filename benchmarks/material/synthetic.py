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
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt

from seenat.memorization.protocol.protocol import Protocol
from seenat.memorization.results.array import ResultArray
from seenat.memorization.results.commit import commit_block, described_row, open_array
from seenat.memorization.results.measurements import Measurement, ensure_measurement
from seenat.registry.catalog.catalog import Catalog
from seenat.registry.catalog.models import Model
from seenat.registry.catalog.specs import CheckpointSpec, ModelSpec, OrderSpec, SuiteSpec
from seenat.registry.checkpoints.files import FileRecord
from seenat.registry.open import open_catalog
from seenat.registry.schedule import Schedule
from seenat.registry.suites.write import write_suite

__all__ = ["BATCH", "SyntheticResults", "entropy", "synthetic_catalog"]

BATCH = 1024
_WHOLE = Protocol().continuation
_SURVIVAL = {0: 1.0, 1: 0.463, 2: 0.249, 4: 0.113, 8: 0.041, 16: 0.022, 32: 0.0166}
"""The share of sequences of which at least so many ids are reproduced."""
_DRAWS = 1 << 16

Values = npt.NDArray[np.uint8]


def synthetic_catalog(path: Path, sequences: int, steps: tuple[int, ...], names: tuple[str, ...]) -> Catalog:
    """A new catalog with an order of that many sequences, a multiple of a batch, and models that saved these steps."""
    size = sequences * 65 * 2
    order = OrderSpec(
        name=f"{names[0]}-order",
        sequences=sequences,
        tokens_per_sequence=65,
        sequences_per_batch=BATCH,
        dtype="uint16",
        vocab_size=50_304,
        eos_id=0,
        format="raw",
        location="nowhere",
        files=(FileRecord(name="nothing.bin", bytes=size, sha256="sha256:" + "0" * 64),),
    )
    models = tuple(
        ModelSpec(
            name=name,
            order=order.name,
            schedule=Schedule(sequences_per_batch=BATCH, steps=sequences // BATCH, saved=steps),
            folder="nowhere/step{step}",
            checkpoints=tuple(CheckpointSpec(step=step, digest=f"sha256:{name}-{step}") for step in steps),
        )
        for name in names
    )
    catalog = open_catalog(str(path))
    with catalog.database.write() as connection:
        write_suite(connection, SuiteSpec(name=names[0], origin="synthetic", orders=(order,), models=models))
    return catalog


@dataclass(frozen=True, kw_only=True)
class SyntheticResults:
    """The results of one model, to be committed block by block."""

    catalog: Catalog
    model: Model
    measurement: Measurement
    array: ResultArray
    rows: tuple[int, ...]
    stays: float

    @classmethod
    def of(cls, catalog: Catalog, name: str, stays: float = 0.9) -> SyntheticResults:
        """The results of a model of the catalog, by the usual protocol; nothing is committed yet."""
        model = catalog.model(name)
        with catalog.database.write() as connection:
            measurement = ensure_measurement(connection, model, Protocol())
            array = open_array(catalog.database, measurement)
            rows = tuple(
                described_row(connection, array, measurement, model, one, one.digest or "") for one in model.checkpoints
            )
        return cls(catalog=catalog, model=model, measurement=measurement, array=array, rows=rows, stays=stays)

    def values(self, block: int) -> Iterator[Values]:
        """The values of a block at one checkpoint after the other; the same whenever they are asked for."""
        length = len(self.measurement.block(block))
        generator = np.random.default_rng([self.model.id, block])
        values = _TABLE[generator.integers(0, _DRAWS, length, np.uint16)]
        yield values
        share = _SURVIVAL[_WHOLE]
        starts = share * (1 - self.stays) / (1 - share)
        for _ in self.rows[1:]:
            chance = generator.random(length, np.float32)
            memorized = chance < np.where(values == _WHOLE, self.stays, starts)
            values = _TABLE[generator.integers(0, _BELOW, length, np.uint16)]
            values[memorized] = _WHOLE
            yield values

    def commit(self, row: int, block: int, values: Values) -> int:
        """Commit a block's values as a job does, and return how many bytes they take."""
        with self.catalog.database.write() as connection:
            file = self.array.write(row, block, values)
            commit_block(
                connection,
                self.array,
                self.measurement,
                row=row,
                block=block,
                values=values,
                file=file,
                sequences_per_batch=BATCH,
            )
        self.array.accept(row, block)
        return file.bytes


def entropy() -> float:
    """Bits that a value tells."""
    shares = np.bincount(_TABLE) / len(_TABLE)
    return float(-(shares[shares > 0] * np.log2(shares[shares > 0])).sum())


def _table() -> Values:
    """Values by rank, as often as the law says; those that are all ids are the last."""
    shares = np.zeros(_WHOLE + 1)
    for (low, above), (high, below) in pairwise(_SURVIVAL.items()):
        shares[low:high] = (above - below) / (high - low)
    shares[_WHOLE] = _SURVIVAL[_WHOLE]
    ends = np.round(np.cumsum(shares) * _DRAWS).astype(np.int64)
    return np.repeat(np.arange(_WHOLE + 1, dtype=np.uint8), np.diff(ends, prepend=0))


_TABLE = _table()
_BELOW = int((_TABLE < _WHOLE).sum())
