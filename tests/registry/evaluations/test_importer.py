"""Importing evaluations: all 672 real files where they lie, and small ones for what becomes of a file.

About 15 seconds for both databases, 5 of them for the real files.
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import func, select, update
from support.published import hub_run, neox_run, newer_run, numbers, write_json

from seenat.registry.catalog.catalog import Catalog
from seenat.registry.catalog.models import AliasSpec
from seenat.registry.catalog.specs import CheckpointSpec, ModelSpec, SuiteSpec
from seenat.registry.database.tables.catalog import checkpoints, evidence, models
from seenat.registry.database.tables.imports import evaluation_files, evaluations
from seenat.registry.errors import InvalidValue, NotMeasured
from seenat.registry.evaluations.duplicate_runs import COINCIDENCE_SOURCE
from seenat.registry.evaluations.importer import EvaluationImport, import_evaluations
from seenat.registry.evaluations.query import benchmarks
from seenat.registry.schedule import Schedule
from seenat.registry.suites.write import write_suite

REAL = Path(__file__).parents[4] / "shared" / "pythia" / "evals"
"""The folder `evals` of EleutherAI/pythia at commit a19eecb, as far as the main models go."""
EARLY = (2, 4, 8, 16, 32, 64, 128, 256, 512)
TWINS = ("pythia-2.8b", "pythia-2.8b-deduped")


def model(name: str, *, labels: int = 1, steps: int = 143_000, aliases: tuple[str, ...] = ()) -> ModelSpec:
    saved = tuple(range(0, steps + 1, steps // 143))
    return ModelSpec(
        name=name,
        order=None,
        schedule=Schedule(sequences_per_batch=1024 * labels, steps=steps, saved=saved, labels_per_step=labels),
        aliases=tuple(AliasSpec(name=alias) for alias in aliases),
        checkpoints=tuple(CheckpointSpec(step=step) for step in saved),
    )


def record(catalog: Catalog, *facts: ModelSpec, suite: str = "small") -> None:
    with catalog.database.write() as connection:
        write_suite(connection, SuiteSpec(name=suite, origin="test", orders=(), models=facts))


@pytest.fixture
def small(sqlite_catalog: Catalog) -> Catalog:
    """A catalog with a model, its namesake of the first release, a batch ablation and an intervention."""
    record(
        sqlite_catalog,
        model("pythia-9m", aliases=("pythia-v1.1-9m",)),
        model("pythia-9m-v0", labels=2, steps=71_500),
        model("pythia-9m-0.5MtokBS", steps=572_000),
        model("pythia-intervention-9m", aliases=("intervention-pythia-v1.1-9m",)),
    )
    return sqlite_catalog


@pytest.fixture
def evals(tmp_path: Path) -> Path:
    return tmp_path / "evals"


def imported(catalog: Catalog, folder: Path) -> dict[str, tuple[str, int]]:
    """The model and step of each imported file, by path."""
    import_evaluations(catalog, folder)
    with catalog.database.read() as connection:
        rows = connection.execute(
            select(evaluation_files, models.c.name).join(models, models.c.id == evaluation_files.c.model_id)
        )
        return {row.path: (row.name, row.step) for row in rows if row.status == "imported"}


def quarantined(done: EvaluationImport) -> dict[str, str]:
    return {one.path: one.reason for one in done.quarantined}


def stored_values(catalog: Catalog) -> dict[str, dict[tuple[str, str], float]]:
    with catalog.database.read() as connection:
        rows = connection.execute(
            select(evaluation_files.c.path, evaluations).join(
                evaluations, evaluations.c.file_id == evaluation_files.c.id
            )
        )
        outcome: dict[str, dict[tuple[str, str], float]] = {}
        for row in rows:
            outcome.setdefault(row.path, {})[row.task, row.metric] = row.value
        return outcome


# -- the real files


@pytest.fixture(scope="module")
def real() -> Path:
    if not REAL.is_dir():
        pytest.skip(f"The evaluations of EleutherAI/pythia are not at {REAL}.")
    return REAL


@pytest.fixture
def real_catalog(catalog: Catalog, real: Path) -> tuple[Catalog, EvaluationImport]:
    began = time.monotonic()
    done = import_evaluations(catalog, real)
    assert time.monotonic() - began < 60
    return catalog, done


def test_the_main_models_give_210048_values_once(real_catalog: tuple[Catalog, EvaluationImport], real: Path) -> None:
    catalog, done = real_catalog
    assert (done.files, done.added, done.values, done.quarantined) == (672, 672, 210_048, ())
    with catalog.database.read() as connection:
        assert connection.execute(select(func.count()).select_from(evaluations)).scalar_one() == 210_048
        before = connection.execute(select(evidence).order_by(evidence.c.id)).all()
    again = import_evaluations(catalog, real)
    assert (again.added, again.replaced, again.unchanged, again.values) == (0, 0, 672, 210_048)
    with catalog.database.read() as connection:
        assert connection.execute(select(func.count()).select_from(evaluations)).scalar_one() == 210_048
        assert connection.execute(select(evidence).order_by(evidence.c.id)).all() == before
    _check_2_8b(catalog, done)
    _check_identities(done)
    _check_known_numbers(catalog, real)


def _check_2_8b(catalog: Catalog, done: EvaluationImport) -> None:
    """Both corpora of 2.8b have one model's results up to step 43000; no other pair has."""
    equal = {(one.first.shots, one.first.step): one.equal for one in done.coincidences if one.kind == "coincidence"}
    assert equal == {
        **{(0, step): 344 for step in (*EARLY, 1000)},
        **dict(zip([(0, 3000), *((0, 10_000 * ten + 3000) for ten in range(1, 5))], (227, 246, 258, 235, 210), strict=True)),
        **dict(zip([(5, 3000), *((5, 10_000 * ten + 3000) for ten in range(1, 5))], (208, 256, 256, 256, 256), strict=True)),
    }  # fmt: skip
    for one in done.coincidences:
        if one.kind == "coincidence":
            assert (one.first.model, one.second.model) == TWINS
            assert one.first.step == one.second.step
    with catalog.database.read() as connection:
        suspect = connection.execute(
            select(models.c.name, checkpoints.c.step)
            .join(checkpoints, checkpoints.c.model_id == models.c.id)
            .join(evidence, evidence.c.checkpoint_id == checkpoints.c.id)
            .where(evidence.c.status == "suspect", evidence.c.source == COINCIDENCE_SOURCE)
        ).all()
    assert {tuple(row) for row in suspect} == {(name, step) for name in TWINS for _, step in equal}
    assert catalog.model("pythia-2.8b-deduped").checkpoint(13_000).status in ("suspect", "wrong")


