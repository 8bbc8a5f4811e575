"""Importing evaluations: small files for what becomes of a file. About 10 seconds for both databases."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from sqlalchemy import update
from support.evaluations import imported, model, quarantined, record, stored_values
from support.published import hub_run, neox_run, newer_run, numbers, write_json

from seenat.registry.catalog.catalog import Catalog
from seenat.registry.catalog.models import AliasSpec
from seenat.registry.catalog.specs import ModelSpec
from seenat.registry.database.tables.imports import evaluation_files
from seenat.registry.errors import InvalidValue
from seenat.registry.evaluations.duplicate_runs import COINCIDENCE_SOURCE
from seenat.registry.evaluations.importer import import_evaluations
from seenat.registry.evaluations.query import benchmarks
from seenat.registry.schedule import Schedule

# -- models and steps


def test_steps_and_labels_of_the_first_release(small: Catalog, evals: Path) -> None:
    """A run within GPT-NeoX counts updates; a revision's label is twice that; an ablation's steps are its own."""
    v0 = evals / "pythia-v0" / "pythia-9m" / "zero-shot"
    write_json(v0 / "pythia-9m-0shot-global_step1500_eval_results_12-30-2022-23-06-34.json", neox_run(1500, numbers(1)))
    write_json(evals / "hub" / "a.json", hub_run("EleutherAI/pythia-9m-v0", 3000, numbers(2)))
    write_json(evals / "hub" / "odd.json", hub_run("EleutherAI/pythia-9m-v0", 3001, numbers(3)))
    write_json(evals / "hub" / "beyond.json", hub_run("EleutherAI/pythia-9m", 572_000, numbers(4)))
    ablation = hub_run("EleutherAI/pythia-v1.1-9m-0.5MtokBS", 572_000, numbers(5), shots=5)
    write_json(evals / "pythia-v1" / "pythia-9m-0.5MtokBS" / "9m-0.5MtokBS_step572000.json", ablation)
    assert sorted(imported(small, evals).values()) == [
        ("pythia-9m-0.5MtokBS", 572_000),
        ("pythia-9m-v0", 1500),
        ("pythia-9m-v0", 1500),
    ]
    assert quarantined(import_evaluations(small, evals)) == {
        "hub/beyond.json": "pythia-9m has no step 572000: its run goes to 143000",
        "hub/odd.json": "pythia-9m-v0 has no step 3001: its run goes to 143000",
    }


def test_interventions_and_their_baselines_lie_beside_the_model(small: Catalog, evals: Path) -> None:
    folder = evals / "pythia-v1" / "pythia-9m"
    other = hub_run("EleutherAI/intervention-pythia-v1.1-9m", 134_000, numbers(1))
    own = hub_run("EleutherAI/pythia-v1.1-9m", 134_000, numbers(2))
    write_json(folder / "intervention" / "intervention-9m_step134000.json", other)
    write_json(folder / "baseline" / "baseline-9m_step134000.json", own)
    write_json(folder / "zero-shot" / "9m_step134000.json", other)
    assert imported(small, evals) == {
        "pythia-v1/pythia-9m/baseline/baseline-9m_step134000.json": ("pythia-9m", 134_000),
        "pythia-v1/pythia-9m/intervention/intervention-9m_step134000.json": ("pythia-intervention-9m", 134_000),
    }
    assert quarantined(import_evaluations(small, evals)) == {
        "pythia-v1/pythia-9m/zero-shot/9m_step134000.json": (
            "it lies in the folder of pythia-9m, but is a run of pythia-intervention-9m"
        )
    }


def test_a_model_that_becomes_known_is_imported_then(small: Catalog, evals: Path) -> None:
    write_json(evals / "a.json", hub_run("EleutherAI/pythia-8m", 1000, numbers(1)))
    assert quarantined(import_evaluations(small, evals)) == {
        "a.json": "the catalog has no model 'EleutherAI/pythia-8m'"
    }
    record(small, model("pythia-8m"), suite="later")
    done = import_evaluations(small, evals)
    assert (done.replaced, done.values, done.quarantined) == (1, 60, ())


def test_a_name_that_meant_several_models_names_none(small: Catalog, evals: Path) -> None:
    record(small, *(
        ModelSpec(
            name=name, order=None, schedule=Schedule(sequences_per_batch=1, steps=9, saved=()),
            aliases=(AliasSpec(name="pythia-7m", valid_until=until),),
        )
        for name, until in (("pythia-old", "2023-01-20"), ("pythia-new", "2023-04-03"))
    ), suite="renamed")  # fmt: skip
    write_json(evals / "a.json", hub_run("EleutherAI/pythia-7m", 9, numbers(1)))
    assert quarantined(import_evaluations(small, evals)) == {
        "a.json": "the catalog has no model 'EleutherAI/pythia-7m'"
    }


def test_a_first_release_below_no_evals_is_the_first_release(small: Catalog, tmp_path: Path) -> None:
    """Import a model's folder alone, then the release's: the same files, and never the model of the second release."""
    name = "pythia-v0/pythia-9m/zero-shot/pythia-9m-0shot-global_step1500_eval_results_12-30-2022-23-06-34.json"
    write_json(tmp_path / name, neox_run(1500, numbers(1)))
    assert imported(small, tmp_path / "pythia-v0" / "pythia-9m") == {name: ("pythia-9m-v0", 1500)}
    again = import_evaluations(small, tmp_path / "pythia-v0" / "pythia-9m" / "..")
    assert (again.added, again.unchanged) == (0, 1)


def test_a_run_whose_release_nothing_says_is_not_guessed(small: Catalog, tmp_path: Path) -> None:
    write_json(tmp_path / "pythia-9m" / "zero-shot" / "a.json", neox_run(1500, numbers(1)))
    write_json(tmp_path / "pythia-9m-0.5MtokBS" / "zero-shot" / "a.json", neox_run(1500, numbers(2)))
    done = import_evaluations(small, tmp_path)
    ((path, reason),) = quarantined(done).items()
    assert path.endswith("pythia-9m/zero-shot/a.json")
    assert reason.startswith("it may be of pythia-9m or of pythia-9m-v0")
    assert done.values == 60


def test_what_was_imported_without_its_release_moves_to_it(small: Catalog, tmp_path: Path) -> None:
    """As an earlier version did, which took the folder of a model for the second release's."""
    name = "pythia-9m/zero-shot/a.json"
    file = write_json(tmp_path / "pythia-v0" / name, neox_run(1500, numbers(1)))
    import_evaluations(small, tmp_path / "pythia-v0")
    with small.database.write() as connection:
        connection.execute(update(evaluation_files).values(path=name, model_id=small.model("pythia-9m").id))
    assert imported(small, file.parent) == {f"pythia-v0/{name}": ("pythia-9m-v0", 1500)}
    assert list(stored_values(small)) == [f"pythia-v0/{name}"]


