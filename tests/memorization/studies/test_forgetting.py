"""Changes by step against the trajectory of every single sequence, wholly and partly measured."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from itertools import accumulate
from typing import Any

import pytest

from seenat.memorization.studies.forgetting import curves
from seenat.registry.catalog.catalog import Catalog
from seenat.registry.errors import NotMeasured

MODELS = ("pocket-230k", "pocket-660k", "pocket-2m")


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("which", ["measured_pocket", "partly"])
def test_changes_are_those_of_the_trajectories(
    request: pytest.FixtureRequest, seen: Callable[..., Any], which: str, name: str
) -> None:
    catalog = request.getfixturevalue(which)
    if (which, name) == ("partly", "pocket-660k"):
        with pytest.raises(NotMeasured):
            curves(catalog, [catalog.model(name)])
        return
    known = seen(catalog, name)
    (found,) = curves(catalog, [known.model])
    onsets, forgotten, relearned = Counter(), Counter(), Counter()
    for sequence in range(known.values.shape[1]):
        path = known.trajectory(sequence)
        onsets.update([path.onset.step] if path.onset else [])
        forgotten.update(path.forgotten)
        relearned.update(path.relearned)
    assert found.model == name
    assert tuple(change.step for change in found.steps) == known.steps
    for change, so_far in zip(found.steps, accumulate(onsets[step] for step in known.steps), strict=True):
        step = change.step
        assert (change.onsets, change.forgotten, change.relearned) == (onsets[step], forgotten[step], relearned[step])
        assert change.onsets_so_far == so_far
        assert change.measured == len(known.measured(step))
        assert change.memorized == len(known.memorized(step))
        assert change.share == (change.memorized / change.measured if change.measured else None)
    assert sum(onsets.values()) > 50


def test_what_is_memorized_is_what_was_learned_and_not_lost(measured_pocket: Catalog) -> None:
    for found in curves(measured_pocket, [measured_pocket.model(name) for name in MODELS]):
        lost = list(accumulate(change.forgotten - change.relearned for change in found.steps))
        assert [change.memorized for change in found.steps] == [
            change.onsets_so_far - gone for change, gone in zip(found.steps, lost, strict=True)
        ]
        assert lost[-1] > 0


def test_larger_models_memorize_more(measured_pocket: Catalog) -> None:
    found = curves(measured_pocket, [measured_pocket.model(name) for name in MODELS])
    assert [one.model for one in found] == list(MODELS)
    last = [one.steps[-1].memorized for one in found]
    assert last == sorted(last)
    sizes = [one.parameters for one in found]
    assert sizes == sorted(sizes)
    assert set(found[0].to_json()) == {
        "model",
        "order",
        "protocol",
        "parameters",
        "steps",
        "adaptive",
        "other_protocols",
    }
