"""Several workers at one job: killed, paused past the end of their leases, cancelled, drained; and what is said of them meanwhile."""

import json
import os
import random
import signal
import socket
import time
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import select
from support.forked_workers import eventually, forked_workers
from support.measuring import measure, plan

import seenat
from seenat.cli.main import seenat as command
from seenat.memorization.jobs.changes import cancel_job, label_jobs
from seenat.memorization.jobs.leasing.owners import Owner
from seenat.memorization.jobs.runners.local import run_job
from seenat.memorization.jobs.runners.worker import Worker
from seenat.memorization.jobs.runners.worker_observer import WorkerObserver
from seenat.memorization.jobs.shard_table import MOST_FAILURES
from seenat.memorization.jobs.status import checkpoint_progress, find_job, list_jobs
from seenat.memorization.protocol.protocol import Protocol
from seenat.memorization.results.measurements import results_folder
from seenat.registry.database.tables.jobs import job_workers, shards
from seenat.registry.database.tables.results import blocks
from seenat.registry.errors import InvalidValue, JobFailed, UnknownJob
from seenat.registry.suites.register import register_suite

SHORT = Protocol(prompt=8, continuation=8)
ONE_SHARD = {"steps": (200,), "sequences": seenat.SequenceRange(0, 624)}
"""Of the suite that is trained for these tests: 624 sequences are a block."""


@pytest.fixture(scope="module")
def process():
    with forked_workers() as workers:
        yield workers


@pytest.fixture
def workers(process):
    yield process
    process.kill_all()


@pytest.fixture
def either(catalog, mine):
    """A catalog of each kind that knows the suite."""
    register_suite(catalog, mine.manifest)
    return catalog


def unrecorded(catalog):
    """Files that only an interrupted commit leaves behind."""
    return [path for path in results_folder(catalog.database).rglob("*") if path.suffix in (".partial", ".before")]


def state(catalog, id_=1):
    return find_job(catalog, id_).state


class Told(WorkerObserver):
    """Does something when it hears for the first time of one thing, and something else of another."""

    def __init__(self, *, progress=lambda: None, waiting=lambda: None):
        self._progress, self._waiting, self.refusals = [progress], [waiting], []

    def progress(self, now):
        if now.computed and self._progress:
            self._progress.pop()()

    def waiting(self):
        if self._waiting:
            self._waiting.pop()()

    def refused(self, job, error):
        self.refusals.append((job.id, str(error)))


def work(catalog, observer=None, **options):
    worker = Worker(catalog, device="cpu", observer=observer or WorkerObserver(), seconds_between_looks=0.05, **options)
    if isinstance(observer, Told):
        observer.worker = worker
    return worker.run()


# -- killed and paused


def test_three_workers_that_are_killed_at_random_end_as_one_undisturbed_run(either, undisturbed, committed, workers):
    """They believe to be on machines of their own, so that only the ends of leases tell who is gone."""
    job = plan(either, "mine-a", undisturbed.protocol, **undisturbed.selection)
    generator = random.Random(3)
    names = iter(f"machine-{number}" for number in range(100))
    running = [workers.start(either, lease=1.5, host=next(names)) for _ in range(3)]
    killed, done = 0, []
    while killed < 6:
        time.sleep(generator.uniform(0.05, 0.3))
        one = running.pop(generator.randrange(3))
        killed += workers.kill(one) == -signal.SIGKILL
        done.append(find_job(either, job.id).progress.done)
        running.append(workers.start(either, lease=1.5, host=next(names)))
    assert [workers.wait(pid) for pid in running] == [0, 0, 0]
    print(f"killed after {done} of {job.progress.shards} shards")
    assert done[0] < job.progress.shards, "it was finished before the first kill"
    finished = find_job(either, job.id)
    assert (finished.state, finished.workers) == ("done", ())
    assert finished.progress.measured == undisturbed.cells
    assert committed(either, "mine-a", undisturbed.protocol) == undisturbed.committed
    assert unrecorded(either) == []


