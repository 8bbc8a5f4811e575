"""Adaptive jobs against exact ones: equal where both measured, the audit's estimate against counting, and nothing lost to a kill.

The pocket suite's smallest model is measured adaptively by a grid of steps 192 and 384, which takes some seconds; that it was
measured exactly elsewhere tells what was missed.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.measuring import measure, plan

from seenat.memorization.adaptive.adaptive_job import coarse_steps, find_adaptive, plan_adaptive, run_adaptive
from seenat.memorization.jobs.runners.local import run_job
from seenat.memorization.jobs.status import find_job, list_jobs
from seenat.memorization.plots.charts import onset_chart
from seenat.memorization.plots.studies import onsets_chart
from seenat.memorization.protocol.protocol import NOT_MEASURED, Protocol
from seenat.memorization.protocol.selection import Selection
from seenat.memorization.queries.export import export_results
from seenat.memorization.queries.onsets import onsets
from seenat.memorization.queries.trajectories import measured_values, trajectory
from seenat.memorization.results.measurements import lists_folder, results_folder
from seenat.memorization.statistics.proportion import clopper_pearson
from seenat.memorization.studies.forgetting import curves
from seenat.memorization.studies.prediction import predictions
from seenat.registry.catalog.catalog import Catalog
from seenat.registry.errors import CorruptFile, InvalidValue, JobFailed, UnknownCheckpoint
from seenat.registry.open import open_catalog
from seenat.registry.schedule import pythia_steps
from seenat.registry.suites.register import register_suite
from seenat.registry.units import SequenceRange

SHORT = Protocol(prompt=8, continuation=8)
LATE = (160, 165, 170, 175, 180, 185, 190, 195, 200)
GRID = (180, 200)
WHOLE = 32


def planned(
    catalog, name="mine-a", protocol=SHORT, *, steps=LATE, sequences=None, coarse=GRID, audit=200, seed=0, **rest
):
    model = catalog.model(name)
    selection = Selection(steps=steps, sequences=sequences or model.order.sequences, **rest)
    return plan_adaptive(catalog, model, protocol, selection, coarse=coarse, audit=audit, seed=seed)


def finished(catalog, *arguments, **options):
    return run_adaptive(
        catalog, planned(catalog, *arguments, **options), lambda job: run_job(catalog, job, device="cpu")
    )


def values_of(catalog, name):
    """All values of a model, `[steps, sequences]`, those that a checkpoint had not seen left out; and the steps."""
    model = catalog.model(name)
    found = measured_values(catalog, model, model.order.sequences)
    values = found.values.copy()
    for row, step in zip(values, found.steps, strict=True):
        row[model.schedule.sequences_seen(step).stop :] = NOT_MEASURED
    return values, found.steps


@dataclass(frozen=True)
class Both:
    """The smallest model of the pocket suite, measured adaptively, and all values of the exact job."""

    catalog: Catalog
    job: Any
    exact: Any
    steps: tuple[int, ...]
    """At which the exact job measured something: all but 0."""

    @property
    def model(self):
        return self.catalog.model("pocket-230k")

    @property
    def refined(self):
        return [self.steps.index(step) for step in self.steps if step not in (192, 384)]

    @property
    def on_grid(self):
        """Whether each sequence was memorized on the grid."""
        return (self.exact[[self.steps.index(192), self.steps.index(384)]] == WHOLE).any(axis=0)


@pytest.fixture(scope="module")
def both(pocket_file, measured_pocket, tmp_path_factory):
    with open_catalog(str(shutil.copy(pocket_file, tmp_path_factory.mktemp("adaptive")))) as catalog:
        steps = catalog.model("pocket-230k").schedule.saved
        job = finished(catalog, "pocket-230k", Protocol(), steps=steps, coarse=None, audit=600, seed=5)
        exact, measured = values_of(measured_pocket, "pocket-230k")
        yield Both(catalog, job, exact[1:], measured[1:])


def test_what_is_measured_is_what_the_exact_job_measures(both):
    values, steps = values_of(both.catalog, "pocket-230k")
    assert steps == both.steps
    known = values != NOT_MEASURED
    assert (values[known] == both.exact[known]).all()
    listed = both.on_grid | np.isin(np.arange(values.shape[1]), both.job.plan.audit.sequences)
    for row, step in enumerate(steps):
        asked = both.exact[row] != NOT_MEASURED
        assert (known[row] == (asked if step in (192, 384) else asked & listed)).all()
    assert both.job.cells == known.sum() == sum(part.progress.measured for part in both.job.parts)
    assert both.job.exact_cells == (both.exact != NOT_MEASURED).sum()
    assert both.job.plan.memorized == both.on_grid.sum()


def test_what_is_memorized_on_the_grid_has_the_trajectory_of_the_exact_job(both, measured_pocket):
    exact = measured_pocket.model("pocket-230k")
    for sequence in np.flatnonzero(both.on_grid)[::25].tolist():
        found = trajectory(both.catalog, both.model, sequence)
        seen = [point for point in trajectory(measured_pocket, exact, sequence).trajectory.points if point.seen]
        assert list(found.trajectory.points) == seen
        assert found.adaptive == ()
    values, _ = values_of(both.catalog, "pocket-230k")
    assert (values[:, both.on_grid] == both.exact[:, both.on_grid]).all()


def test_the_estimate_is_what_counting_the_audit_finds(both):
    memorized = both.exact == WHOLE
    ever = memorized.any(axis=0)
    audit = both.job.plan.audit.sequences
    missed = both.job.plan.missed
    hidden = ever & ~both.on_grid
    assert missed.audited == len(audit) == 600
    assert missed.sequences == 3072
    assert missed.memorized == ever[audit].sum()
    assert missed.missed == hidden[audit].sum() > 0
    assert missed.memorized_cells == memorized[:, audit].sum()
    assert missed.missed_cells == memorized[:, audit[hidden[audit]]].sum()
    assert missed.rate == missed.missed / missed.memorized
    assert missed.rate_interval == clopper_pearson(missed.missed, missed.memorized)
    truth = hidden.sum() / ever.sum()
    assert missed.rate_interval[0] < truth < missed.rate_interval[1]
    assert missed.of_all_interval[0] < hidden.sum() < missed.of_all_interval[1]
    print(
        f"miss rate {missed.rate:.2%} {missed.rate_interval}, truly {truth:.2%}; {missed.of_all:.0f}, truly {hidden.sum()}"
    )


def test_the_interval_holds_for_most_audits(both):
    """Over 400 other draws, by the exact values: at least as often as it says."""
    ever = (both.exact == WHOLE).any(axis=0)
    hidden = ever & ~both.on_grid
    truth = hidden[:3072].sum() / ever[:3072].sum()
    held = []
    for seed in range(400):
        drawn = both.job.plan.selection.draw(both.model.schedule, 600, seed)
        low, high = clopper_pearson(int(hidden[drawn].sum()), int(ever[drawn].sum()))
        held.append(low <= truth <= high)
    assert np.mean(held) > 0.95


def test_shares_at_refined_checkpoints_are_lower_bounds(both, measured_pocket):
    exact = {count.step: count for count in onsets(measured_pocket, measured_pocket.model("pocket-230k")).steps}
    found = onsets(both.catalog, both.model)
    assert [plan.grid_job for plan in found.adaptive] == [both.job.grid.id]
    changes = curves(both.catalog, [both.model])[0]
    assert changes.adaptive == found.adaptive
    for count, change in zip(found.steps, changes.steps, strict=True):
        truth = exact[count.step]
        assert count.asked == change.asked == truth.measured
        assert count.share_at_least == change.share_at_least
        assert count.share_at_least <= truth.share
        if count.step in (192, 384):
            assert count.share == count.share_at_least == truth.share == change.share
        else:
            assert count.share is change.share is None
            assert count.share_at_least == count.memorized / truth.measured
    drawn = {row["step"]: row for row in onset_chart([found]).to_dict()["data"]["values"]}
    assert [step for step, row in drawn.items() if row["known"] == "exact"] == [192, 384]
    assert drawn[320]["share"] == (found.steps[-2].memorized) / 2560
    titles = json.dumps(onsets_chart([changes]).to_dict())
    assert "share of seen sequences memorized, at least" in titles


def test_every_answer_says_what_it_rests_on(both):
    said = {"job": both.job.grid.id, "grid": [192, 384], "memorized_on_grid": int(both.on_grid.sum())}
    alone = next(index for index in range(64) if not both.on_grid[index] and index not in both.job.plan.audit.sequences)
    for answer in (
        onsets(both.catalog, both.model).to_json(),
        curves(both.catalog, [both.model])[0].to_json(),
        predictions(both.catalog, both.model, []).to_json(),
        trajectory(both.catalog, both.model, alone).to_json(),
    ):
        (told,) = answer["adaptive"]
        assert told.items() >= said.items()
        assert told["missed"]["rate"] == both.job.plan.missed.rate
        assert told["missed"]["method"] == "Clopper-Pearson"


def test_an_exact_job_afterwards_measures_the_rest_and_leaves_nothing_to_estimate(both, tmp_path):
    """In a copy: the others look at the adaptive results."""
    folder = tmp_path / "copy"
    path = Path(str(both.catalog.database))
    shutil.copytree(path.parent, folder)
    with open_catalog(str(folder / path.name)) as catalog:
        rest = measure(catalog, "pocket-230k")
        assert rest.progress.measured == both.job.exact_cells - both.job.cells
        assert rest.progress.reused == both.job.cells
        found = onsets(catalog, catalog.model("pocket-230k"))
        assert found.adaptive == ()
        assert all(count.share == count.share_at_least for count in found.steps)
        values, _ = values_of(catalog, "pocket-230k")
        assert (values == both.exact).all()


def test_asking_again_finds_the_same_job_and_measures_nothing(both):
    before = list_jobs(both.catalog)
    again = finished(
        both.catalog, "pocket-230k", Protocol(), steps=both.job.plan.selection.steps, coarse=None, audit=600, seed=5
    )
    assert again == both.job
    assert list_jobs(both.catalog) == before
    for part in both.job.parts:
        assert find_adaptive(both.catalog, part) == both.job


# -- the suite of one's own


def test_a_grid_is_measured_first_and_the_list_is_frozen(mine_catalog):
    first = planned(mine_catalog)
    assert (first.state, first.refinement, first.plan.memorized) == ("pending", None, None)
    assert first.exact_cells == 12 * sum(LATE)
    assert first.grid.selection.steps == GRID
    with pytest.raises(KeyboardInterrupt):
        run_adaptive(mine_catalog, first, interrupted_after(mine_catalog, parts=1))
    between = planned(mine_catalog)
    assert between.grid == find_job(mine_catalog, first.grid.id)
    assert between.grid.state == "done"
    assert between.state == "pending"
    assert between.refinement.progress.done == 0
    listed = between.refinement.selection.listed
    # What other jobs find meanwhile does not change it.
    measure(mine_catalog, "mine-a", SHORT, steps=(170,))
    done = finished(mine_catalog)
    assert done.refinement.id == between.refinement.id
    assert done.refinement.selection.listed == listed
    assert done.state == "done"
    assert done.refinement.progress.reused == int((listed.sequences < 12 * 170).sum())


def interrupted_after(catalog, parts):
    """Run parts of an adaptive job; the one after so many is interrupted before it begins."""
    left = [parts]

    def run(job):
        left[0] -= 1
        if left[0] < 0:
            raise KeyboardInterrupt
        return run_job(catalog, job, device="cpu")

    return run


def test_a_part_that_another_process_measures_is_waited_for(mine_catalog):
    with pytest.raises(JobFailed, match="Job 1 is still being measured by another process; run the same command again"):
        run_adaptive(mine_catalog, planned(mine_catalog), lambda job: job)
    assert len(list_jobs(mine_catalog)) == 1


@pytest.mark.parametrize("damage", ["gone", "changed"])
def test_a_list_that_is_not_what_was_planned_is_never_used_and_made_again(mine_catalog, damage):
    job = planned(mine_catalog)
    with pytest.raises(KeyboardInterrupt):
        run_adaptive(mine_catalog, job, interrupted_after(mine_catalog, parts=1))
    refinement = planned(mine_catalog).refinement
    file = refinement.selection.listed.file
    kept = file.read_bytes()
    file.unlink() if damage == "gone" else file.write_bytes(kept[:-8] + bytes(8))
    with pytest.raises(CorruptFile, match=str(file)):
        run_job(mine_catalog, refinement, device="cpu")
    assert find_job(mine_catalog, refinement.id).progress.measured == 0
    done = finished(mine_catalog)
    assert (done.state, done.refinement.id) == ("done", refinement.id)
    assert file.read_bytes() == kept


def lose_lists(catalog):
    files = {path: path.read_bytes() for path in lists_folder(catalog.database).iterdir()}
    for path in files:
        path.unlink()
    return files


def shares(found):
    return {one.step: (one.asked, one.share, one.share_at_least) for one in found.steps}


def test_answers_do_without_a_list_that_is_lost(mine, catalog, tmp_path):
    register_suite(catalog, mine.manifest)
    job, model = finished(catalog), catalog.model("mine-a")
    before, of_studies = onsets(catalog, model), curves(catalog, [model])
    path = trajectory(catalog, model, 5).to_json()
    files = lose_lists(catalog)
    assert len(files) == 2
    after = onsets(catalog, model)
    # All that was seen is what the job was to measure: as many were left out, whichever they are.
    assert shares(after) == shares(before)
    assert [plan.to_json() for plan in after.adaptive] == [plan.to_json() for plan in before.adaptive]
    assert curves(catalog, [model]) == of_studies
    assert trajectory(catalog, model, 5).to_json() == path
    export_results(catalog, model, tmp_path / "values.parquet")
    told = find_adaptive(catalog, find_job(catalog, job.refinement.id)).to_json()
    assert told["cells"]["asked"] is None
    assert told["cells"]["measured"] == sum(part.progress.measured for part in job.parts)
    again = finished(catalog)
    assert [part.id for part in again.parts] == [part.id for part in job.parts]
    assert (again.cells, again.state) == (job.cells, "done")
    assert {path: path.read_bytes() for path in files} == files


def test_of_a_lost_list_as_much_is_asked_as_it_may_have_been(mine_catalog):
    """Of a range the bound is lower without the list, and never higher."""
    job = finished(mine_catalog, sequences=SequenceRange(0, 900))
    model = mine_catalog.model("mine-a")
    before = shares(onsets(mine_catalog, model))
    lose_lists(mine_catalog)
    after = shares(onsets(mine_catalog, model))
    for step in LATE:
        assert after[step][0] >= before[step][0]
        assert (after[step][1] is None) == (step in job.plan.refined)
        assert after[step][2] <= before[step][2]
    assert after[165][0] > before[165][0] == 900


def test_an_adaptive_job_with_another_seed_or_an_exact_one_needs_no_lost_list(mine_catalog):
    finished(mine_catalog, sequences=SequenceRange(0, 900))
    model = mine_catalog.model("mine-a")
    lose_lists(mine_catalog)
    other = finished(mine_catalog, sequences=SequenceRange(0, 900), seed=7)
    assert other.state == "done"
    assert other.cells is not None
    assert [plan.grid_job for plan in onsets(mine_catalog, model).adaptive] == [1, 3]
    measure(mine_catalog, "mine-a", SHORT, steps=LATE, sequences=SequenceRange(0, 900))
    found = onsets(mine_catalog, model)
    assert found.adaptive == ()
    assert {step: asked for step, (asked, *_) in shares(found).items()} == dict.fromkeys(LATE, 900)


def test_a_block_that_is_lost_with_a_list_is_measured_as_far_as_it_is_known(mine_catalog):
    job = finished(mine_catalog)
    model = mine_catalog.model("mine-a")
    whole = measured_values(mine_catalog, model, model.order.sequences).values
    lose_lists(mine_catalog)
    row = model.schedule.saved.index(165)
    array = next(results_folder(mine_catalog.database).glob("mine-a/*[!s].zarr"))
    (array / "values" / "c" / str(row) / "0").unlink()
    mended = measure(mine_catalog, "mine-a", SHORT, steps=(165,), sequences=SequenceRange(3, 5))
    assert (mended.state, mended.progress.measured) == ("done", 2)
    assert find_job(mine_catalog, job.refinement.id).state == "pending", "nobody knows what it had measured there"
    assert finished(mine_catalog).refinement.id == job.refinement.id
    values = measured_values(mine_catalog, model, model.order.sequences).values
    values[LATE.index(165), 3:5] = whole[LATE.index(165), 3:5]
    np.testing.assert_array_equal(values, whole)


def test_values_that_are_gone_are_not_taken_for_not_memorized(mine_catalog):
    job = planned(mine_catalog)
    run_job(mine_catalog, job.grid, device="cpu")
    block = next(results_folder(mine_catalog.database).glob("mine-a/*[!s].zarr/values/c/*/1"))
    whole = block.read_bytes()
    block.unlink()
    with pytest.raises(CorruptFile, match="cannot be read for the sequences"):
        run_adaptive(mine_catalog, planned(mine_catalog), lambda part: part)
    assert finished(mine_catalog).state == "done"
    assert block.read_bytes() == whole


def test_a_job_over_a_sample_and_the_unseen_on_both_databases(mine, catalog, new_catalog):
    register_suite(catalog, mine.manifest)
    options = {"sequences": SequenceRange(300, 2500), "sample": 900, "seed": 4, "audit": 100, "unseen": True}
    job = finished(catalog, **options)
    exact = new_catalog("exact")
    selection = {"sequences": SequenceRange(300, 2500), "sample": 900, "seed": 0, "unseen": True}
    measure(exact, "mine-a", SHORT, steps=LATE, **selection)
    truth = measured_values(exact, exact.model("mine-a"), SequenceRange(0, 2520)).values
    values = measured_values(catalog, catalog.model("mine-a"), SequenceRange(0, 2520)).values
    known = values != NOT_MEASURED
    assert (values[known] == truth[known]).all()
    memorized = truth == SHORT.continuation
    on_grid = memorized[[LATE.index(step) for step in GRID]].any(axis=0)
    audit = job.plan.audit.sequences
    assert known.all(axis=0).sum() == (on_grid | np.isin(np.arange(2520), audit)).sum()
    assert np.isin(audit, np.flatnonzero((truth != NOT_MEASURED).all(axis=0))).all()
    missed = job.plan.missed
    assert (missed.sequences, missed.audited) == (900, 100)
    assert missed.memorized == memorized[:, audit].any(axis=0).sum()
    assert missed.missed == (memorized.any(axis=0) & ~on_grid)[audit].sum()
    model = catalog.model("mine-a")
    for count in onsets(catalog, model).steps:
        assert count.asked == (truth[0, : 12 * count.step] != NOT_MEASURED).sum()


def test_where_nothing_is_memorized_the_miss_rate_is_unknown(mine_catalog):
    early = finished(mine_catalog, steps=(1, 3, 7), coarse=(7,), audit=84)
    assert early.plan.memorized == 0
    assert early.refinement.selection.listed.count == 84, "the audit's alone"
    missed = early.plan.missed
    assert (missed.memorized, missed.rate, missed.rate_interval, missed.cell_rate) == (0, None, None, None)
    assert missed.of_all == 0
    assert missed.of_all_interval == (0, pytest.approx(84 * (1 - 0.025 ** (1 / 84))))


def interrupt_at(step):
    def progress(now):
        if now.step == step:
            raise KeyboardInterrupt

    return progress


def test_two_adaptive_jobs_and_a_sample_know_what_was_asked_for(mine_catalog, new_catalog):
    """Overlapping: what is asked for at a step is what either would measure, or was measured."""
    finished(mine_catalog, sequences=SequenceRange(0, 1000), audit=50)
    finished(mine_catalog, sequences=SequenceRange(600, 1400), coarse=(165, 200), audit=50)
    measure(mine_catalog, "mine-a", SHORT, steps=LATE, sequences=SequenceRange(1300, 1900), sample=100)
    model = mine_catalog.model("mine-a")
    drawn = plan(mine_catalog, "mine-a", SHORT, steps=LATE, sequences=SequenceRange(1300, 1900), sample=100).selection
    sampled = set(drawn.sequences_in(model.schedule, 200, SequenceRange(0, 2520)).tolist())
    unfinished = plan(mine_catalog, "mine-a", SHORT, steps=(170, 195), sequences=SequenceRange(1900, 2400))
    with pytest.raises(KeyboardInterrupt):
        run_job(mine_catalog, unfinished, device="cpu", progress=interrupt_at(195))
    found = onsets(mine_catalog, model)
    assert len(found.adaptive) == 2
    for count in found.steps:
        beside = range(1900, 2040) if count.step == 170 else ()
        assert count.asked == len(set(range(1400)) | sampled | set(beside))
        exactly = count.step == 200
        assert (count.share is not None) == exactly
    measure(mine_catalog, "mine-a", SHORT, steps=LATE, sequences=SequenceRange(0, 1400))
    assert onsets(mine_catalog, model).adaptive == ()


def test_a_replaced_checkpoint_has_a_bound_until_it_is_refined_again(mine, tmp_path):
    steps = (150, 160, 170, 180)
    copied = mine.copied(tmp_path / "copied", steps)
    with open_catalog(str(tmp_path / "catalog.sqlite")) as catalog:
        register_suite(catalog, copied.manifest)
        finished(catalog, steps=steps, coarse=(150, 180))
        assert onsets(catalog, catalog.model("mine-a")).adaptive
        shutil.rmtree(copied.checkpoint(170))
        shutil.copytree(mine.checkpoint(175), copied.checkpoint(170))
        register_suite(catalog, copied.manifest, replace_changed=True)
        measure(catalog, "mine-a", SHORT, steps=(170,), sample=300)
        (last,) = [count for count in onsets(catalog, catalog.model("mine-a")).steps if count.step == 170]
        assert (last.share, last.asked, last.measured) == (None, 12 * 170, 235)
        again = finished(catalog, steps=steps, coarse=(150, 180))
        assert [plan.refinement_job for plan in onsets(catalog, catalog.model("mine-a")).adaptive] == [
            again.refinement.id
        ]
        (last,) = [count for count in onsets(catalog, catalog.model("mine-a")).steps if count.step == 170]
        assert last.share is None
        assert last.asked == 12 * 170


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({"coarse": (160, 180)}, InvalidValue, "must have the last step, 200"),
        ({"coarse": (150, 200)}, InvalidValue, "Step 150 of the grid is not among the steps to measure"),
        ({"coarse": LATE}, InvalidValue, "A grid of 9 checkpoints has all that are chosen"),
        ({"coarse": 0}, InvalidValue, "A grid of 0 checkpoints finds nothing"),
        ({"steps": (200,), "coarse": None}, InvalidValue, "A grid of 1 checkpoint"),
        ({"audit": 0}, InvalidValue, "An audit of 0 cannot be drawn from 2400 sequences; choose 1 to 2400"),
        ({"audit": 2401}, InvalidValue, "An audit of 2401 cannot be drawn"),
        ({"sequences": SequenceRange(2400, 2520)}, InvalidValue, "Nothing is asked for"),
        ({"steps": (8, 200)}, UnknownCheckpoint, "no checkpoint at step 8"),
    ],
)
def test_what_cannot_be_planned_is_refused(mine_catalog, options, error, said):
    with pytest.raises(error, match=said):
        planned(mine_catalog, **options)
    assert list_jobs(mine_catalog) == ()


def test_a_measure_by_which_nothing_is_memorized_is_refused(mine_catalog):
    with pytest.raises(
        InvalidValue, match="By loss nothing is memorized that a grid could find; go without --adaptive"
    ):
        planned(mine_catalog, protocol=Protocol(measure="loss", eos="allowed"))


def test_the_grid_of_pythia_looks_at_even_distances():
    grid = coarse_steps(pythia_steps(), 19)
    assert len(grid) == 19
    assert grid[-1] == 143_000
    assert grid[0] == 8000
    assert set(np.diff(grid)) == {7000, 8000}
    assert coarse_steps((0, 10, 11, 12), 3) == (0, 10, 12)
    assert coarse_steps((5,), 4) == (5,)


def test_all_of_pythia_is_planned_in_seconds(mine_catalog):
    began = time.perf_counter()
    job = planned(mine_catalog, "pythia-70m", Protocol(), steps=pythia_steps(), coarse=None, audit=None)
    seconds = time.perf_counter() - began
    assert len(job.grid.selection.steps) == 19
    assert job.plan.audit.count == 146_432
    assert job.exact_cells == 1024 * sum(pythia_steps())
    at_two_percent = job.cells + 0.02 * job.refined_cells_of_all
    print(
        f"planned in {seconds:.1f} s; {at_two_percent / job.exact_cells:.1%} of the cells if 2 % are memorized on the grid"
    )
    assert at_two_percent < 0.17 * job.exact_cells
    assert seconds < 30


# -- kills

FORKS = """
import json, os, signal, sys, traceback
import torch
from transformers import GPTNeoXForCausalLM
from seenat.memorization.adaptive.adaptive_job import plan_adaptive, run_adaptive
from seenat.memorization.protocol.protocol import Protocol
from seenat.memorization.jobs.runners.local import run_job
from seenat.memorization.protocol.selection import Selection
from seenat.registry.catalog.catalog import Catalog
from seenat.registry.open import open_catalog

