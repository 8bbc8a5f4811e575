"""Jobs as stored plans: what was measured once is never measured again, whichever job asks, and nothing is lost or mixed."""

import os
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from seenat.memorization.jobs.plan import plan_job
from seenat.memorization.jobs.runners.local import run_job
from seenat.memorization.jobs.status import failures, find_job, list_jobs
from seenat.memorization.protocol.protocol import NOT_MEASURED, Protocol
from seenat.memorization.protocol.selection import Selection
from seenat.memorization.queries.onsets import onsets
from seenat.memorization.queries.trajectories import measured_values, trajectory
from seenat.registry.errors import (
    InvalidValue,
    NotMeasured,
    UnknownCheckpoint,
    UnknownJob,
    UnknownOrder,
    UnknownSequence,
)
from seenat.registry.open import open_catalog
from seenat.registry.suites.register import register_suite
from seenat.registry.units import SequenceRange

SHORT = Protocol(prompt=8, continuation=8)
LATE = (180, 190, 200)
RUN = """
import sys
from seenat.memorization.jobs.status import find_job
from seenat.memorization.jobs.runners.local import run_job
from seenat.registry.catalog.catalog import Catalog
from seenat.registry.open import open_catalog

print("ready", flush=True)
sys.stdin.readline()
with open_catalog(sys.argv[1]) as catalog:
    print(run_job(catalog, find_job(catalog, int(sys.argv[2])), device="cpu").progress.measured)
"""


class Told:
    """What a job told of its progress."""

    def __init__(self):
        self.last = None

    def __call__(self, advance):
        if self.last is not None:
            assert advance.done >= self.last.done
            assert advance.step >= self.last.step
        assert advance.done <= advance.total
        self.last = advance


def test_cells_that_any_job_has_measured_are_never_computed_again(new_catalog, undisturbed, measured, committed):
    catalog, protocol = new_catalog("many"), undisturbed.protocol
    steps = undisturbed.selection["steps"]
    asked = [
        {"steps": steps[::2], "sequences": SequenceRange(100, 1300)},
        {"steps": steps[1::3], "sequences": SequenceRange(900, 2400)},
        {"steps": steps, "sample": 300, "seed": 5},
        {"steps": steps, "sample": 300, "seed": 6, "unseen": True},
        {"steps": steps},
        undisturbed.selection,
    ]
    known = np.zeros((len(steps), 2520), bool)
    for selection in asked:
        told = Told()
        job = measured(catalog, "mine-a", protocol, progress=told, **selection)
        wanted = np.array(
            [
                np.isin(
                    np.arange(2520),
                    job.selection.sequences_in(catalog.model("mine-a").schedule, step, SequenceRange(0, 2520)),
                )
                if step in selection["steps"]
                else np.zeros(2520, bool)
                for step in steps
            ]
        )
        assert job.progress.measured == told.last.computed == (wanted & ~known).sum()
        assert job.progress.reused == told.last.reused == (wanted & known).sum()
        assert told.last.done == told.last.total == wanted.sum()
        known |= wanted
    assert known.all()
    assert committed(catalog, "mine-a", protocol) == undisturbed.committed


def test_asking_again_finds_the_same_job(mine_catalog, planned, measured):
    first = planned(mine_catalog, "mine-a", SHORT, steps=LATE)
    assert first.state == "pending"
    assert planned(mine_catalog, "mine-a", SHORT, steps=LATE).id == first.id
    finished = measured(mine_catalog, "mine-a", SHORT, steps=LATE)
    assert finished.id == first.id
    assert finished.state == "done"
    assert finished.finished_at is not None
    told = Told()
    assert run_job(mine_catalog, finished, progress=told) == finished
    assert told.last is None
    others = [
        planned(mine_catalog, "mine-a", SHORT, steps=LATE[1:]),
        planned(mine_catalog, "mine-a", SHORT, steps=LATE, unseen=True),
        planned(mine_catalog, "mine-a", Protocol(), steps=LATE),
        planned(mine_catalog, "mine-b", SHORT, steps=LATE),
    ]
    assert [job.id for job in list_jobs(mine_catalog)] == [*(job.id for job in reversed(others)), first.id]
    assert len({job.id for job in others}) == 4