def test_a_run_of_another_shape_is_not_the_models(sqlite_catalog: Catalog, evals: Path) -> None:
    run = neox_run(1500, numbers(1))
    for layers in (6, 12):
        run["config"]["model_args"] |= {"num_layers": layers, "hidden_size": 512}
        write_json(evals / f"pythia-v0/pythia-70m/zero-shot/{layers}.json", run)
    done = import_evaluations(sqlite_catalog, evals)
    assert quarantined(done) == {
        "pythia-v0/pythia-70m/zero-shot/12.json": "its configuration has 12 layers, and pythia-70m-v0 has 6"
    }


def test_a_model_of_another_owner_is_another_one(sqlite_catalog: Catalog, evals: Path) -> None:
    write_json(evals / "a.json", hub_run("someone/pythia-70m", 3000, numbers(1)))
    write_json(evals / "b.json", hub_run("eleutherai/pythia-70m", 3000, numbers(2)))
    assert quarantined(import_evaluations(sqlite_catalog, evals)) == {
        "a.json": "it measured someone/pythia-70m, and pythia-70m is EleutherAI/pythia-70m: their weights may differ"
    }


def test_a_hub_run_in_the_first_releases_folder_is_of_that_release(small: Catalog, evals: Path) -> None:
    folder = evals / "pythia-v0" / "pythia-9m" / "zero-shot"
    write_json(folder / "own.json", hub_run("EleutherAI/pythia-9m-v0", 3000, numbers(1)))
    write_json(folder / "other.json", hub_run("EleutherAI/pythia-9m", 3000, numbers(2)))
    done = import_evaluations(small, evals)
    assert quarantined(done) == {
        "pythia-v0/pythia-9m/zero-shot/other.json": "it lies in the folder of pythia-9m-v0, but is a run of pythia-9m"
    }


# -- one bad file, and what every database takes


