"""Jobs measure checkpoints that can be trusted, and others only when they are asked to, or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from seenat.memorization.jobs.plan import plan_job
from seenat.memorization.jobs.plan_checks import runnable_steps
from seenat.memorization.jobs.status import Job
from seenat.memorization.protocol.protocol import Protocol
from seenat.memorization.protocol.selection import Selection
from seenat.registry.catalog.catalog import Catalog
from seenat.registry.catalog.models import Model
from seenat.registry.catalog.status import Evidence
from seenat.registry.errors import InvalidValue, UnknownCheckpoint
from seenat.registry.integrity.evidence import AUDIT, replace_evidence
from seenat.registry.suites.register import register_suite
from seenat.registry.units import SequenceRange

WRONG, MISSING, SUSPECT = 32, 64, 128


@pytest.fixture
def judged(sqlite_catalog: Catalog, pocket_manifest: Path) -> Catalog:
    """A catalog whose smallest pocket model has a checkpoint of each kind that is refused."""
    register_suite(sqlite_catalog, pocket_manifest)
    model = sqlite_catalog.model("pocket-230k")
    found = {
        model.checkpoint(step).id: [Evidence(kind="audit", status=status, statement=f"It is {status} here.", source=AUDIT)]
        for step, status in ((WRONG, "wrong"), (MISSING, "missing"), (SUSPECT, "suspect"))
    }  # fmt: skip
    with sqlite_catalog.database.write() as connection:
        replace_evidence(connection, AUDIT, found)
    return sqlite_catalog


def plan(catalog: Catalog, *steps: int, allow_suspect: bool = False) -> Job:
    model: Model = catalog.model("pocket-230k")
    selection = Selection(steps=steps, sequences=model.order.sequences)
    return plan_job(catalog, model, Protocol(eos_id=0), selection, allow_suspect=allow_suspect)


@pytest.mark.parametrize("allow_suspect", [False, True])
@pytest.mark.parametrize(("step", "status"), [(WRONG, "wrong"), (MISSING, "missing")])
def test_wrong_and_missing_checkpoints_are_never_measured(
    judged: Catalog, step: int, status: str, allow_suspect: bool
) -> None:
    with pytest.raises(UnknownCheckpoint) as refused:
        plan(judged, 16, step, allow_suspect=allow_suspect)
    saved = judged.model("pocket-230k").schedule.saved
    below = max(one for one in saved if one < WRONG)
    above = min(one for one in saved if one > MISSING and (allow_suspect or one != SUSPECT))
    assert str(refused.value) == (
        f"pocket-230k at step {step} is {status}: It is {status} here (seenat audit); measure {below} or {above}, "
        f"between which batches {below} to {above - 1} were trained on."
    )
    assert refused.value.nearest == (below, above)


def test_suspect_checkpoints_are_measured_on_request(judged: Catalog) -> None:
    with pytest.raises(UnknownCheckpoint, match=r"is suspect: .*, or measure it all the same with --allow-suspect"):
        plan(judged, SUSPECT)
    assert plan(judged, SUSPECT, allow_suspect=True).selection.steps == (SUSPECT,)


def test_all_steps_are_those_that_can_be_trusted(judged: Catalog) -> None:
    model = judged.model("pocket-230k")
    every = {one.step for one in model.checkpoints}
    steps, left_out = runnable_steps(model)
    assert set(steps) == every - {WRONG, MISSING, SUSPECT}
    assert [one.step for one in left_out] == [WRONG, MISSING, SUSPECT]
    steps, left_out = runnable_steps(model, allow_suspect=True)
    assert set(steps) == every - {WRONG, MISSING}
    assert [one.reason for one in left_out] == ["It is wrong here.", "It is missing here."]
    assert plan(judged, *steps, allow_suspect=True).selection.steps == steps


def test_a_model_without_faults_is_measured_whole(judged: Catalog) -> None:
    model = judged.model("pocket-2m")
    assert runnable_steps(model) == (model.schedule.saved, ())


def test_sequences_that_were_altered_for_a_model_are_not_measured_as_what_it_saw(sqlite_catalog: Catalog) -> None:
    model = sqlite_catalog.model("pythia-intervention-70m-deduped")
    with pytest.raises(InvalidValue, match=f"ask for --sequences 0:{133_000 * 1024}"):
        plan_job(sqlite_catalog, model, Protocol(), Selection(steps=(143_000,), sequences=model.order.sequences))
    asked = Selection(steps=(143_000,), sequences=SequenceRange(0, 133_000 * 1024), sample=10)
    assert plan_job(sqlite_catalog, model, Protocol(), asked).progress.shards == 10
