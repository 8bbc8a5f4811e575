"""Importing all 672 real files where they lie. About 10 seconds for both databases."""

from __future__ import annotations

import json
import time
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import func, select

from seenat.registry.catalog.catalog import Catalog
from seenat.registry.database.tables.catalog import checkpoints, evidence, models
from seenat.registry.database.tables.imports import evaluation_files, evaluations
from seenat.registry.evaluations.duplicate_runs import COINCIDENCE_SOURCE
from seenat.registry.evaluations.importer import EvaluationImport, import_evaluations
from seenat.registry.evaluations.query import benchmarks

REAL = Path(__file__).parents[4] / "shared" / "pythia" / "evals"
"""The folder `evals` of EleutherAI/pythia at commit a19eecb, as far as the main models go."""
EARLY = (2, 4, 8, 16, 32, 64, 128, 256, 512)
TWINS = ("pythia-2.8b", "pythia-2.8b-deduped")


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
