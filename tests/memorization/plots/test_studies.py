"""One chart a study: what is drawn is what was found, in every format."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from seenat.memorization.plots import studies as charts
from seenat.memorization.plots.axes import COLOURS
from seenat.memorization.plots.exposures import exposures_chart
from seenat.memorization.plots.save import save
from seenat.memorization.studies.dispersion import batch_dispersion
from seenat.memorization.studies.effects.counterfactual import TrendTest, counterfactual_profiles
from seenat.memorization.studies.effects.step_labels import step_labels
from seenat.memorization.studies.exposures import exposure_onsets
from seenat.memorization.studies.forgetting import curves
from seenat.memorization.studies.prediction import predictions
from seenat.memorization.studies.set_difference import memorized_only_by
from seenat.registry.catalog.catalog import Catalog
from seenat.registry.errors import NothingToDraw

MODELS = ("pocket-230k", "pocket-660k", "pocket-2m")


@pytest.fixture(scope="module")
def found(measured_pocket: Catalog, with_losses: Catalog) -> dict[str, Any]:
    models = [measured_pocket.model(name) for name in MODELS]
    return {
        "onsets": curves(measured_pocket, models),
        "forgetting": curves(measured_pocket, models),
        "exposures": exposure_onsets(measured_pocket, models),
        "dispersion": batch_dispersion(measured_pocket, models[0], slice_sequences=64),
        "predictions": predictions(measured_pocket, models[2]),
        "sets": memorized_only_by(measured_pocket, models[2], models[0], 64),
        "counterfactual": counterfactual_profiles(with_losses, models[:2]),
        "labels": step_labels(with_losses, models[0]),
    }


@pytest.fixture(scope="module")
def drawn(found: dict[str, Any]) -> dict[str, Any]:
    return {name: getattr(charts, f"{name}_chart")(answer) for name, answer in found.items()}


CHARTS = ("onsets", "forgetting", "exposures", "dispersion", "predictions", "sets", "counterfactual", "labels")


@pytest.mark.parametrize("name", CHARTS)
def test_every_chart_is_saved_in_every_format(drawn: dict[str, Any], tmp_path: Path, name: str) -> None:
    for ending in ("svg", "png", "html"):
        save(drawn[name], tmp_path / f"{name}.{ending}")
    svg = (tmp_path / f"{name}.svg").read_text()
    assert svg.startswith("<svg")
    assert any(word in svg for word in ("pocket-2m", "pocket-230k"))
    assert (tmp_path / f"{name}.png").read_bytes().startswith(b"\x89PNG")


def svg_of(chart: Any, folder: Path) -> str:
    save(chart, folder / "chart.svg", force=True)
    return (folder / "chart.svg").read_text()


def size_of(chart: Any, folder: Path) -> tuple[float, float]:
    found = re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', svg_of(chart, folder))
    return float(found[1]), float(found[2])


def panels(chart: Any) -> list[list[dict[str, Any]]]:
    return [panel["data"]["values"] for panel in chart.to_dict()["hconcat"]]


def test_curves_show_every_step(found: dict[str, Any], drawn: dict[str, Any]) -> None:
    share, so_far = panels(drawn["onsets"])
    changes = [(one.model, change) for one in found["onsets"] for change in one.steps]
    assert [(row["model"], row["step"], row["share"]) for row in share] == [
        (model, change.step, change.share) for model, change in changes if change.measured
    ]
    assert [row["onsets_so_far"] for row in so_far] == [
        change.onsets_so_far for _, change in changes if change.measured
    ]
    forgotten, relearned = panels(drawn["forgetting"])
    assert [row["forgotten"] for row in forgotten] == [change.forgotten for _, change in changes]
    assert [row["relearned"] for row in relearned] == [change.relearned for _, change in changes]


def test_predictions_tell_the_target_from_others(found: dict[str, Any], drawn: dict[str, Any]) -> None:
    precision, recall, of_all = panels(drawn["predictions"])
    told = found["predictions"].predictions
    assert [row["precision"] for row in precision] == [one.precision for one in told if one.precision is not None]
    assert [row["recall"] for row in recall] == [one.recall for one in told if one.recall is not None]
    assert {row["model"] for row in of_all} == {"pocket-2m, earlier", "pocket-230k", "pocket-660k"}


def test_other_charts_show_what_was_found(found: dict[str, Any], drawn: dict[str, Any]) -> None:
    diagonal, points = (layer["data"]["values"] for layer in drawn["dispersion"].to_dict()["layer"])
    assert points == [{"model": "pocket-230k", **one.to_json()} for one in found["dispersion"].dispersion.quantiles]
    assert diagonal[1]["poisson"] == max(max(row["poisson"], row["observed"]) for row in points)
    bars = drawn["sets"].to_dict()["data"]["values"]
    assert [bar["sequences"] for bar in bars] == [found["sets"].never, found["sets"].also, found["sets"].not_measured]


def test_exposures_tell_how_many_of_each_class_were_memorized(
    found: dict[str, Any], drawn: dict[str, Any], tmp_path: Path
) -> None:
    chart = drawn["exposures"].to_dict()
    svg = svg_of(drawn["exposures"], tmp_path)
    for one, panel in zip(found["exposures"], chart["concat"], strict=True):
        rows = panel["data"]["values"]
        assert [(row["model"], row["times"], row["share"]) for row in rows] == [
            (one.model, each.times, each.memorized / each.contents) for each in one.classes
        ]
        known = [row for row in rows if row["share"]]
        assert all(row["low"] <= row["median"] <= row["high"] <= row["times"] for row in known)
        assert all(row["median"] is None for row in rows if not row["share"])
        assert all(f">{each.memorized} of {each.contents}<" in svg for each in one.classes)
    assert "occurrences in what was read, up to step 384" in svg
    tops = [layer["encoding"]["x"]["axis"] for panel in chart["concat"] for layer in panel["layer"]]
    assert len({axis["minExtent"] for axis in tops if axis.get("orient") == "top"}) == 1
    assert svg.count(">share memorized<") == 1


def test_classes_whose_labels_would_lie_over_each_other_are_one(found: dict[str, Any]) -> None:
    one = found["exposures"][0]
    group = next(group for group in one.classes if group.times == 16)
    beside = replace(group, times=15, contents=2, memorized=0, steps=(), exposures=(), exposures_before=())
    crowded = replace(one, classes=(*one.classes, beside))
    chart = exposures_chart([crowded, *found["exposures"][1:]]).to_dict()
    rows = {row["times"]: row["contents"] for row in chart["concat"][0]["data"]["values"]}
    assert rows == {each.times: each.contents + 2 * (each is group) for each in one.classes}
    assert "nearest power of 2" in " ".join(chart["title"]["subtitle"])


def test_axes_of_exposures_have_powers_of_two_only(measured_pocket: Catalog, tmp_path: Path) -> None:
    """Up to step 192 contents occur 1, 2, 3, 4, 5 ... times, not powers of two alone."""
    models = exposure_onsets(measured_pocket, [measured_pocket.model("pocket-2m")], until=192)
    chart = charts.exposures_chart(models)
    rules, points = chart.to_dict()["concat"][0]["layer"]
    onsets = [int(value) for each in models[0].classes for value in each.exposures if value > 0]
    assert any(value & (value - 1) for value in onsets)
    assert rules["encoding"]["x"]["axis"]["values"] == [1, 2, 4, 8, 16, 32, 64]
    for layer in (rules, points):
        values = layer["encoding"]["y"]["axis"]["values"]
        assert values == [values[0] * 2**place for place in range(len(values))]
        # From the power of two at or below the least onset to the one at or above the largest.
        assert values[0] <= min(onsets) < 2 * values[0]
        assert values[-1] / 2 < max(onsets) <= values[-1]
    width, height = size_of(chart, tmp_path)
    assert width < 1.6 * height  # One panel and its legend: no title beyond them.


def test_the_sizes_of_a_qq_plot_are_numbers_of_slices_that_occur(
    measured_pocket: Catalog, drawn: dict[str, Any], tmp_path: Path
) -> None:
    model = measured_pocket.model("pocket-2m")
    for size, least in ((8, 3), (3072, 1)):
        found = batch_dispersion(measured_pocket, model, slice_sequences=size)
        points = charts.dispersion_chart(found).to_dict()["layer"][1]["encoding"]["size"]
        occurring = {one.slices for one in found.dispersion.quantiles}
        told = points["legend"]["values"]
        assert least <= len(told) <= 5
        assert set(told) <= occurring
        assert {min(occurring), max(occurring)} <= set(told)
        assert points["legend"]["format"] == ",d"


def test_zeros_lie_at_the_foot_of_an_axis(measured_pocket: Catalog, tmp_path: Path) -> None:
    """Nothing is memorized at step 64, by any of the slices; nothing is forgotten between steps 1 and 64."""
    model = measured_pocket.model("pocket-2m")
    nothing = charts.dispersion_chart(batch_dispersion(measured_pocket, model, 64))
    for layer in nothing.to_dict()["layer"]:
        for axis in ("x", "y"):
            assert layer["encoding"][axis]["scale"]["domain"] == [0, 1]
            assert layer["encoding"][axis]["axis"]["values"] == [0, 1]
    (whole,) = curves(measured_pocket, [model])
    early = replace(whole, steps=tuple(step for step in whole.steps if step.step <= 64))
    for chart in (charts.forgetting_chart([early]), charts.onsets_chart([early])):
        for panel in chart.to_dict()["hconcat"]:
            for layer in panel.get("layer", [panel]):
                assert layer["encoding"]["y"]["scale"]["domain"] == [0, 1]


def test_where_there_is_nothing_to_draw_it_is_said(measured_pocket: Catalog) -> None:
    model, smallest = measured_pocket.model("pocket-2m"), measured_pocket.model("pocket-230k")
    (whole,) = curves(measured_pocket, [model])
    late = replace(whole, steps=whole.steps[-1:])
    unseen = replace(whole, steps=tuple(replace(step, measured=0, asked=None) for step in whole.steps))
    with pytest.raises(NothingToDraw, match=r"No content was memorized by pocket-2m up to step 64, .* later --until"):
        charts.exposures_chart(exposure_onsets(measured_pocket, [model], until=64))
    with pytest.raises(NothingToDraw, match=r"No earlier checkpoint .* pocket-230k has memorized at step 1,"):
        charts.predictions_chart(replace(predictions(measured_pocket, smallest, step=1), predictions=()))
    with pytest.raises(NothingToDraw, match=r"pocket-230k has memorized nothing at step 64, .* later --step"):
        charts.predictions_chart(predictions(measured_pocket, smallest, step=64))
    with pytest.raises(NothingToDraw, match=r"No two checkpoints of pocket-2m .* `seenat memorize pocket-2m`"):
        charts.forgetting_chart([late])
    with pytest.raises(NothingToDraw, match=r"Nothing that pocket-2m had seen has been measured"):
        charts.onsets_chart([unseen])
    assert charts.forgetting_chart([late, whole]).to_dict()["hconcat"]


def test_a_panel_of_nothing_is_left_out_and_the_caption_says_so(measured_pocket: Catalog, tmp_path: Path) -> None:
    """At the first step with anything memorized, earlier checkpoints had nothing, so that precision is not known."""
    model = measured_pocket.model("pocket-230k")
    (curve,) = curves(measured_pocket, [model])
    first = next(change.step for change in curve.steps if change.memorized)
    found = predictions(measured_pocket, model, step=first)
    drawn = charts.predictions_chart(found).to_dict()
    assert len(drawn["hconcat"]) == 2
    assert "Not known at any step: precision." in drawn["title"]["subtitle"]
    save(charts.predictions_chart(found), tmp_path / "one.png")


def test_words_are_said_once_and_in_the_singular(
    found: dict[str, Any], measured_pocket: Catalog, tmp_path: Path
) -> None:
    profiles = counterfactual_profiles(
        measured_pocket, [measured_pocket.model("pocket-230k")], "243582", quantity="memorized"
    )
    title = charts.counterfactual_chart(profiles).to_dict()["title"]["text"][0]
    assert title == "Effect of having been trained on: share memorized"
    titles = [
        charts.sets_chart(replace(found["sets"], within=within)).to_dict()["title"]["text"][0]
        for within in (None, 0, 1, 2000)
    ]
    assert titles == [
        "Memorized by pocket-2m",
        "Memorized by pocket-2m within 0 steps",
        "Memorized by pocket-2m within 1 step",
        "Memorized by pocket-2m within 2,000 steps",
    ]


def test_marks_of_many_labels_are_a_shade_and_their_number_is_told(found: dict[str, Any]) -> None:
    few = found["labels"]
    many = replace(
        few, labels=tuple(replace(label, step=1000 * k + label.step) for k in range(6) for label in few.labels)
    )
    for answer, mark in ((few, "point"), (many, "rect")):
        drawn = charts.labels_chart(answer).to_dict()
        assert drawn["layer"][1]["mark"]["type"] == mark
        said = sum(label.verdict == "consistent" for label in answer.labels)
        assert f"Of {len(answer.labels)} labels, {said} consistent" in drawn["title"]["subtitle"][-1]
        low, high = drawn["layer"][0]["encoding"]["color"]["scale"]["domain"]
        largest = max(abs(boundary.gap) for label in answer.labels for boundary in label.boundaries)
        assert largest <= high == -low < 1.6 * largest
        assert f"{high:.2g}" == f"{high:g}"


def test_what_is_no_effect_is_not_called_one(found: dict[str, Any], tmp_path: Path) -> None:
    sure, other = found["counterfactual"]
    parallel = replace(sure, parallel_trends=TrendTest(largest=1.0, p_value=0.01))
    differs = replace(other, parallel_trends=TrendTest(largest=9.0, p_value=0.0099))
    effect = svg_of(charts.counterfactual_chart([parallel]), tmp_path)
    assert "Effect of having been trained on" in effect
    assert "effect (nats" in effect
    assert "NOT parallel" not in effect
    difference = svg_of(charts.counterfactual_chart([parallel, differs]), tmp_path)
    assert "Difference between trained on and not: " in difference
    drawn = charts.counterfactual_chart([parallel, differs]).to_dict()["title"]
    assert drawn["text"][0].startswith("NO EFFECT")
    assert (
        "pocket-230k: parallel (p = 0.01); pocket-660k: NOT parallel, so these are no effects" in drawn["subtitle"][0]
    )
    assert ">effect (" not in difference
    assert ">difference (" in difference


def test_more_than_ten_models_are_told_apart(measured_pocket: Catalog, tmp_path: Path) -> None:
    (whole,) = curves(measured_pocket, [measured_pocket.model("pocket-2m")])
    names = [f"a-model-with-a-rather-long-name-{place}" for place in range(24)]
    many = [replace(whole, model=name) for name in names]
    line = re.compile(r'model: ([^;"]+)[^>]*"line mark"[^>]* stroke="([^"]+)"[^>]*?(?: stroke-dasharray="([^"]+)")?/>')
    for number in (10, 11, 16, 24):
        svg = svg_of(charts.onsets_chart(many[:number]), tmp_path)
        assert all(f">{name}<" in svg for name in names[:number])
        looks = {model: (colour, dashes) for model, colour, dashes in line.findall(svg)}
        assert list(looks) == names[:number]
        assert len(set(looks.values())) == number
        if number == 10:
            assert list(looks.values()) == [(colour, "") for colour in COLOURS]


def test_effects_are_drawn_beside_zero_and_one_by_one(found: dict[str, Any], drawn: dict[str, Any]) -> None:
    profiles, maps = drawn["counterfactual"].to_dict()["vconcat"]
    rows = profiles["layer"][1]["data"]["values"] if "data" in profiles["layer"][1] else profiles["data"]["values"]
    for one, panel in zip(found["counterfactual"], maps["concat"], strict=True):
        points = {row["checkpoints_since"]: row for row in rows if row["model"] == one.model}
        assert sorted(points) == sorted([-1, *(point.checkpoints_since for point in one.profile)])
        assert points[-1]["low"] == points[-1]["effect"] == points[-1]["high"] == 0
        assert all(points[point.checkpoints_since]["high"] == point.high for point in one.profile)
        assert [row["effect"] for row in panel["data"]["values"]] == [effect.effect for effect in one.effects]


def test_possible_steps_are_marked(found: dict[str, Any], drawn: dict[str, Any]) -> None:
    gaps, marks = (layer["data"]["values"] for layer in drawn["labels"].to_dict()["layer"])
    labels = found["labels"].labels
    assert len(gaps) == sum(len(label.boundaries) for label in labels)
    assert [(mark["label"], mark["step"]) for mark in marks] == [
        (label.step, step) for label in labels for step in label.possible
    ]


def test_what_differs_nowhere_is_drawn_too(measured_pocket: Catalog, tmp_path: Path) -> None:
    """Nothing is memorized before step 128."""
    found = counterfactual_profiles(
        measured_pocket, [measured_pocket.model("pocket-230k")], "243582", quantity="memorized"
    )
    save(charts.counterfactual_chart(found), tmp_path / "nothing.svg")
    assert "share" in (tmp_path / "nothing.svg").read_text()