def test_a_paused_worker_whose_lease_passed_to_another_commits_nothing(either, workers, new_catalog, committed):
    job = plan(either, "mine-a", SHORT, **ONE_SHARD)
    slow = workers.start(either, lease=1, host="slow", pauses=True, ends=True)
    eventually(lambda: is_paused(slow))
    assert state(either) == "running"
    eventually(lambda: state(either) == "stalled")
    quick = workers.start(either, lease=60, host="quick", pauses=True)
    eventually(lambda: is_paused(quick))
    os.kill(slow, signal.SIGCONT)
    assert workers.wait(slow) == 0
    with either.database.read() as connection:
        assert connection.execute(select(blocks)).all() == [], "it committed what it had measured under a lost lease"
        row = connection.execute(select(shards)).one()
    assert (row.state, Owner.parse(row.owner).host, row.fence, row.attempts) == ("running", "quick", 2, 2)
    os.kill(quick, signal.SIGCONT)
    assert workers.wait(quick) == 0
    assert find_job(either, job.id).state == "done"
    other = new_catalog("undisturbed")
    measure(other, "mine-a", SHORT, **ONE_SHARD)
    assert committed(either, "mine-a", SHORT) == committed(other, "mine-a", SHORT)


def is_paused(pid):
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"


def test_a_lease_is_renewed_while_a_shard_is_measured(mine_catalog):
    """The shard takes three times as long as its lease, and is this worker's all the time."""
    plan(mine_catalog, "mine-a", SHORT, **ONE_SHARD)
    states = []

    def dawdling():
        for _ in range(9):
            time.sleep(0.2)
            job = find_job(mine_catalog, 1)
            states.append((job.state, job.progress.running))

    assert work(mine_catalog, Told(progress=dawdling), lease_seconds=0.6).shards == 1
    assert states == [("running", 1)] * 9
    with mine_catalog.database.read() as connection:
        assert connection.execute(select(shards.c.attempts, shards.c.fence)).one() == (1, 1)


def test_an_interrupted_worker_gives_back_what_it_holds(mine_catalog):
    plan(mine_catalog, "mine-a", SHORT, **ONE_SHARD)

    def interrupt():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        work(mine_catalog, Told(progress=interrupt))
    with mine_catalog.database.read() as connection:
        assert connection.execute(select(shards.c.state, shards.c.owner, shards.c.measured)).all() == [
            ("pending", None, None)
        ]
        assert connection.execute(select(job_workers)).all() == []


def test_a_worker_does_not_wait_for_a_process_of_its_machine_that_is_gone(mine_catalog, workers):
    plan(mine_catalog, "mine-a", SHORT, **ONE_SHARD)
    pid = workers.start(mine_catalog, pauses=True)
    eventually(lambda: is_paused(pid))
    assert work(mine_catalog, Told(waiting=lambda: workers.kill(pid))).shards == 1


def test_a_shard_whose_workers_die_without_a_word_ends_five_and_no_more(mine_catalog, workers, monkeypatch):
    monkeypatch.setenv("SEENAT_DATABASE_URL", str(mine_catalog.database))
    plan(mine_catalog, "mine-a", SHORT, **ONE_SHARD)
    for _ in range(MOST_FAILURES):
        pid = workers.start(mine_catalog, pauses=True)
        eventually(lambda pid=pid: is_paused(pid))
        workers.kill(pid)
    assert work(mine_catalog).shards == 0
    shown = CliRunner().invoke(command, ["job", "1"], catch_exceptions=False)
    assert "1 failed, of which 1 in quarantine" in shown.stdout
    assert f"Its worker was gone without a word: process {pid} on {socket.gethostname()}" in " ".join(
        shown.stdout.split()
    )
    assert "seenat retry 1" in shown.stderr
    retried = CliRunner().invoke(command, ["retry", "1"], catch_exceptions=False).stdout
    assert retried == "Job 1 is pending; workers that run or come take its 1 shard that is left.\n"
    assert work(mine_catalog).shards == 1


# -- states


