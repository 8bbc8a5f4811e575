"""Exposures at onset, counted by a dictionary of the ids themselves."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seenat.memorization.pocket.config import POCKET
from seenat.memorization.studies.exposures import exposure_onsets, quantile
from seenat.registry.catalog.catalog import Catalog
from seenat.registry.catalog.models import Model
from seenat.registry.errors import InvalidValue, NotMeasured
from seenat.registry.orders.duplicate_sequences import contents_of
from seenat.registry.orders.extents import Extent
from seenat.registry.orders.formats.flat import FlatOrder
from seenat.registry.orders.geometry import Geometry
from seenat.registry.units import SequenceRange

MODELS = ("pocket-230k", "pocket-660k", "pocket-2m")


def places_by_ids(model: Model, sequences: int) -> list[list[int]]:
    rows = model.order.source().tokens(SequenceRange(0, sequences))
    places = defaultdict(list)
    for place, row in enumerate(rows):
        places[tuple(row.tolist())].append(place)
    return list(places.values())


def point_of(known: Any, place: int, step: int) -> bool:
    """Whether a checkpoint had seen a sequence and it was measured there."""
    return place < 8 * step and known.values[known.steps.index(step), place] != 255


def onset_of(known: Any, places: Any, steps: Any) -> Any:
    """Steps before, and at, which any of a content's seen sequences was memorized; None where none was measured."""
    before, measured = None, False
    for step in steps:
        values = [known.values[known.steps.index(step), place] for place in places if place < 8 * step]
        values = [value for value in values if value != 255]
        if any(value == 32 for value in values):
            return before, step, True
        if values:
            before, measured = step, True
    return before, None, measured


@pytest.mark.parametrize("until", [None, 192, 319])
@pytest.mark.parametrize(
    ("which", "name"), [*(("measured_pocket", name) for name in MODELS), ("partly", "pocket-230k")]
)
def test_exposures_are_those_counted_by_the_ids(
    request: pytest.FixtureRequest, seen: Callable[..., Any], which: str, name: str, until: int | None
) -> None:
    catalog = request.getfixturevalue(which)
    known = seen(catalog, name)
    steps = [step for step in known.steps if step and step <= (until or 384)]
    if not steps:
        with pytest.raises(NotMeasured, match="from step 1 to 192"):
            exposure_onsets(catalog, [known.model], until=until)
        return
    (found,) = exposure_onsets(catalog, [known.model], until=until)
    assert found.until == steps[-1]
    expected = defaultdict(lambda: ([], [], [], [0]))
    risks = defaultdict(lambda: [0, 0])
    for places in places_by_ids(known.model, 8 * steps[-1]):
        before, onset, measured = onset_of(known, places, steps)
        if not measured:
            continue
        at_risk = [
            step for step in steps if step <= (onset or 384) and any(point_of(known, place, step) for place in places)
        ]
        for step in at_risk:
            risks[sum(place < 8 * step for place in places)][0] += 1
        if onset is not None:
            risks[sum(place < 8 * onset for place in places)][1] += 1
        onsets, exposures, earlier, contents = expected[len(places)]
        contents[0] += 1
        if onset is not None:
            onsets.append(onset)
            exposures.append(sum(place < 8 * onset for place in places))
            earlier.append(sum(place < 8 * (before or 0) for place in places))
    assert [(one.exposures, [one.at_risk, one.onsets]) for one in found.risks] == sorted(risks.items())
    assert all(0 <= one.share <= 1 for one in found.risks)
    assert [one.times for one in found.classes] == sorted(expected, reverse=True)
    for one in found.classes:
        onsets, exposures, earlier, contents = expected[one.times]
        assert one.contents == contents[0]
        assert one.memorized == len(onsets)
        assert one.steps == tuple(sorted(onsets))
        assert one.exposures == tuple(sorted(exposures))
        assert one.exposures_before == tuple(sorted(earlier))