def test_by_chance_two_runs_share_few_numbers(real: Path) -> None:
    """What `duplicate_runs` says of the main models, 2.8b left out: over all pairs of runs from step 1000 on."""
    runs = [
        (file.parts[-3], json.loads(file.read_bytes())["results"])
        for file in sorted(real.glob("pythia-v1/*/zero-shot/*.json"))
        if int(file.stem.rpartition("step")[2]) >= 1000 and file.parts[-3] not in TWINS
    ]
    numbers_of_runs = [
        {(task, name): value for task, found in results.items() for name, value in found.items()} for _, results in runs
    ]
    table = np.array([[values[key] for key in sorted(numbers_of_runs[0])] for values in numbers_of_runs])
    shared = [int(number) for row in range(len(table)) for number in (table[row] == table[row + 1 :]).sum(axis=1)]
    assert (len(runs), min(shared), max(shared)) == (14 * 16, 0, 46)


def _check_identities(done: EvaluationImport) -> None:
    """Step 1 is step 0 for all 16 models, and both corpora of a size start alike; 1b's were run in two precisions."""
    outcome = [(one.first, one.second) for one in done.coincidences if one.kind == "identity"]
    assert sum(first.model == second.model for first, second in outcome) == 16
    pairs = {(first.model, second.model) for first, second in outcome if first.model != second.model}
    assert pairs == {
        (f"pythia-{size}", f"pythia-{size}-deduped") for size in ("70m", "160m", "410m", "1.4b", "2.8b", "6.9b", "12b")
    }