def test_a_killed_job_is_not_running(mine_catalog, workers):
    plan(mine_catalog, "mine-a", SHORT, **ONE_SHARD)
    assert state(mine_catalog) == "pending"
    pid = workers.start(mine_catalog, pauses=True)
    eventually(lambda: is_paused(pid))
    job = find_job(mine_catalog, 1)
    assert (job.state, job.progress.running, job.progress.pending) == ("running", 1, 0)
    assert [(row.step, row.running, row.pending) for row in checkpoint_progress(mine_catalog, job)] == [(200, 1, 0)]
    (one,) = job.workers
    assert (one.host, one.pid, one.alive) == (socket.gethostname(), pid, True)
    told = job.to_json()["workers"]
    assert [{key: row[key] for key in ("host", "pid", "alive")} for row in told] == [
        {"host": one.host, "pid": pid, "alive": True}
    ]
    workers.kill(pid)
    job = find_job(mine_catalog, 1)
    assert (job.state, job.progress.running, job.progress.pending) == ("stalled", 0, 1)
    assert [(row.running, row.pending) for row in checkpoint_progress(mine_catalog, job)] == [(0, 1)]
    assert [(worker.pid, worker.alive) for worker in job.workers] == [(pid, False)]
    done = run_job(mine_catalog, job, device="cpu")
    assert (done.state, done.workers, "workers" in done.to_json()) == ("done", (), False)


def test_the_commands_show_who_works(mine_catalog, workers, monkeypatch):
    monkeypatch.setenv("SEENAT_DATABASE_URL", str(mine_catalog.database))
    plan(mine_catalog, "mine-a", SHORT, **ONE_SHARD)
    pid = workers.start(mine_catalog, pauses=True)
    eventually(lambda: is_paused(pid))
    workers.kill(pid)
    shown = CliRunner().invoke(command, ["job", "1"], catch_exceptions=False).stdout
    assert "1, stalled" in shown
    assert f"process {pid} on {socket.gethostname()}, since" in shown
    assert shown.rstrip().endswith("UTC, gone")
    assert f"{socket.gethostname()} {pid}, since" in CliRunner().invoke(command, ["jobs"]).stdout
    assert json.loads(CliRunner().invoke(command, ["jobs", "--json"]).stdout)[0]["state"] == "stalled"


def test_the_names_of_earlier_versions_are_read():
    owner = Owner.parse(f"{socket.gethostname()}:{os.getpid()}")
    assert (owner.is_of_this_process, owner.is_gone) == (True, True)
    assert not Owner.parse("elsewhere:1").is_gone
    new = Owner.new()
    assert Owner.parse(str(new)) == new
    assert len({str(Owner.new()) for _ in range(100)}) == 100


# -- cancelled, waiting, labelled


def test_a_cancelled_job_stops_at_the_next_block_and_is_continued(new_catalog, undisturbed, committed):
    catalog = new_catalog("cancelled")
    job = plan(catalog, "mine-a", undisturbed.protocol, **undisturbed.selection)
    worked = work(catalog, Told(progress=lambda: cancel_job(catalog, job.id)))
    assert (worked.shards, worked.failed) == (1, 0)
    left = find_job(catalog, job.id)
    assert (left.state, left.progress.done, left.progress.running, left.workers) == ("cancelled", 1, 0, ())
    assert left.to_json()["cancelled_at"] == left.cancelled_at
    assert unrecorded(catalog) == []
    assert work(catalog).shards == 0
    with pytest.raises(JobFailed, match="Job 1 was cancelled with 1 of 40 shards done"):
        run_job(catalog, left, device="cpu")
    assert find_job(catalog, job.id).progress.done == 1
    finished = measure(catalog, "mine-a", undisturbed.protocol, **undisturbed.selection)
    assert (finished.id, finished.state, finished.cancelled_at) == (job.id, "done", None)
    assert committed(catalog, "mine-a", undisturbed.protocol) == undisturbed.committed
    assert cancel_job(catalog, job.id).state == "done"
    with pytest.raises(UnknownJob):
        cancel_job(catalog, 99)


def test_a_worker_that_waits_takes_a_job_that_comes_later(mine_catalog):
    told = Told()

    def submit():
        plan(mine_catalog, "mine-a", SHORT, **ONE_SHARD)
        told._waiting.append(told.worker.stop.set)

    told._waiting = [submit]
    assert (work(mine_catalog, told, wait=True).jobs, state(mine_catalog)) == ((1,), "done")


def test_a_worker_of_one_job_leaves_the_others(mine_catalog):
    for steps in ((195,), (200,)):
        plan(mine_catalog, "mine-a", SHORT, steps=steps)
    assert work(mine_catalog, job_ids=(2,)).jobs == (2,)
    assert [job.state for job in list_jobs(mine_catalog)] == ["done", "pending"]
    with pytest.raises(UnknownJob):
        work(mine_catalog, job_ids=(3,))
    assert work(mine_catalog).jobs == (1,)


