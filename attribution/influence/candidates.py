"""The candidates: which training sequences are scored.

They are indices of sequences, as an array; they may come from batches, from a range, from a list, or from whatever found
them. Each is one exposure: a content that occurs twice in the order is two candidates. What the run never consumed is refused,
since it cannot have mattered.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from seenat.registry.catalog.models import Model
from seenat.registry.errors import InvalidValue, UnknownSequence
from seenat.registry.units import BatchRange, SequenceRange

__all__ = ["MOST_CANDIDATES", "Indices", "check_consumed", "of_batches", "of_sequences"]

MOST_CANDIDATES = 1 << 24
"""In one call; the indices alone are 128 MiB then."""

Indices = npt.NDArray[np.int64]


def of_batches(model: Model, batches: BatchRange) -> Indices:
    """The sequences of consecutive batches of the run; raises as `check_consumed`."""
    size = model.schedule.sequences_per_batch
    return of_sequences(model, SequenceRange(batches.start * size, batches.stop * size))


def of_sequences(model: Model, sequences: SequenceRange | Iterable[int]) -> Indices:
    """Sequences by a range or a list, ascending, each once; raises as `check_consumed`."""
    if isinstance(sequences, SequenceRange):
        _check_count(len(sequences))
        return check_consumed(model, np.arange(sequences.start, sequences.stop, dtype=np.int64))
    given = sequences if isinstance(sequences, np.ndarray) else list(sequences)
    found = np.asarray(given)
    if found.ndim != 1 or (found.size and found.dtype.kind not in "iu"):
        raise InvalidValue(f"Candidates are a list of indices of sequences, not {given!r}.")
    return check_consumed(model, np.unique(found.astype(np.int64)))


def check_consumed(model: Model, sequences: Indices) -> Indices:
    """The same indices, ascending, where the run consumed all of them.

    Raises `UnknownOrder` where the order is not published or was altered, `UnknownSequence` for one beyond the run or the
    order, and `InvalidValue` for none or too many.
    """
    order, schedule = model.order, model.schedule
    _check_count(len(sequences))
    for sequence in (int(sequences[0]), int(sequences[-1])):
        if sequence not in order.sequences:
            raise order.geometry.unknown(sequence, f"The order {order.name}")
        if not schedule.is_trained_on(sequence):
            consumed = schedule.steps * schedule.sequences_per_batch
            raise UnknownSequence(
                f"{model.name} never consumed sequence {sequence}, so that it had no influence: its {schedule.steps} batches are "
                f"sequences 0 to {consumed - 1}; choose candidates among these.",
                nearest=[consumed - 1],
                model=model.name,
                order=order.name,
            )
    model.check_unaltered(schedule.batch_of(int(sequences[-1])))
    return sequences


def _check_count(count: int) -> None:
    if not count:
        raise InvalidValue("There are no candidates to score; name at least one sequence, or one batch.")
    if count > MOST_CANDIDATES:
        raise InvalidValue(
            f"{count:,} candidates are too many for one call; score at most {MOST_CANDIDATES:,} at a time, for example by a "
            "range of batches."
        )
