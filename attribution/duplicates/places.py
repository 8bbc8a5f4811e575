"""Batches and steps of sequences, and rows as columns for files."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from seenat.attribution.duplicates.answers import DuplicatePlace
from seenat.registry.optional import arrow
from seenat.registry.orders.duplicate_sequences import Indices

__all__ = ["LISTED", "place_columns", "places_of", "schema_of"]

LISTED = 10
"""Places that are listed of a group; its number of places is always of all, and files have every place."""


def places_of(sequences: Indices, offsets: Indices, sequences_per_batch: int) -> tuple[DuplicatePlace, ...]:
    """Places with their batches and steps, as the schedule of this many sequences a batch has them."""
    batches = sequences // sequences_per_batch
    return tuple(
        DuplicatePlace(sequence=sequence, offset=offset, batch=batch, step=batch + 1)
        for sequence, offset, batch in zip(sequences.tolist(), offsets.tolist(), batches.tolist(), strict=True)
    )


def place_columns(sequences: Indices, offsets: Indices, sequences_per_batch: int) -> dict[str, Any]:
    """The same as columns."""
    batches = sequences // sequences_per_batch
    return {"sequence": sequences, "offset": np.asarray(offsets), "batch": batches, "step": batches + 1}


def schema_of(names: Sequence[str]) -> Any:
    """The Arrow schema of columns of whole numbers."""
    pa = arrow()
    return pa.schema([(name, pa.int64()) for name in names])
