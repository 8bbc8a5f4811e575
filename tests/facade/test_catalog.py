"""The catalog's methods, as a program uses them: names or models, ranges as text or values, typed answers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import seenat


def test_models_may_be_named_or_given(pocket: seenat.Catalog) -> None:
    model = pocket.model("pocket-230k")
    assert pocket.model(model) is model
    assert pocket.onsets(model, limit=3) == pocket.onsets("pocket-230k", limit=3)
    assert [entry.name for entry in pocket.models(family="pocket")] == ["pocket-230k", "pocket-660k", "pocket-2m"]
    assert pocket.models(family="pocket").to_json()[0]["order"] == "pocket-order"


def test_memorizing_again_measures_nothing(pocket: seenat.Catalog) -> None:
    sequences = seenat.SequenceRange(0, 1024)
    again = pocket.memorize("pocket-230k", steps=[0, 64, 128, 256, "step384"], sequences=sequences, unseen=True)
    assert (again.job.id, again.job.state, again.adaptive) == (1, "done", None)
    assert [job.id for job in pocket.jobs()][-1] == 1
    assert pocket.job(1).failures == ()


def test_several_lengths_are_a_job_each(pocket: seenat.Catalog) -> None:
    done = pocket.memorize("pocket-230k", steps=[384], sequences="0:8", prompt=[8, 16])
    assert [job.measurement.protocol.prompt for job in done.jobs] == [8, 16]
    assert [entry["protocol"]["prompt"] for entry in done.to_json()] == [8, 16]
    assert pocket.memorize("pocket-230k", steps=384, sequences="0:8", prompt=[8, 16]) == done


def test_observers_hear_of_plans_and_progress(pocket: seenat.Catalog) -> None:
    heard: list[str] = []

    class Observer(seenat.MemorizeObserver):
        def planned(self, job: seenat.Job) -> None:
            heard.append(f"planned {job.model}")

    pocket.memorize(
        "pocket-660k", steps=[1], sequences="0:8", observer=Observer(lambda now: heard.append(str(now.step)))
    )
    assert heard[0] == "planned pocket-660k"
    assert heard[-1] == "1"


def test_what_is_planned_already_is_not_estimated_again(pocket: seenat.Catalog) -> None:
    heard: list[int] = []

    class Observer(seenat.MemorizeObserver):
        def estimated(self, estimate: seenat.Estimate) -> None:
            heard.append(estimate.cells)

    exact = {"steps": [192, 384], "sequences": "0:96", "continuation": 4}
    for options in (exact, {**exact, "adaptive": True, "coarse": 1, "audit": 8}):
        heard.clear()
        first, again = (pocket.memorize("pocket-230k", observer=Observer(), **options) for _ in range(2))  # type: ignore[arg-type]
        assert (len(heard), again) == (1, first)
    assert again.adaptive is not None


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"steps": "some"}, "'some' is not a step"),
        ({"coarse": 3}, "need an adaptive job"),
        ({"adaptive": True, "prompt": [8, 16]}, "one prompt length"),
        ({"sequences": "5"}, "is not a range"),
    ],
)
def test_what_cannot_be_measured_is_refused(pocket: seenat.Catalog, options: dict[str, object], message: str) -> None:
    with pytest.raises(seenat.InvalidValue, match=message):
        pocket.memorize("pocket-230k", **options)  # type: ignore[typeddict-item]


def test_pages_of_sequences(pocket: seenat.Catalog) -> None:
    whole = pocket.which.first("pocket-230k", 384, limit=1000)
    page = pocket.which.first("pocket-230k", 384, limit=2)
    following = pocket.which.first("pocket-230k", 384, limit=2, after=page.next)
    assert page.sequences + following.sequences == whole.sequences[:4]
    assert pocket.which.batches("pocket-230k", 384, "0:4").batches == seenat.BatchRange(0, 4)
    assert pocket.which.kept("pocket-230k", 256).until == 384
    assert pocket.which.relearned("pocket-230k").memorized >= 0


def test_studies_take_one_model_or_several(pocket: seenat.Catalog) -> None:
    (curve,) = pocket.studies.onsets("pocket-230k")
    assert curve == pocket.studies.forgetting(pocket.model("pocket-230k"))[0]
    assert pocket.studies.batches("pocket-230k").step == 384
    with pytest.raises(seenat.NotMeasured):
        pocket.studies.onsets("pocket-230k", "pocket-2m")


def test_files(pocket: seenat.Catalog, tmp_path: Path) -> None:
    totals: list[tuple[int, int]] = []
    written = pocket.export(
        "pocket-230k",
        tmp_path / "values.parquet",
        sequences="0:16",
        progress=lambda done, total: totals.append((done, total)),
    )
    assert totals[-1] == (16, 16)
    assert written.rows == 5 * 16
    answer = pocket.batch("pocket-2m", 3, tokens=True, out=tmp_path / "batch.npy")
    assert answer.tokens is not None
    np.testing.assert_array_equal(np.load(tmp_path / "batch.npy"), answer.tokens)
    assert pocket.export_batches("pocket-2m", tmp_path / "three.npy", batches="0:3").rows == 24
    with pytest.raises(seenat.InvalidValue, match="either the batches or the steps"):
        pocket.export_batches("pocket-2m", tmp_path / "none.npy")


def test_integrity(pocket: seenat.Catalog) -> None:
    (verified,) = pocket.verify("pocket-230k", 64)
    assert (verified.step, verified.faults) == (64, ())
    assert [model.model for model in pocket.audit("pocket-230k").models] == ["pocket-230k"]
    assert {claim.field for claim in pocket.claims("pythia-1b")} >= {"learning_rate"}
    assert [row.status for row in pocket.checkpoints("pocket-230k", statuses=["ok"])] == ["ok"] * 13


def test_a_catalog_that_does_not_exist_yet_is_made(tmp_path: Path) -> None:
    sentences: list[str] = []
    path = str(tmp_path / "new.sqlite")
    with pytest.raises(seenat.StaleSchema):
        seenat.check_schema(path)
    with seenat.open(path, talk=sentences.append) as catalog:
        assert repr(catalog) == f"<seenat catalog {path}>"
    assert len(sentences) == 1
    assert seenat.upgrade(path).changes == ()
    assert seenat.check_schema(path).catalog == path