def test_one_bad_file_does_not_end_the_import(catalog: Catalog, evals: Path) -> None:
    good = hub_run("EleutherAI/pythia-70m", 1000, numbers(1))
    write_json(evals / "good.json", good)
    strange = os.fsencode(evals) + b"/\xff\xfe.json"
    write_json(evals / "\\xff\\xfe.json", {})
    Path(os.fsdecode(strange)).write_text(json.dumps(good).replace("step1000", "step2000"))
    huge = (
        json.dumps(good)
        .replace("step1000", "step3000")
        .replace('"results": {', '"results": {"huge": {"acc": 1' + "0" * 400 + "}, ")
    )
    (evals / "huge.json").write_text(huge)
    (evals / "surrogate.json").write_text(
        json.dumps(good).replace("step1000", "step4000").replace('"piqa"', r'"\ud800"')
    )
    deep = evals.joinpath(*(["d" * 200] * 2))
    write_json(deep / "long.json", hub_run("EleutherAI/pythia-70m", 5000, numbers(1)))
    (evals / "large.json").write_bytes(b" " * ((16 << 20) + 1))
    (evals / "digits.json").write_text('{"results": ' + "1" * 5000 + "}")
    (evals / "samples_piqa_1.json").write_text("[]")
    (evals / "secret.json").symlink_to(evals / "nowhere")
    done = import_evaluations(catalog, evals)
    assert (done.files, done.added) == (8, 8)
    assert {path: reason[:20] for path, reason in quarantined(done).items()} == {
        "\\xff\\xfe.json": "it is not a result o",
        "large.json": "it has over 16 MiB, ",
        "digits.json": "it is not a result o",
    }
    paths = {path: len(values) for path, values in stored_values(catalog).items()}
    long = next(path for path in paths if path.endswith("/long.json"))
    strange_path = next(path for path in paths if path.endswith("...\\xff\\xfe.json"))
    assert len(long) <= 300
    assert paths == {"good.json": 60, strange_path: 60, "huge.json": 60, "surrogate.json": 58, long: 60}
    again = import_evaluations(catalog, evals)
    assert (again.added, again.replaced, again.unchanged) == (0, 0, 8)


NEWER = "pretrained=EleutherAI/pythia-9m,revision=step3000"


def test_versions_of_tasks_are_kept_where_they_are_stated(small: Catalog, evals: Path) -> None:
    results = {task: {"acc": 0.5} for task in ("a", "b", "c", "d")}
    odd = {"a": "Yaml", "b": 2, "c": None, "d": "x" * 1000}
    file = write_json(evals / "r.json", newer_run(NEWER, results, dict.fromkeys(results, 0), versions=odd))
    import_evaluations(small, evals)
    found = benchmarks(small, small.model("pythia-9m")).to_json()["results"]
    assert [one.get("version") for one in found] == ["Yaml", "2", None, None]
    write_json(file, newer_run(NEWER, results, dict.fromkeys(results, 0), versions={**odd, "b": 3}))
    assert import_evaluations(small, evals).replaced == 1
    assert benchmarks(small, small.model("pythia-9m"), task="b").values[0].version == "3"


# -- the newer layout


def test_tasks_with_examples_of_their_own(small: Catalog, evals: Path) -> None:
    results = {"piqa": {"acc": 0.5, "acc_stderr": 0.1}, "gsm8k": {"acc": 0.25}}
    file = write_json(evals / "r.json", newer_run(NEWER, results, {"piqa": 0, "gsm8k": 5}))
    done = import_evaluations(small, evals)
    assert (done.files, done.added, done.values, done.quarantined) == (1, 1, 3, ())
    found = benchmarks(small, small.model("pythia-9m"), metric="acc").values
    assert [(one.task, one.metric, one.shots, one.step, one.value, one.error) for one in found] == [
        ("gsm8k", "acc,none", 5, 3000, 0.25, None),
        ("piqa", "acc,none", 0, 3000, 0.5, 0.1),
    ]
    assert [one.version for one in found] == ["1.0", "1.0"]
    assert import_evaluations(small, evals).unchanged == 1
    write_json(file, newer_run(NEWER, results, {"piqa": 0, "gsm8k": 0}))
    done = import_evaluations(small, evals)
    assert (done.added, done.replaced, done.unchanged) == (0, 1, 0)
    assert list(stored_values(small)) == ["r.json"]


def test_later_runs_of_other_tasks_leave_the_earlier_ones(small: Catalog, evals: Path) -> None:
    """The harness writes all runs of a model to one folder."""
    for day, tasks in ((1, ("a", "b")), (2, ("c",)), (3, ("a",)), (4, ("a",))):
        run = newer_run(NEWER, {task: {"acc": day / 10} for task in tasks}, dict.fromkeys(tasks, 0))
        write_json(evals / "EleutherAI__pythia-9m" / f"results_2024-06-0{day}T10-00-00.json", run)
    done = import_evaluations(small, evals)
    (early,) = done.quarantined
    assert early.path.endswith("results_2024-06-03T10-00-00.json")
    found = benchmarks(small, small.model("pythia-9m")).values
    assert [(one.task, one.value, one.repetitions) for one in found] == [
        ("a", 0.4, (0.1,)),
        ("b", 0.1, ()),
        ("c", 0.2, ()),
    ]


# -- again


