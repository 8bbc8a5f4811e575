"""What the demo says of the pocket suite, against counting, and that it shows what it is there to show."""

from statistics import median, median_low

import numpy as np
import pytest

from seenat.memorization.plots.save import save
from seenat.memorization.pocket.demo import ClassOutcome, demo_chart, often_seen, outcomes
from seenat.memorization.queries.trajectories import measured_values

MODELS = ("pocket-230k", "pocket-660k", "pocket-2m")


@pytest.fixture(scope="module")
def found(measured_pocket):
    return outcomes(measured_pocket, tuple(measured_pocket.model(name) for name in MODELS))


def test_outcomes_are_what_counting_finds(found, measured_pocket):
    assert [(one.model, one.times) for one in found] == [
        (name, times) for name in MODELS for times in (64, 32, 16, 8, 4, 1)
    ]
    for name in MODELS:
        model = measured_pocket.model(name)
        trained = model.schedule.sequences_seen(384)
        rows = [row.tobytes() for row in model.order.source().tokens(trained)]
        values = measured_values(measured_pocket, model, trained)
        for one in (one for one in found if one.model == name):
            firsts = [rows.index(row) for row in set(rows) if rows.count(row) == one.times]
            assert one.sequences == len(firsts) == 512 // one.times
            assert one.steps == model.schedule.saved
            memorized = values.memorized[:, firsts]
            assert one.memorized == tuple(memorized.sum(axis=1))
            at_the_end = memorized[:, memorized[-1]]
            steps = sorted(np.array(one.steps)[at_the_end.argmax(axis=0)].tolist())
            assert list(one.onset_steps) == steps
            assert len(steps) == one.memorized[-1]
            assert one.median_onset == (median_low(steps) if steps else None)


def test_what_the_demo_names_is_seen_so_often(measured_pocket):
    model = measured_pocket.model("pocket-2m")
    words = often_seen(model)
    assert len(words.split()) >= 7
    trained = model.schedule.sequences_seen(384)
    assert sum(words in text for text in model.order.texts(trained)) >= 8
    assert often_seen(model, times=7) is None


def test_of_two_middle_onsets_the_lower_is_the_median():
    outcome = ClassOutcome(model="mine", times=1, sequences=4, steps=(), memorized=(), onset_steps=(1, 2, 3, 4))
    assert outcome.median_onset == 2


def test_larger_models_memorize_more(found):
    totals = [sum(one.memorized[-1] for one in found if one.model == name) for name in MODELS]
    print("distinct sequences memorized at the end:", dict(zip(MODELS, totals, strict=True)))
    assert totals == sorted(totals)
    assert totals[0] < totals[2]
    assert totals[0] > 20


def test_what_is_repeated_more_is_memorized_more_and_earlier(found):
    for name in MODELS:
        mine = [one for one in found if one.model == name]
        shares = [one.memorized[-1] / one.sequences for one in mine]
        # What occurs once is memorized only where it is boilerplate, which says nothing of repetition.
        medians = [one.median_onset for one in mine if len(one.onset_steps) >= 5 and one.times > 1]
        print(name, "share by repetition", [round(share, 2) for share in shares], "median onset", medians)
        assert shares[:5] == sorted(shares[:5], reverse=True)
        assert shares[0] > 0.6
        assert shares[5] < 0.1
        assert medians == sorted(medians)
        assert len(medians) >= 2
        assert median(medians) > 64


def test_the_chart_has_a_panel_a_model_and_a_line_a_class(found, tmp_path):
    chart = demo_chart(found)
    panels = chart.to_dict()["hconcat"]
    assert len(panels) == len(MODELS)
    drawn = [row for panel in panels for row in panel["data"]["values"]]
    assert len(drawn) == 3 * 6 * 13
    assert {row["repeated"] for row in drawn} == {"64x", "32x", "16x", "8x", "4x", "1x"}
    assert all(0 <= row["share"] <= 1 for row in drawn)
    save(chart, tmp_path / "demo.svg")
    text = (tmp_path / "demo.svg").read_text()
    assert all(name in text for name in MODELS)