def _check_known_numbers(catalog: Catalog, real: Path) -> None:
    path = real / "pythia-v1/pythia-1b-bf16/zero-shot/1b-bf16-5shot_step512.json"
    stated = json.loads(path.read_text("utf-8"))["results"]["piqa"]
    outcome = benchmarks(catalog, catalog.model("pythia-1b"), task="piqa", metric="acc", shots=0)
    assert [value.step for value in outcome.values] == [0, 1, *EARLY, 1000, 3000, *range(13_000, 143_001, 10_000)]
    misnamed = next(value for value in outcome.values if value.step == 512)
    assert (misnamed.value, misnamed.error) == (stated["acc"], stated["acc_stderr"])
    assert misnamed.file == "pythia-v1/pythia-1b-bf16/zero-shot/1b-bf16-5shot_step512.json"
    with catalog.database.read() as connection:
        odd = connection.execute(select(evaluation_files.c.path).where(evaluation_files.c.reason.is_not(None))).all()
    assert len(odd) == 4


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
    assert (done.files, done.added) == (7, 7)
    assert {path: reason[:20] for path, reason in quarantined(done).items()} == {
        "large.json": "it has over 16 MiB, ",
        "digits.json": "it is not a result o",
    }
    paths = {path: len(values) for path, values in stored_values(catalog).items()}
    long = next(path for path in paths if path.endswith("/long.json"))
    assert len(long) <= 300
    assert paths == {"good.json": 60, "\\xff\\xfe.json": 60, "huge.json": 60, "surrogate.json": 58, long: 60}
    again = import_evaluations(catalog, evals)
    assert (again.added, again.replaced, again.unchanged) == (0, 0, 7)


# -- the newer layout

NEWER = "pretrained=EleutherAI/pythia-9m,revision=step3000"


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


# -- asking


@pytest.fixture
def asked(small: Catalog, evals: Path) -> Catalog:
    folder = evals / "pythia-v1" / "pythia-9m"
    for step in (1000, 3000):
        write_json(folder / "zero-shot" / f"a_step{step}.json", hub_run("EleutherAI/pythia-9m", step, numbers(step)))
    write_json(folder / "baseline" / "a_step3000.json", hub_run("EleutherAI/pythia-9m", 3000, numbers(4)))
    write_json(folder / "again" / "a_step3000.json", hub_run("EleutherAI/pythia-9m", 3000, numbers(6)))
    write_json(folder / "five-shot" / "a_step3000.json", hub_run("EleutherAI/pythia-9m", 3000, numbers(5), shots=5))
    import_evaluations(small, evals)
    return small


def test_results_by_task_examples_metric_and_step(asked: Catalog) -> None:
    outcome = benchmarks(asked, asked.model("pythia-9m"), task="piqa")
    assert [(one.metric, one.shots, one.step, one.series) for one in outcome.values] == [
        ("acc", 0, 1000, None),
        ("acc", 0, 3000, None),
        ("acc", 0, 3000, "baseline"),
        ("acc", 5, 3000, None),
    ]
    first, second, apart, _ = outcome.values
    assert (first.value, first.error) == tuple(numbers(1000)["piqa"].values())
    assert (second.value, second.error) == tuple(numbers(3000)["piqa"].values())
    assert second.repetitions == (numbers(6)["piqa"]["acc"],)
    assert (apart.value, apart.repetitions) == (numbers(4)["piqa"]["acc"], ())
    assert second.file == "pythia-v1/pythia-9m/zero-shot/a_step3000.json"
    assert first.repetitions == ()


def test_results_are_chosen(asked: Catalog) -> None:
    nine = asked.model("pythia-9m")
    assert len(benchmarks(asked, nine).values) == 30 * 4
    assert len(benchmarks(asked, nine, task="hendrycksTest-*", shots=0).values) == 27 * 3
    assert {one.step for one in benchmarks(asked, nine, metric="acc", shots=5).values} == {3000}


@pytest.mark.parametrize(
    ("chosen", "message"),
    [
        ({"task": "piqua"}, "pythia-9m has no results of a task piqua; there are piqa"),
        ({"metric": "ppl"}, "pythia-9m has no metric ppl there, but acc."),
        ({"shots": 3}, "No benchmark results of pythia-9m with 3 examples"),
    ],
)
def test_what_is_not_there_is_told(asked: Catalog, chosen: dict[str, Any], message: str) -> None:
    with pytest.raises(NotMeasured) as refused:
        benchmarks(asked, asked.model("pythia-9m"), **chosen)
    assert str(refused.value).startswith(message)
