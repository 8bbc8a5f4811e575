"""What studies read: quantities of every measure, and only what nothing was chosen for."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from seenat.memorization.adaptive.adaptive_job import plan_adaptive, run_adaptive
from seenat.memorization.jobs.runners.local import run_job
from seenat.memorization.protocol.protocol import Protocol
from seenat.memorization.protocol.selection import Selection
from seenat.memorization.studies.effects.counterfactual import counterfactual_profiles
from seenat.memorization.studies.inputs.quantities import COMPARED, quantity_of
from seenat.memorization.studies.inputs.study_data import open_study_data
from seenat.registry.catalog.catalog import Catalog
from seenat.registry.errors import InvalidValue
from seenat.registry.open import open_catalog
from seenat.registry.units import SequenceRange

PREFIX, LOSS = Protocol(), Protocol.default_for(0, "loss")


@pytest.fixture(scope="module")
def adaptive(pocket_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Catalog]:
    """A catalog in which the checkpoint at step 320 was measured only where another one had memorized something."""
    with open_catalog(str(shutil.copy(pocket_file, tmp_path_factory.mktemp("adaptive")))) as catalog:
        model = catalog.model("pocket-230k")
        selection = Selection(steps=(256, 320, 384), sequences=SequenceRange(2048, 3584), unseen=True)
        job = plan_adaptive(catalog, model, PREFIX, selection, coarse=(256, 384), audit=50)
        run_adaptive(catalog, job, lambda part: run_job(catalog, part, device="cpu"))
        yield catalog


def test_a_mean_is_not_taken_over_what_was_chosen(adaptive: Catalog) -> None:
    model = adaptive.model("pocket-230k")
    results = open_study_data(adaptive, model)
    assert results.steps == (256, 320, 384)
    assert len(results.scope()["adaptive"]) == 1
    assert results.without_adaptive().steps == (256, 384)
    (found,) = counterfactual_profiles(adaptive, [model])
    assert [(one.cohort, one.after, one.step) for one in found.effects] == [(384, 256, 384)]
    assert found.to_json()["adaptive"] == []


def test_losses_are_preferred_where_they_are(with_losses: Catalog) -> None:
    model = with_losses.model("pocket-230k")
    assert open_study_data(with_losses, model, measures=COMPARED).protocol == LOSS
    assert open_study_data(with_losses, model, PREFIX.id, measures=COMPARED).protocol == PREFIX
    assert open_study_data(with_losses, model).protocol == PREFIX
    assert open_study_data(with_losses, with_losses.model("pocket-2m"), measures=COMPARED).protocol == PREFIX


def test_quantities_grow_with_what_is_known() -> None:
    prefixes = np.array([[0, 31, 32, 255]], np.uint8)
    nothing = np.array([np.nan] * 4, np.float32)
    told = {
        "prefix": "ids of the continuation reproduced from the first",
        "score": "ids of the continuation reproduced",
        "memorized": "share memorized",
        "log_likelihood": "log-likelihood of the continuation, in nats",
    }
    losses = np.array([[[9, 40, 5, 3], [2, 0.5, 0, 0], nothing]], np.float32)
    for protocol, name, unit, expected in (
        (PREFIX, "prefix", "ids", [0, 31, 32, np.nan]),
        (PREFIX, "memorized", "share", [0, 0, 1, np.nan]),
        (Protocol(measure="score"), "score", "ids", [0, 31, 32, np.nan]),
        (LOSS, "log_likelihood", "nats", [-40, -0.5, np.nan]),
    ):
        quantity = quantity_of(protocol, name)
        assert quantity.unit == unit
        assert quantity.label == told[name]
        np.testing.assert_array_equal(quantity.of(losses if protocol == LOSS else prefixes), [expected])
        if name != "memorized":
            assert quantity_of(protocol) == quantity
    with pytest.raises(InvalidValue, match="The measure loss does not give 'memorized'"):
        quantity_of(LOSS, "memorized")