def test_another_protocol_computes_anew_into_an_array_of_its_own(mine_catalog, measured, committed):
    first = measured(mine_catalog, "mine-a", SHORT, steps=LATE)
    before = committed(mine_catalog, "mine-a", SHORT)
    other = Protocol(prompt=8, continuation=8, offset=1)
    second = measured(mine_catalog, "mine-a", other, steps=LATE)
    assert second.progress.measured == first.progress.measured
    assert second.progress.reused == 0
    assert second.measurement.folder != first.measurement.folder
    assert committed(mine_catalog, "mine-a", SHORT) == before
    model = mine_catalog.model("mine-a")
    assert onsets(mine_catalog, model, SHORT.id).protocol == SHORT
    assert onsets(mine_catalog, model, other.id).protocol == other
    with pytest.raises(InvalidValue, match="several protocols; choose one with --protocol"):
        onsets(mine_catalog, model)


def test_two_models_over_one_order_do_not_share_values(mine_catalog, measured):
    measured(mine_catalog, "mine-a", SHORT, steps=LATE)
    assert measured(mine_catalog, "mine-b", SHORT, steps=LATE).progress.reused == 0
    found = [
        measured_values(mine_catalog, mine_catalog.model(name), SequenceRange(0, 2520)).values.tolist()
        for name in ("mine-a", "mine-b")
    ]
    assert found[0] == found[1]