def test_a_changed_file_is_replaced_in_place(catalog: Catalog, evals: Path) -> None:
    file = write_json(evals / "a.json", hub_run("EleutherAI/pythia-70m", 1000, numbers(1)))
    write_json(evals / "b.json", hub_run("EleutherAI/pythia-70m", 2000, numbers(2)))
    import_evaluations(catalog, evals)
    write_json(file, hub_run("EleutherAI/pythia-70m", 1000, {"piqa": {"acc": 0.25}}))
    done = import_evaluations(catalog, evals)
    assert (done.added, done.replaced, done.unchanged) == (0, 1, 1)
    assert stored_values(catalog)["a.json"] == {("piqa", "acc"): 0.25}
    assert len(stored_values(catalog)["b.json"]) == 60
    file.write_text("{")
    done = import_evaluations(catalog, evals)
    assert (done.replaced, list(quarantined(done))) == (1, ["a.json"])
    assert list(stored_values(catalog)) == ["b.json"]


def test_of_two_runs_of_one_checkpoint_the_later_stays(small: Catalog, evals: Path) -> None:
    """By the time in the name, whose month comes first: December 2022 is before January 2023."""
    folder = evals / "pythia-v0" / "pythia-9m" / "zero-shot"
    name = "pythia-9m-0shot-global_step1500_eval_results_{}.json"
    write_json(folder / name.format("12-31-2022-23-00-00"), neox_run(1500, numbers(1)))
    write_json(folder / name.format("01-02-2023-01-00-00"), neox_run(1500, numbers(2)))
    done = import_evaluations(small, evals)
    (early,) = done.quarantined
    assert early.path.endswith("12-31-2022-23-00-00.json")
    assert early.reason.startswith(f"{name.format('01-02-2023-01-00-00')} beside it is a later run")
    assert done.values == 60


def test_a_part_of_the_folder_is_the_same_files(small: Catalog, evals: Path) -> None:
    write_json(evals / "pythia-v1" / "pythia-9m" / "zero-shot" / "a.json", hub_run("pythia-9m", 1000, numbers(1)))
    import_evaluations(small, evals)
    done = import_evaluations(small, evals / "pythia-v1" / "pythia-9m")
    assert (done.added, done.unchanged) == (0, 1)
    other = write_json(evals.parent / "mine" / "a.json", hub_run("pythia-9m", 2000, numbers(2)))
    assert list(imported(small, other.parent)) == ["pythia-v1/pythia-9m/zero-shot/a.json", "mine/a.json"]


def test_a_folder_without_results_is_refused(small: Catalog, tmp_path: Path) -> None:
    with pytest.raises(InvalidValue, match=r"holds no \.json files"):
        import_evaluations(small, tmp_path)


# -- results that two runs share


def test_two_runs_of_a_checkpoint_that_differ_are_told_and_kept_apart(small: Catalog, evals: Path) -> None:
    folder = evals / "pythia-v1" / "pythia-9m"
    write_json(folder / "zero-shot" / "a.json", hub_run("EleutherAI/pythia-9m", 3000, numbers(1)))
    write_json(folder / "baseline" / "b.json", hub_run("EleutherAI/pythia-9m", 3000, numbers(2)))
    (pair,) = import_evaluations(small, evals).coincidences
    assert (pair.kind, pair.equal, pair.common) == ("contradiction", 0, 60)
    found = benchmarks(small, small.model("pythia-9m"), task="piqa")
    assert [(one.series, one.repetitions) for one in found.values] == [(None, ()), ("baseline", ())]
    (remark,) = found.remarks
    assert remark.statement.startswith(
        "only 0 of 60 results with 0 examples are the same in two runs of pythia-9m at step 3000"
    )
    assert small.model("pythia-9m").checkpoint(3000).status == "unknown"


def test_evidence_goes_when_the_results_are_corrected(small: Catalog, evals: Path) -> None:
    write_json(evals / "a.json", hub_run("EleutherAI/pythia-9m", 3000, numbers(1)))
    other = write_json(evals / "b.json", hub_run("EleutherAI/pythia-intervention-9m", 3000, numbers(1)))
    import_evaluations(small, evals)
    outcome = small.model("pythia-9m").checkpoint(3000)
    assert (outcome.status, outcome.source) == ("suspect", COINCIDENCE_SOURCE)
    (remark,) = benchmarks(small, small.model("pythia-intervention-9m"), task="piqa").remarks
    assert (remark.step, remark.status) == (3000, "suspect")
    write_json(other, hub_run("EleutherAI/pythia-intervention-9m", 3000, numbers(2)))
    import_evaluations(small, evals)
    assert small.model("pythia-9m").checkpoint(3000).status == "unknown"
