"""One chart a study: what is drawn is what was found, in every format."""

import pytest

from seenat.memorization.plots import save
from seenat.memorization.studies import charts
from seenat.memorization.studies.batches import batch_dispersion
from seenat.memorization.studies.counterfactual import counterfactual_profiles
from seenat.memorization.studies.curves import curves
from seenat.memorization.studies.exposures import exposure_onsets
from seenat.memorization.studies.labels import step_labels
from seenat.memorization.studies.prediction import predictions
from seenat.memorization.studies.sets import memorized_only_by

MODELS = ("pocket-230k", "pocket-660k", "pocket-2m")


@pytest.fixture(scope="module")
def found(measured_pocket, with_losses):
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
def drawn(found):
    return {name: getattr(charts, f"{name}_chart")(answer) for name, answer in found.items()}


CHARTS = ("onsets", "forgetting", "exposures", "dispersion", "predictions", "sets", "counterfactual", "labels")


@pytest.mark.parametrize("name", CHARTS)
def test_every_chart_is_saved_in_every_format(drawn, tmp_path, name):
    for ending in ("svg", "png", "html"):
        save(drawn[name], tmp_path / f"{name}.{ending}")
    svg = (tmp_path / f"{name}.svg").read_text()
    assert svg.startswith("<svg")
    assert any(word in svg for word in ("pocket-2m", "pocket-230k"))
    assert (tmp_path / f"{name}.png").read_bytes().startswith(b"\x89PNG")


def panels(chart):
    return [panel["data"]["values"] for panel in chart.to_dict()["hconcat"]]


def test_curves_show_every_step(found, drawn):
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


def test_predictions_tell_the_target_from_others(found, drawn):
    precision, recall, of_all = panels(drawn["predictions"])
    told = found["predictions"].predictions
    assert [row["precision"] for row in precision] == [one.precision for one in told if one.precision is not None]
    assert [row["recall"] for row in recall] == [one.recall for one in told if one.recall is not None]
    assert {row["model"] for row in of_all} == {"pocket-2m, earlier", "pocket-230k", "pocket-660k"}


def test_other_charts_show_what_was_found(found, drawn):
    rows = drawn["exposures"].to_dict()["data"]["values"]
    assert [(row["model"], row["times"], row["memorized"]) for row in rows] == [
        (one.model, each.times, each.memorized) for one in found["exposures"] for each in one.classes if each.memorized
    ]
    assert all(row["low"] <= row["median"] <= row["high"] <= row["times"] for row in rows)
    diagonal, points = (layer["data"]["values"] for layer in drawn["dispersion"].to_dict()["layer"])
    assert points == [one.to_json() for one in found["dispersion"].dispersion.quantiles]
    assert diagonal[1]["poisson"] == max(max(row["poisson"], row["observed"]) for row in points)
    bars = drawn["sets"].to_dict()["data"]["values"]
    assert [bar["sequences"] for bar in bars] == [found["sets"].never, found["sets"].also, found["sets"].not_measured]


def test_effects_are_drawn_beside_zero_and_one_by_one(found, drawn):
    profiles, maps = drawn["counterfactual"].to_dict()["vconcat"]
    rows = profiles["layer"][1]["data"]["values"] if "data" in profiles["layer"][1] else profiles["data"]["values"]
    for one, panel in zip(found["counterfactual"], maps["hconcat"], strict=True):
        points = {row["checkpoints_since"]: row for row in rows if row["model"] == one.model}
        assert sorted(points) == sorted([-1, *(point.checkpoints_since for point in one.profile)])
        assert points[-1]["low"] == points[-1]["effect"] == points[-1]["high"] == 0
        assert all(points[point.checkpoints_since]["high"] == point.high for point in one.profile)
        assert [row["effect"] for row in panel["data"]["values"]] == [effect.effect for effect in one.effects]


def test_possible_steps_are_marked(found, drawn):
    gaps, marks = (layer["data"]["values"] for layer in drawn["labels"].to_dict()["layer"])
    labels = found["labels"].labels
    assert len(gaps) == sum(len(label.boundaries) for label in labels)
    assert [(mark["label"], mark["step"]) for mark in marks] == [
        (label.step, step) for label in labels for step in label.possible
    ]


def test_what_differs_nowhere_is_drawn_too(measured_pocket, tmp_path):
    """Nothing is memorized before step 128."""
    found = counterfactual_profiles(
        measured_pocket, [measured_pocket.model("pocket-230k")], "243582", quantity="memorized"
    )
    save(charts.counterfactual_chart(found), tmp_path / "nothing.svg")
    assert "share" in (tmp_path / "nothing.svg").read_text()
