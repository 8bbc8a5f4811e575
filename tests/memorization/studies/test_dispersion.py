"""Dispersion over slices: against counts by hand, and by simulated processes whose dispersion is known."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from seenat.memorization.studies.dispersion import batch_dispersion, dispersion_of
from seenat.registry.catalog.catalog import Catalog
from seenat.registry.errors import InvalidValue, NotMeasured, UnknownCheckpoint


@pytest.mark.parametrize(("size", "step"), [(None, None), (7, 384), (64, 320), (512, 384), (3072, 384), (1, 256)])
@pytest.mark.parametrize(
    ("which", "name"), [("measured_pocket", "pocket-230k"), ("measured_pocket", "pocket-2m"), ("partly", "pocket-230k")]
)
def test_counts_are_those_of_the_slices(
    request: pytest.FixtureRequest, seen: Callable[..., Any], which: str, name: str, size: int | None, step: int | None
) -> None:
    catalog = request.getfixturevalue(which)
    known = seen(catalog, name)
    at, slice_ = step or 384, size or 8
    measured, memorized = known.measured(at), known.memorized(at)
    spans = [range(start, start + slice_) for start in range(0, 8 * at - slice_ + 1, slice_)]
    whole = [span for span in spans if measured.issuperset(span)]
    if not whole:
        with pytest.raises(NotMeasured, match="No slice of"):
            batch_dispersion(catalog, known.model, step, size)
        return
    counts = [len(memorized.intersection(span)) for span in whole]
    found = batch_dispersion(catalog, known.model, step, size)
    assert (found.step, found.slice_sequences) == (at, slice_)
    assert found.left_out == len(spans) - len(whole)
    assert found.dispersion.slices == len(whole)
    expected = [(value, counts.count(value)) for value in sorted(set(counts))]
    assert [(count.memorized, count.slices) for count in found.dispersion.counts] == expected
    assert found.share == pytest.approx(sum(counts) / len(whole) / slice_)
    if len(whole) > 1:
        assert found.dispersion.index == pytest.approx(np.var(counts, ddof=1) / np.mean(counts))
    else:
        assert found.dispersion.index is None


def test_a_poisson_process_is_recognised() -> None:
    generator = np.random.default_rng(11)
    found = [dispersion_of(generator.poisson(5, 400)) for _ in range(400)]
    tails = np.sort([one.p_value for one in found])
    # The largest distance from the uniform distribution; 1.63 / sqrt(400) is exceeded once in 100 draws.
    assert np.abs(tails - (np.arange(400) + 0.5) / 400).max() < 1.63 / 20
    assert np.mean([one.index for one in found]) == pytest.approx(1, abs=0.02)
    near = sum(one.slices for one in found[0].quantiles if abs(one.poisson - one.observed) <= 1)
    assert near > 390


def test_clusters_are_told_from_independence() -> None:
    generator = np.random.default_rng(12)
    clustered = dispersion_of(generator.poisson(generator.gamma(2, 2.5, 400)))
    assert clustered.index == pytest.approx(3.5, rel=0.2)
    assert clustered.p_value < 1e-30
    independent = dispersion_of(generator.binomial(8, 0.5, 400))
    assert independent.index == pytest.approx(0.5, rel=0.2)
    assert independent.p_value > 0.999


def test_quantiles_pair_every_slice() -> None:
    found = dispersion_of(np.array([4, 0, 2, 2]))
    # Poisson of mean 2 reaches 1/8 at 0, 3/8 at 1, 5/8 at 2 and 7/8 at 4.
    assert [(one.poisson, one.observed, one.slices) for one in found.quantiles] == [
        (0, 0, 1),
        (1, 2, 1),
        (2, 2, 1),
        (4, 4, 1),
    ]


def test_nothing_memorized_has_no_dispersion() -> None:
    found = dispersion_of(np.zeros(5, np.int64))
    assert (found.index, found.p_value) == (None, None)
    assert [(count.memorized, count.slices) for count in found.counts] == [(0, 5)]
    assert [one.to_json() for one in found.quantiles] == [{"poisson": 0, "observed": 0, "slices": 5}]


def test_what_cannot_be_answered_is_refused(measured_pocket: Catalog, partly: Catalog) -> None:
    model = measured_pocket.model("pocket-2m")
    with pytest.raises(InvalidValue, match="A slice of 0 sequences"):
        batch_dispersion(measured_pocket, model, slice_sequences=0)
    with pytest.raises(UnknownCheckpoint, match=r"pocket-2m has no checkpoint at step 100; the nearest are 64 and 128"):
        batch_dispersion(measured_pocket, model, 100)
    with pytest.raises(
        NotMeasured, match=r"Step 64 of pocket-230k has not been measured; measured are 256, 320, 384\."
    ):
        batch_dispersion(partly, partly.model("pocket-230k"), 64)
    with pytest.raises(NotMeasured, match="No slice of 8 sequences of pocket-2m has been measured wholly at step 0"):
        batch_dispersion(measured_pocket, model, 0)
    with pytest.raises(NotMeasured, match="Nothing of pocket-660k has been measured"):
        batch_dispersion(partly, partly.model("pocket-660k"))