def test_classes_are_those_that_were_planted(measured_pocket: Catalog) -> None:
    models = [measured_pocket.model(name) for name in MODELS]
    for found in exposure_onsets(measured_pocket, models):
        assert {(one.times, one.contents) for one in found.classes} == {
            (planted.times, planted.sequences) for planted in POCKET.repetitions
        }
        # What occurs once is memorized only where it is boilerplate, which says nothing of repetition.
        repeated = [one for one in found.classes if one.times > 1 and one.memorized >= 5]
        medians = {one.times: quantile(one.steps, 0.5) for one in repeated}
        assert [medians[times] for times in sorted(medians, reverse=True)] == sorted(medians.values())
        assert len(medians) >= 3


def test_json_has_medians_and_every_count(measured_pocket: Catalog) -> None:
    (found,) = exposure_onsets(measured_pocket, [measured_pocket.model("pocket-2m")])
    most = found.classes[0].to_json()
    assert sum(one["contents"] for one in most["exposures"]) == most["memorized"]
    assert most["quartiles"][0] <= most["median_exposures"] <= most["quartiles"][1]
    assert most["median_exposures_before"] < most["median_exposures"]


def test_contents_may_be_the_measured_window_only(measured_pocket: Catalog) -> None:
    model = measured_pocket.model("pocket-2m")
    rows = model.order.source().tokens(SequenceRange(0, 8 * 384))
    times = np.unique(rows[:, :64], axis=0, return_counts=True)[1]
    (found,) = exposure_onsets(measured_pocket, [model], measured=True)
    assert (found.window.start, found.window.stop) == (0, 64)
    assert {one.times: one.contents for one in found.classes} == dict(
        zip(*(each.tolist() for each in np.unique(times, return_counts=True)), strict=True)
    )
    (whole,) = exposure_onsets(measured_pocket, [model])
    assert whole.window is None
    assert "window" not in whole.to_json()
    assert {"window", "risks"} <= found.to_json().keys()


def test_what_would_cost_much_is_refused_unless_asked_for(measured_pocket: Catalog) -> None:
    model = measured_pocket.model("pocket-2m")
    with pytest.raises(InvalidValue, match=r"all 3,072 sequences .* with --until, for example 125, or 384 for all"):
        exposure_onsets(measured_pocket, [model], most=1000)
    assert exposure_onsets(measured_pocket, [model], until=384, most=1000) == exposure_onsets(measured_pocket, [model])


@given(st.lists(st.integers(0, 3), min_size=1, max_size=40), st.integers(1, 200))
def test_equal_sequences_have_one_content(
    tmp_path_factory: pytest.TempPathFactory, drawn: list[int], bytes_at_once: int
) -> None:
    rows = np.array([[kind, 1, 2, kind % 2] for kind in drawn], "<u2")
    path = tmp_path_factory.mktemp("ids") / "ids.bin"
    path.write_bytes(rows.tobytes())
    geometry = Geometry(sequences=len(rows), tokens_per_sequence=4, dtype="uint16")
    source = FlatOrder(geometry, [Extent(path, 0, rows.nbytes)])
    found = contents_of(source, len(rows), bytes_at_once)
    assert [found.times[content] for content in found.content] == [drawn.count(kind) for kind in drawn]
    assert len(found.times) == len(set(drawn))
    for content in range(len(found.times)):
        assert len({drawn[place] for place in np.flatnonzero(found.content == content)}) == 1


def test_quantiles_of_few_values() -> None:
    assert quantile((), 0.5) is None
    assert [quantile((1, 2, 4, 8), share) for share in (0.25, 0.5, 0.75)] == [1, 2, 4]
    assert [quantile((1, 2, 4), share) for share in (0.25, 0.5, 0.75)] == [1, 2, 4]
    assert [quantile((1, 2), share) for share in (0.25, 0.5, 0.75)] == [1, 1, 2]


@given(st.lists(st.integers(0, 50), min_size=1), st.sampled_from([0.25, 0.5, 0.75]))
def test_quantiles_are_values_that_so_large_a_share_does_not_exceed(values: list[int], share: float) -> None:
    assert quantile(tuple(sorted(values)), share) == np.quantile(values, share, method="inverted_cdf")
