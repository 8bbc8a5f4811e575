"""Precision and recall against sets of sequences."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from seenat.memorization.studies.prediction import predictions
from seenat.registry.catalog.catalog import Catalog
from seenat.registry.errors import InvalidValue, NotMeasured


def share(part: Any, whole: Any) -> float | None:
    return len(part) / len(whole) if whole else None


@pytest.mark.parametrize("step", [None, 256])
@pytest.mark.parametrize(("which", "name"), [("measured_pocket", "pocket-2m"), ("partly", "pocket-2m")])
def test_shares_are_those_of_the_sets(
    request: pytest.FixtureRequest, seen: Callable[..., Any], which: str, name: str, step: int | None
) -> None:
    catalog = request.getfixturevalue(which)
    target = seen(catalog, name)
    if step is not None and step not in target.steps:
        with pytest.raises(NotMeasured, match="Step 256 of pocket-2m has not been measured; measured are 320"):
            predictions(catalog, target.model, step=step)
        return
    found = predictions(catalog, target.model, step=step)
    at = step or target.steps[-1]
    assert (found.model, found.step) == (name, at)
    smaller = ["pocket-230k", "pocket-660k"] if which == "measured_pocket" else ["pocket-230k"]
    known = {name: target, **{one: seen(catalog, one) for one in smaller}}
    assert [(one.model, one.step) for one in found.predictions] == [
        *((name, earlier) for earlier in target.steps if earlier < at),
        *((one, any_step) for one in smaller for any_step in known[one].steps),
    ]
    truth = target.memorized(at)
    for one in found.predictions:
        predictor = known[one.model]
        shared = target.measured(at) & predictor.measured(one.step)
        predicted = predictor.memorized(one.step) & shared
        assert (one.sequences, one.predicted) == (len(shared), len(predicted))
        assert one.precision == share(predicted & truth, predicted)
        assert one.recall == share(predicted & truth, truth & shared)
        assert one.recall_of_all == share(predicted & truth, truth)
    assert any(one.both for one in found.predictions)


def test_other_predictors_may_be_chosen(measured_pocket: Catalog) -> None:
    model = {size: measured_pocket.model(f"pocket-{size}") for size in ("230k", "660k", "2m")}
    every = predictions(measured_pocket, model["660k"], [model["2m"], model["660k"]])
    assert {one.model for one in every.predictions} == {"pocket-660k", "pocket-2m"}
    assert max(one.step for one in every.predictions if one.model == "pocket-660k") == 320
    last = every.predictions[-1]
    opposite = predictions(measured_pocket, model["2m"], [model["660k"]]).predictions[-1]
    assert (last.precision, last.recall) == (opposite.recall, opposite.precision)
    alone = predictions(measured_pocket, model["230k"])
    assert {one.model for one in alone.predictions} == {"pocket-230k"}


def test_later_checkpoints_tell_more(measured_pocket: Catalog) -> None:
    found = predictions(measured_pocket, measured_pocket.model("pocket-2m"))
    recall = [one.recall_of_all for one in found.predictions if one.model == "pocket-2m"]
    assert recall == sorted(recall)
    assert recall[-1] > 0.5
    assert found.predictions[-1].to_json()["recall"] > 0.5


def test_what_cannot_be_compared_is_refused(measured_pocket: Catalog, partly: Catalog) -> None:
    with pytest.raises(NotMeasured, match="Nothing of pocket-660k"):
        predictions(partly, partly.model("pocket-2m"), [partly.model("pocket-660k")])
    with pytest.raises(InvalidValue, match="pythia-70m was trained on pile, not on pocket-order"):
        predictions(measured_pocket, measured_pocket.model("pocket-2m"), [measured_pocket.model("pythia-70m")])
