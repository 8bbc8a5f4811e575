"""Whether memorized sequences are spread over the order as a Poisson process would spread them.

The Pythia paper (arXiv 2304.01373, section 4.2) cuts the order into slices of equal length, counts the memorized sequences of
each, and compares the counts with a Poisson distribution, quantile by quantile: a good fit says that the place in the order
hardly matters. Its slices have 512 sequences; here a slice has as many as a batch unless the caller says otherwise.

For k counts of mean m, the *dispersion index* is sum((count - m)^2) / (m (k - 1)): 1 for a Poisson process, more where
memorized sequences cluster. For a Poisson process the index times k - 1 would be about chi-square with k - 1 degrees of freedom;
`p_value` is its upper tail, the chance of counts at least so uneven. Counts of slices of n sequences that are memorized
independently with probability p have an index of 1 - p, so that shares of some percent lower it visibly; small means (m < 1)
make the approximation coarse.

A slice counts only if the checkpoint had seen it and all its sequences were measured.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from seenat.memorization.queries.memorized import check_measured
from seenat.memorization.statistics.distributions import chi_square_tail, poisson_quantiles
from seenat.memorization.studies.inputs.study_data import StudyAnswer, StudyData, open_study_data
from seenat.registry.answer import Answer
from seenat.registry.catalog.catalog import Catalog
from seenat.registry.catalog.models import Model
from seenat.registry.errors import InvalidValue, NotMeasured
from seenat.registry.units import SequenceRange

__all__ = ["BatchDispersion", "Dispersion", "Quantile", "SliceCount", "batch_dispersion", "dispersion_of"]


@dataclass(frozen=True, kw_only=True)
class Quantile(Answer):
    """One point of the Q-Q plot, and how many slices lie on it."""

    poisson: int
    observed: int
    slices: int


@dataclass(frozen=True, kw_only=True)
class SliceCount(Answer):
    """How many slices have a count of memorized sequences."""

    memorized: int
    slices: int


@dataclass(frozen=True, kw_only=True)
class Dispersion(Answer):
    """How counts of slices are dispersed."""

    slices: int
    mean: float
    index: float | None
    """None where nothing was counted, or in one slice only."""
    p_value: float | None
    counts: tuple[SliceCount, ...]
    """By ascending count."""
    quantiles: tuple[Quantile, ...]
    """By ascending quantile."""


@dataclass(frozen=True, kw_only=True)
class BatchDispersion(StudyAnswer):
    """The dispersion of what a checkpoint had memorized."""

    step: int
    slice_sequences: int
    left_out: int
    """Whole slices that the checkpoint had seen and that were not measured wholly."""
    dispersion: Dispersion

    json_names = ("model", "order", "protocol", "adaptive", "step", "slice_sequences", "left_out", "share")

    @property
    def share(self) -> float:
        """Memorized among the sequences of all slices; were they independent, the index would be 1 - share."""
        return self.dispersion.mean / self.slice_sequences

    def to_json(self) -> dict[str, Any]:
        """The answer as the command line prints it: the dispersion's keys follow the others in one object."""
        return super().to_json() | self.dispersion.to_json()


def batch_dispersion(
    catalog: Catalog,
    model: Model,
    step: int | None = None,
    slice_sequences: int | None = None,
    protocol: str | None = None,
) -> BatchDispersion:
    """The dispersion at a measured step, or the last one, over slices of a batch or of `slice_sequences`.

    Raises `NotMeasured` for a step without results, and where no slice was measured wholly.
    """
    data = open_study_data(catalog, model, protocol)
    step = data.steps[-1] if step is None else step
    size = model.schedule.sequences_per_batch if slice_sequences is None else slice_sequences
    if size < 1:
        raise InvalidValue(f"A slice of {size} sequences holds nothing; choose 1 or more.")
    check_measured(model, data.protocol, step, data.steps)
    counts, left_out = _counts(data, step, size)
    if not len(counts):
        raise NotMeasured(
            f"No slice of {size:,} sequences of {model.name} has been measured wholly at step {step:,}; choose smaller "
            f"slices or another step, or run `seenat memorize {model.name}{data.protocol.options} --steps {step}`."
        )
    return BatchDispersion(
        **data.scope(),
        step=step,
        slice_sequences=size,
        left_out=left_out,
        dispersion=dispersion_of(counts),
    )


def dispersion_of(counts: npt.NDArray[np.int64]) -> Dispersion:
    """The dispersion of counts, `[slices]`, at least one."""
    mean, freedom = float(counts.mean()), len(counts) - 1
    index = p_value = None
    if mean and freedom:
        statistic = float(((counts - mean) ** 2).sum() / mean)
        index, p_value = statistic / freedom, chi_square_tail(statistic, freedom)
    values, times = np.unique(counts, return_counts=True)
    return Dispersion(
        slices=len(counts),
        mean=mean,
        index=index,
        p_value=p_value,
        counts=tuple(
            SliceCount(memorized=value, slices=slices)
            for value, slices in zip(values.tolist(), times.tolist(), strict=True)
        ),
        quantiles=_quantiles(counts, mean),
    )


def _quantiles(counts: npt.NDArray[np.int64], mean: float) -> tuple[Quantile, ...]:
    """The i-th smallest of k counts against the Poisson quantile at (i - 1/2) / k."""
    expected = poisson_quantiles(mean, (np.arange(len(counts)) + 0.5) / len(counts))
    pairs, times = np.unique(np.stack([expected, np.sort(counts)], axis=1), axis=0, return_counts=True)
    return tuple(
        Quantile(poisson=poisson, observed=observed, slices=slices)
        for (poisson, observed), slices in zip(pairs.tolist(), times.tolist(), strict=True)
    )


def _counts(data: StudyData, step: int, size: int) -> tuple[npt.NDArray[np.int64], int]:
    """Memorized sequences of each slice that was measured wholly, and how many slices were not."""
    seen = data.seen(step)
    whole = SequenceRange(seen.start, seen.stop // size * size)
    whole_counts, slices = [np.zeros(0, np.int64)], 0
    for sequences in data.ranges(whole, size):
        points = data.points(sequences, (step,))
        measured = points.measured[0].reshape(-1, size).all(axis=1)
        whole_counts.append(points.memorized[0].reshape(-1, size).sum(axis=1, dtype=np.int64)[measured])
        slices += len(measured)
    counts = np.concatenate(whole_counts)
    return counts, slices - len(counts)
