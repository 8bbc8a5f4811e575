"""At which checkpoints a candidate is scored, and with which weight.

A sequence of batch b is consumed once, by the update that turns step b into step b + 1, with that update's learning rate. The
gradients at step b are wanted, and only some steps are saved. So by default:

    c     the last usable checkpoint at or before step b, which had not consumed the batch
    d     the first usable checkpoint at step b + 1 or after, which had
    w(c)  = rate(b) * (d - b) / (d - c)        linear interpolation between the two
    w(d)  = rate(b) * (b - c) / (d - c)

A batch that follows a saved step needs that checkpoint alone. Before the first checkpoint and after the last one, the only
neighbour gets the whole rate.

With given steps, every candidate is scored at each of them with the rate of the update that follows it (at the end of the run,
of the last update), whether or not it had consumed the candidate: TracIn as it was published. With equal rates every rate is 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from seenat.attribution.influence.candidates import Indices
from seenat.memorization.jobs.plan_checks import check_runnable, runnable_steps
from seenat.registry.catalog.models import Checkpoint, Model
from seenat.registry.errors import InvalidValue, UnknownCheckpoint
from seenat.registry.learning_rate import learning_rate

__all__ = ["RATES", "Visit", "visits_around", "visits_at"]

RATES = ("schedule", "equal")

_Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Visit:
    """A checkpoint, and the candidates that are scored there."""

    checkpoint: Checkpoint
    places: Indices
    """Places of candidates in the list of all, ascending."""
    weights: _Floats
    """One for each place; none is 0."""

    def among(self, places: Indices) -> Visit:
        """The same checkpoint with those candidates only that stand at some places, too."""
        kept = np.isin(self.places, places)
        return Visit(self.checkpoint, self.places[kept], self.weights[kept])


def visits_around(
    model: Model, sequences: Indices, *, rates: str = "schedule", allow_suspect: bool = False
) -> tuple[Visit, ...]:
    """The visits around each candidate's own update, by step.

    Raises `UnknownCheckpoint` where no checkpoint can be used, and `InvalidValue` where the rates are not known.
    """
    usable, _ = runnable_steps(model, allow_suspect=allow_suspect)
    if not usable:
        raise UnknownCheckpoint(f"{model.name} has no checkpoint that can be used; `seenat checkpoints` says why.")
    batches, steps = sequences // model.schedule.sequences_per_batch, np.array(usable)
    last = np.searchsorted(steps, batches, "right") - 1
    before, after = np.maximum(last, 0), np.minimum(last + 1, len(steps) - 1)
    apart = np.maximum(steps[after] - steps[before], 1)
    share = np.clip((batches - steps[before]) / apart, 0, 1)
    rate = _rates(model, batches, rates)
    found = []
    for place in np.union1d(before, after).tolist():
        weights = rate * ((1 - share) * (before == place) + share * (after == place))
        found.append(_visit(model.checkpoint(usable[place]), weights))
    return tuple(visit for visit in found if len(visit.places))


def visits_at(
    model: Model,
    sequences: Indices,
    steps: Sequence[int | str],
    *,
    rates: str = "schedule",
    allow_suspect: bool = False,
) -> tuple[Visit, ...]:
    """A visit of all candidates at each of some steps, ascending.

    Raises `UnknownCheckpoint` for one that was not saved or cannot be trusted, `InvalidValue` where the rates are not known.
    """
    chosen = {checkpoint.step: checkpoint for checkpoint in (model.checkpoint(step) for step in steps)}
    if not chosen:
        raise InvalidValue("There is no step to score at; name at least one, or none for those around each candidate.")
    updates = np.minimum(np.array(sorted(chosen)), model.schedule.steps - 1)
    found = []
    for step, rate in zip(sorted(chosen), _rates(model, updates, rates).tolist(), strict=True):
        checkpoint = check_runnable(model, chosen[step], allow_suspect=allow_suspect)
        found.append(_visit(checkpoint, np.full(len(sequences), rate)))
    return tuple(visit for visit in found if len(visit.places))


def _visit(checkpoint: Checkpoint, weights: _Floats) -> Visit:
    places = np.flatnonzero(weights)
    return Visit(checkpoint, places, weights[places])


def _rates(model: Model, updates: Indices, rates: str) -> _Floats:
    """The rate of each update."""
    if rates not in RATES:
        raise InvalidValue(f"Rates are {' or '.join(RATES)}, not {rates!r}.")
    if rates == "equal":
        return np.ones(len(updates))
    different, places = np.unique(updates, return_inverse=True)
    try:
        known = [learning_rate(model.hyperparameters, step, model.schedule.steps) for step in different.tolist()]
    except InvalidValue as error:
        raise InvalidValue(
            f"{str(error).rstrip('.')} for {model.name}; state it in the SUITE.toml, or weigh all updates alike: equal rates."
        ) from error
    return np.array(known)[places]