def test_shards_that_fail_are_left_to_memorize(mine, tmp_path):
    copy = mine.copied(tmp_path / "own", (195, 200))
    with seenat.open(str(tmp_path / "catalog.sqlite")) as catalog:
        catalog.register(copy.manifest)
        options = {"prompt": 8, "continuation": 8, "unseen": True, "name": "first", "note": "of two"}
        submitted = catalog.memorize("mine-a", submit=True, **options).job
        assert (submitted.state, submitted.name, submitted.note) == ("pending", "first", "of two")
        next(copy.checkpoint(195).glob("*.safetensors")).unlink()
        worked = catalog.work(device="cpu")
        assert (worked.shards, worked.failed, worked.stopped) == (5, 5, False)
        assert catalog.job(1).job.state == "failed"
        assert catalog.work(device="cpu").jobs == ()
        with pytest.raises(JobFailed, match="5 of 10 shards"):
            catalog.memorize("mine-a", **options)
        assert {failure.attempts for failure in catalog.job(1).failures} == {2}


def test_names_and_notes(mine_catalog):
    job = plan(mine_catalog, "mine-a", SHORT, **ONE_SHARD)
    assert not {"name", "note", "workers", "cancelled_at"} & job.to_json().keys()
    label_jobs(mine_catalog, [job.id], "a name", None)
    label_jobs(mine_catalog, [job.id], None, "a note")
    assert find_job(mine_catalog, job.id).to_json() == {**job.to_json(), "name": "a name", "note": "a note"}
    facade = seenat.open(str(mine_catalog.database))
    for wrong in ({"name": ""}, {"name": "two\nlines"}, {"name": "x" * 201}, {"note": "x" * 4001}):
        with pytest.raises(InvalidValue):
            facade.memorize("mine-a", **wrong)
    with pytest.raises(InvalidValue, match="cannot be submitted"):
        facade.memorize("mine-a", adaptive=True, submit=True)
    facade.close()


# -- the commands


def test_sigterm_drains_a_worker(mine_catalog, workers, long_undisturbed, committed, tmp_path, monkeypatch):
    monkeypatch.setenv("SEENAT_DATABASE_URL", str(mine_catalog.database))
    job = plan(mine_catalog, "mine-a", long_undisturbed.protocol, **long_undisturbed.selection)
    output = tmp_path / "output"
    pid = workers.start(mine_catalog, args=["worker", "--wait", "--device", "cpu"], output=str(output))
    eventually(lambda: find_job(mine_catalog, job.id).progress.done >= 2)
    os.kill(pid, signal.SIGTERM)
    assert workers.wait(pid) == 0
    left = find_job(mine_catalog, job.id)
    assert left.progress.done < left.progress.shards, "it was done before it was drained"
    assert (left.state, left.progress.running, left.workers) == ("pending", 0, ())
    said = output.read_text()
    assert "Asked to end: the shard that is measured is finished first" in said
    assert f"\n{left.progress.done} shards of job 1 done" in said
    assert said.splitlines()[-1].startswith("See when: seenat onset mine-a")
    assert unrecorded(mine_catalog) == []
    cancelled = CliRunner().invoke(command, ["cancel", "1"], catch_exceptions=False)
    assert cancelled.stdout == f"Job 1 is cancelled; {left.progress.done} of its 150 shards are done, and are kept.\n"
    assert CliRunner().invoke(command, ["worker"], catch_exceptions=False).stdout == "No shard is left to measure.\n"


def test_a_submitted_job_is_measured_by_a_worker(mine_catalog, monkeypatch):
    monkeypatch.setenv("SEENAT_DATABASE_URL", str(mine_catalog.database))
    asked = "memorize mine-a --steps 200 --sequences 0:624 --prompt 8 --continuation 8 --name one --submit"
    planned = CliRunner().invoke(command, asked.split(), catch_exceptions=False)
    assert planned.stdout == "Job 1 of mine-a is planned: 1 shard.\n"
    done = CliRunner().invoke(command, ["worker", "1", "--device", "cpu", "--json"], catch_exceptions=False)
    assert json.loads(done.stdout) == {"jobs": [1], "shards": 1, "values": 624, "failed": 0, "stopped": False}
    assert "Job 1 (one): mine-a" in done.stderr
    finished = CliRunner().invoke(command, ["cancel", "1"], catch_exceptions=False).stdout
    assert finished.startswith("Job 1 was finished at ")
