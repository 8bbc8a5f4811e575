"""Memorized soon by one and never by another, against the trajectories."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from seenat.memorization.studies.set_difference import memorized_only_by
from seenat.registry.catalog.catalog import Catalog
from seenat.registry.errors import InvalidValue


@pytest.mark.parametrize("within", [None, 0, 20, 64, 383])
@pytest.mark.parametrize("pair", [("pocket-2m", "pocket-230k"), ("pocket-230k", "pocket-2m")])
@pytest.mark.parametrize("which", ["measured_pocket", "partly"])
def test_cases_are_those_of_the_trajectories(
    request: pytest.FixtureRequest, seen: Callable[..., Any], which: str, pair: tuple[Any, Any], within: int | None
) -> None:
    catalog = request.getfixturevalue(which)
    first, second = (seen(catalog, name) for name in pair)
    cases = {"never": [], "also": [], "not_measured": []}
    for sequence in range(3072):
        onset, other = first.trajectory(sequence).onset, second.trajectory(sequence)
        if onset is None or (within is not None and onset.step > sequence // 8 + 1 + within):
            continue
        cases["also" if other.onset else "never" if other.points else "not_measured"].append(sequence)
    found = memorized_only_by(catalog, first.model, second.model, within, limit=10_000)
    assert found.sequences == tuple(cases["never"])
    assert (found.never, found.also, found.not_measured) == tuple(map(len, cases.values()))
    assert found.memorized == sum(map(len, cases.values()))
    few = memorized_only_by(catalog, first.model, second.model, within, limit=3)
    assert few.sequences == found.sequences[:3]
    assert few.never == found.never
    if within is None and which == "partly":
        assert found.not_measured > 0


def test_models_of_different_orders_are_refused(measured_pocket: Catalog) -> None:
    one, other = measured_pocket.model("pocket-2m"), measured_pocket.model("pythia-70m-deduped")
    with pytest.raises(
        InvalidValue, match="pocket-2m was trained on pocket-order and pythia-70m-deduped on pile-deduped"
    ):
        memorized_only_by(measured_pocket, one, other)