torch.set_num_threads(1)

def work(path, steps, grid, syncs):
    sync, left = os.fsync, [syncs]

    def counted(descriptor):
        left[0] -= 1
        if not left[0]:
            os.kill(os.getpid(), signal.SIGKILL)
        sync(descriptor)

    os.fsync = counted
    with open_catalog(path) as catalog:
        model = catalog.model("mine-a")
        selection = Selection(steps=tuple(steps), sequences=model.order.sequences)
        job = plan_adaptive(catalog, model, Protocol(prompt=8, continuation=8), selection, coarse=tuple(grid), audit=200)
        run_adaptive(catalog, job, lambda part: run_job(catalog, part, device="cpu"))

path, steps, grid = json.loads(sys.argv[1])
kills = 0
while True:
    pid = os.fork()
    if not pid:
        try:
            work(path, steps, grid, 1 + kills)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if status != -signal.SIGKILL:
        break
    kills += 1
print(json.dumps([status, kills]))
"""


def test_a_job_killed_at_syncs_all_over_ends_as_an_undisturbed_one(new_catalog, committed):
    """The list's file, the array's files and their folders, over and over, until there is nothing left to kill."""
    killed, undisturbed, steps = new_catalog("killed"), new_catalog("undisturbed"), (180, 190, 200)
    asked = json.dumps([str(killed.database), steps, [200]])
    done = subprocess.run(
        [sys.executable, "-c", FORKS, asked],
        check=True,
        capture_output=True,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    status, kills = json.loads(done.stdout)
    assert status == 0, done.stderr
    assert kills > 8
    print(f"killed {kills} times")
    expected = finished(undisturbed, steps=steps, coarse=(200,))
    found = planned(killed, steps=steps, coarse=(200,))
    assert found.state == "done"
    assert found.plan.missed == expected.plan.missed
    assert replace(found.plan.audit, folder=expected.plan.audit.folder) == expected.plan.audit
    assert found.refinement.selection.listed.digest == expected.refinement.selection.listed.digest
    assert committed(killed, "mine-a", SHORT) == committed(undisturbed, "mine-a", SHORT)