def run_in_processes(catalog, ids):
    """Run a job in as many processes as there are ids, all started at one moment; returns what each has computed."""
    command = [sys.executable, "-c", RUN, str(catalog.database)]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    started = [
        subprocess.Popen(
            [*command, str(id_)], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for id_ in ids
    ]
    for process in started:
        assert process.stdout.readline() == "ready\n"
    for process in started:
        process.stdin.write("\n")
        process.stdin.flush()
    said = [process.communicate(timeout=120)[0] for process in started]
    assert [process.returncode for process in started] == [0] * len(ids)
    return [int(text) for text in said]


def test_two_processes_share_a_job(new_catalog, undisturbed, planned, committed):
    catalog = new_catalog("shared")
    job = planned(catalog, "mine-a", undisturbed.protocol, **undisturbed.selection)
    run_in_processes(catalog, [job.id, job.id])
    finished = find_job(catalog, job.id)
    assert finished.state == "done"
    assert finished.progress.measured == undisturbed.cells
    assert committed(catalog, "mine-a", undisturbed.protocol) == undisturbed.committed


def test_jobs_that_share_blocks_lose_nothing_to_each_other(new_catalog, undisturbed, measured, committed):
    """Each job has a fourth of every block; they run in threads, so that their commits are as close as can be."""
    catalog, protocol = new_catalog("sharing"), undisturbed.protocol
    steps = undisturbed.selection["steps"][-6:]
    parts = [SequenceRange(start, start + 156) for start in range(0, 624, 156)]
    threads = [
        threading.Thread(
            target=measured,
            args=(catalog, "mine-a", protocol),
            kwargs={"steps": steps, "sequences": part, "unseen": True},
        )
        for part in parts
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [job.state for job in list_jobs(catalog)] == ["done"] * 4
    assert sum(job.progress.measured for job in list_jobs(catalog)) == 6 * 624
    found = committed(catalog, "mine-a", protocol)
    files = {name for name in found if name.endswith("/0")}
    assert len(files) == 6
    assert {name: found[name] for name in files} == {name: undisturbed.committed[name] for name in files}
    assert found["blocks"] == [
        row for row in undisturbed.committed["blocks"] if row[:2] in {row[:2] for row in found["blocks"]}
    ]


def test_a_small_job_on_both_databases(mine, catalog, measured, committed, undisturbed):
    register_suite(catalog, mine.manifest)
    protocol, steps = undisturbed.protocol, undisturbed.selection["steps"][-3:]
    job = measured(catalog, "mine-a", protocol, steps=steps, sample=200, seed=1, unseen=True)
    assert job.progress.measured == 600
    job = measured(catalog, "mine-a", protocol, steps=steps, unseen=True)
    assert (job.progress.measured, job.progress.reused, job.state) == (3 * 2520 - 600, 600, "done")
    found = committed(catalog, "mine-a", protocol)
    rows = {row[0] for row in found["blocks"]}
    assert len(rows) == 3
    for name in ("blocks", "batch_counts"):
        assert found[name] == [row for row in undisturbed.committed[name] if row[0] in rows]
    model = catalog.model("mine-a")
    answer = onsets(catalog, model)
    assert [count.step for count in answer.steps] == list(steps)
    assert [count.measured for count in answer.steps] == [12 * step for step in steps]
    assert [count.unseen_measured for count in answer.steps] == [2520 - 12 * step for step in steps]
    assert answer.steps[-1].unseen_memorized == 24
    assert trajectory(catalog, model, answer.sequences[0].sequence).trajectory.onset == answer.sequences[0].onset


@pytest.mark.parametrize(
    ("asked", "error", "said"),
    [
        ({"steps": (200,), "sequences": SequenceRange(2400, 2520)}, InvalidValue, "had seen a sequence of 2400:2520"),
        ({"steps": (0,)}, InvalidValue, "choose later steps, or --unseen"),
        ({"steps": (8,)}, UnknownCheckpoint, "no checkpoint at step 8; the nearest are 7 and 15"),
        ({"steps": (7, 200), "sequences": SequenceRange(0, 2521)}, UnknownSequence, "no sequence 2520"),
    ],
)
def test_plans_that_cannot_be_are_refused(mine_catalog, planned, asked, error, said):
    with pytest.raises(error, match=said):
        planned(mine_catalog, "mine-a", SHORT, **asked)
    assert list_jobs(mine_catalog) == ()


def test_protocols_that_do_not_fit_are_refused(mine_catalog, planned):
    with pytest.raises(InvalidValue, match="reads ids 40 to 99 of a sequence, but the order's sequences have 97"):
        planned(mine_catalog, "mine-a", Protocol(prompt=30, continuation=30, offset=40))
    with pytest.raises(InvalidValue, match="bans id 700, which a vocabulary of 700 does not hold"):
        planned(mine_catalog, "mine-a", Protocol(eos_id=700))
    assert list_jobs(mine_catalog) == ()


def test_models_whose_order_is_not_published_are_refused(mine_catalog):
    model = mine_catalog.model("pythia-14m-seed1")
    with pytest.raises(UnknownOrder, match="training order of pythia-14m-seed1 is not published"):
        plan_job(mine_catalog, model, Protocol(), Selection(steps=(143000,), sequences=SequenceRange(0, 1024)))


def test_all_of_pythia_is_planned_in_seconds(mine_catalog, planned):
    """Every checkpoint over what it had seen: blocks of 65,536 sequences, and of them only what a step needs."""
    began = time.perf_counter()
    job = planned(mine_catalog, "pythia-70m")
    seconds = time.perf_counter() - began
    saved = mine_catalog.model("pythia-70m").schedule.saved
    assert job.progress.shards == sum(-(-1024 * step // 65_536) for step in saved)
    assert seconds < 30
    print(f"{job.progress.shards:,} shards planned in {seconds:.1f} s")


def test_a_job_that_does_not_exist_is_refused(mine_catalog, planned):
    with pytest.raises(UnknownJob, match="There is no job 1; there are none yet"):
        find_job(mine_catalog, 1)
    planned(mine_catalog, "mine-a", SHORT, steps=LATE)
    with pytest.raises(UnknownJob, match="There is no job 7; the last are 1"):
        find_job(mine_catalog, 7)


def test_a_planned_job_has_measured_nothing(mine_catalog, planned):
    job = planned(mine_catalog, "mine-a", SHORT, steps=LATE)
    model = mine_catalog.model("mine-a")
    assert failures(mine_catalog, job) == ()
    assert measured_values(mine_catalog, model, SequenceRange(0, 10)).values.shape == (0, 10)
    for ask in (lambda: onsets(mine_catalog, model), lambda: trajectory(mine_catalog, model, 7)):
        with pytest.raises(NotMeasured, match=r"has (not )?been measured"):
            ask()


def test_a_sample_is_measured_and_nothing_else(mine_catalog, measured):
    job = measured(mine_catalog, "mine-a", SHORT, steps=LATE, sequences=SequenceRange(500, 1900), sample=100, seed=3)
    model = mine_catalog.model("mine-a")
    found = measured_values(mine_catalog, model, SequenceRange(0, 2520))
    drawn = job.selection.sequences_in(model.schedule, 200, SequenceRange(0, 2520))
    for values in found.values:
        assert np.flatnonzero(values != NOT_MEASURED).tolist() == drawn.tolist()
    assert len(drawn) == 100


def test_results_lie_beside_the_catalog_and_go_with_it(new_home, measured, tmp_path):
    """Catalog and results are moved together, and what was measured is still known."""
    path = new_home("old")
    with open_catalog(str(path)) as catalog:
        measured(catalog, "mine-a", SHORT, steps=LATE)
    path.parent.rename(tmp_path / "new")
    with open_catalog(str(tmp_path / "new" / path.name)) as catalog:
        assert measured(catalog, "mine-a", SHORT, steps=LATE[:2]).progress.measured == 0
