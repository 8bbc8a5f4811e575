"""What is taken from the queue, and what is not: pauses, priorities, quarantine, jobs measured together, kinds of devices; and the pace."""

import json
import time

import pytest
from click.testing import CliRunner
from sqlalchemy import select, update
from support.measuring import measure, plan

import seenat
from seenat.cli.main import seenat as command
from seenat.memorization.jobs.changes import pause_job, prioritize_job, resume_job, retry_job
from seenat.memorization.jobs.leasing.worker_table import add_worker
from seenat.memorization.jobs.plan import plan_jobs
from seenat.memorization.jobs.runners.local import run_job
from seenat.memorization.jobs.runners.worker import Worker
from seenat.memorization.jobs.runners.worker_observer import WorkerObserver
from seenat.memorization.jobs.shard_table import MOST_FAILURES
from seenat.memorization.jobs.status import failures, find_job
from seenat.memorization.protocol.protocol import Protocol
from seenat.memorization.protocol.selection import Selection
from seenat.memorization.results.commit import MeasurementStore
from seenat.memorization.results.files.origin import Origin
from seenat.registry.database.tables.jobs import shards
from seenat.registry.database.tables.results import blocks
from seenat.registry.errors import InvalidValue, JobFailed, OutOfMemory

SHORT = Protocol(prompt=8, continuation=8)
BLOCK = 624
"""Sequences of a block of the suite that is trained for these tests."""


class Told(WorkerObserver):
    """Hears what a worker does, and does something when values are first measured."""

    def __init__(self, first=lambda: None):
        self.first, self.jobs, self.refusals, self.measured = first, [], [], 0

    def began(self, job):
        self.jobs.append(job.id)

    def progress(self, now):
        if now.computed and not self.measured:
            self.first()
        self.measured = max(self.measured, now.computed)

    def refused(self, job, error):
        self.refusals.append((job.id, str(error)))


def work(catalog, observer=None, **options):
    return Worker(catalog, device="cpu", observer=observer or Told(), seconds_between_looks=0.05, **options).run()


def asked(*, steps=(200,), blocks=1):
    return {"steps": steps, "sequences": seenat.SequenceRange(0, blocks * BLOCK), "unseen": True}


# -- pause, priority, together


def test_a_paused_job_waits_until_it_is_resumed(mine_catalog):
    plan(mine_catalog, "mine-a", SHORT, **asked(blocks=3))
    assert work(mine_catalog, Told(lambda: pause_job(mine_catalog, 1))).shards == 1
    paused = find_job(mine_catalog, 1)
    assert (paused.state, paused.progress.done, paused.has_ended) == ("paused", 1, False)
    assert work(mine_catalog).shards == 0
    with pytest.raises(JobFailed, match="was paused with 1 of 3 shards done"):
        run_job(mine_catalog, paused, device="cpu")
    assert resume_job(mine_catalog, 1).state == "pending"
    assert work(mine_catalog).shards == 2
    assert pause_job(mine_catalog, 1).state == "done"


def test_a_worker_goes_over_to_a_job_of_greater_priority(mine_catalog):
    """After the shard that it measures, and back again."""
    plan(mine_catalog, "mine-a", SHORT, **asked(blocks=3))

    def come():
        plan(mine_catalog, "mine-a", Protocol(prompt=9, continuation=8), **asked(steps=(195,)))
        prioritize_job(mine_catalog, 2, 1)
        time.sleep(1)  # Ten beats of its heart.

    told = Told(come)
    work(mine_catalog, told, lease_seconds=0.4)
    assert told.jobs == [1, 2, 1]
    assert [find_job(mine_catalog, id_).state for id_ in (1, 2)] == ["done", "done"]
    with pytest.raises(InvalidValue, match="1001 is no priority"):
        prioritize_job(mine_catalog, 1, 1001)


def test_a_worker_measures_several_protocols_together(new_catalog, committed):
    together, apart = new_catalog("together"), new_catalog("apart")
    protocols = [SHORT, Protocol(prompt=8, continuation=4), Protocol(prompt=8, continuation=4, measure="score")]
    for catalog in (together, apart):
        selection = Selection(**asked(blocks=2))
        plan_jobs(catalog, catalog.model("mine-a"), protocols, selection)
    told = Told()
    worked = work(together, told)
    assert told.jobs == [1, 2, 3]
    assert told.measured == 2 * 2 * BLOCK, "both prefixes of a sequence are counted in one run"
    assert (worked.jobs, worked.shards) == ((1, 2, 3), 6)
    for id_ in (1, 2, 3):
        run_job(apart, find_job(apart, id_), device="cpu")
    for protocol in protocols:
        assert committed(together, "mine-a", protocol) == committed(apart, "mine-a", protocol)


# -- quarantine


def test_a_shard_that_ends_its_workers_is_left_alone_until_it_is_asked_for(mine_catalog):
    plan(mine_catalog, "mine-a", SHORT, **asked(blocks=2))
    told = Told()
    told.progress = lambda now: held_block(mine_catalog) == 0 and fail()
    errors = iter([RuntimeError("an illegal address"), *[OutOfMemory("No memory.")] * (MOST_FAILURES - 1)])

    def fail():
        raise next(errors)

    for _ in range(MOST_FAILURES):
        with pytest.raises((RuntimeError, OutOfMemory)):
            work(mine_catalog, told)
    job = find_job(mine_catalog, 1)
    assert (job.state, job.progress.done, job.progress.failed, job.progress.quarantined) == ("failed", 1, 1, 1)
    (shard,) = failures(mine_catalog, job)
    assert (shard.block, shard.times_failed, shard.error) == (
        0,
        MOST_FAILURES,
        "It ended its worker: OutOfMemory: No memory.",
    )
    assert work(mine_catalog, told).shards == 0
    with pytest.raises(JobFailed, match="`seenat retry 1` opens them again"):
        run_job(mine_catalog, job, device="cpu")
    assert retry_job(mine_catalog, 1).progress.pending == 1
    assert (work(mine_catalog).shards, find_job(mine_catalog, 1).state) == (1, "done")


def test_a_checkpoint_that_ends_its_workers_is_left_alone_whole(mine_catalog):
    """Another shard is tried once; when that ends a worker too, no third is."""
    plan(mine_catalog, "mine-a", SHORT, **asked(blocks=3))
    told, held = Told(), []

    def fail(now):
        if now.computed:
            held.append(held_block(mine_catalog))
            raise RuntimeError("an illegal address")

    told.progress = fail
    while find_job(mine_catalog, 1).state != "failed":
        with pytest.raises(RuntimeError):
            work(mine_catalog, told)
    assert held == [0, 1] + [0] * (MOST_FAILURES - 1)
    assert find_job(mine_catalog, 1).progress.quarantined == 3
    assert "Nothing of this checkpoint" in failures(mine_catalog, find_job(mine_catalog, 1))[2].error


def test_a_checkpoint_that_is_not_there_fails_at_every_try(mine, tmp_path):
    copy = mine.copied(tmp_path / "own", (195, 200))
    with seenat.open(str(tmp_path / "catalog.sqlite")) as catalog:
        catalog.register(copy.manifest)
        next(copy.checkpoint(195).glob("*.safetensors")).unlink()
        for _ in range(MOST_FAILURES + 1):
            with pytest.raises(JobFailed):
                catalog.memorize("mine-a", prompt=8, continuation=8, sequences="0:624", unseen=True, device="cpu")
        (shard,) = catalog.job(1).failures
        assert (shard.times_failed, shard.attempts, shard.quarantined_at is None) == (
            MOST_FAILURES,
            MOST_FAILURES,
            False,
        )


def held_block(catalog):
    with catalog.database.read() as connection:
        return connection.execute(select(shards.c.block).where(shards.c.state == "running")).scalar()


# -- kinds of devices


def as_if_by(catalog, device):
    """Let all that is measured come from another kind of device."""
    with catalog.database.write() as connection:
        connection.execute(update(blocks).values(device=device))


def test_a_job_that_keeps_to_one_kind_of_device_refuses_others(mine_catalog):
    facade = seenat.open(str(mine_catalog.database))
    options = {"steps": [200], "prompt": 8, "continuation": 8, "sequences": "0:1872", "unseen": True, "device": "cpu"}
    submitted = facade.memorize("mine-a", submit=True, same_device=True, **options).job
    assert (submitted.same_device, submitted.device) == (True, None)
    work(mine_catalog, Told(lambda: pause_job(mine_catalog, 1)))
    kind = find_job(mine_catalog, 1).device
    assert kind.startswith("cpu ")
    resume_job(mine_catalog, 1)
    as_if_by(mine_catalog, "cuda NVIDIA H200")
    told = Told()
    assert work(mine_catalog, told).shards == 0
    ((_, why),) = told.refusals
    assert f"Job 1 keeps to one kind of device, and its values come from {kind} and cuda NVIDIA H200" in why
    with pytest.raises(InvalidValue, match="keeps to one kind"):
        facade.memorize("mine-a", **options)
    as_if_by(mine_catalog, f"cuda NVIDIA H200; {kind}")
    with pytest.raises(InvalidValue, match=r"comes from cpu .* and cuda NVIDIA H200, so job 1 cannot keep to one"):
        facade.memorize("mine-a", same_device=True, **options)
    as_if_by(mine_catalog, kind)
    assert facade.memorize("mine-a", **options).job.state == "done"
    facade.close()


def test_cells_that_another_kind_of_device_decided_otherwise_are_listed(mine_catalog, monkeypatch):
    monkeypatch.setenv("SEENAT_DATABASE_URL", str(mine_catalog.database))
    job = measure(mine_catalog, "mine-a", SHORT, **asked(steps=(195, 200), blocks=2))
    store = MeasurementStore(mine_catalog.database, mine_catalog.model("mine-a"), job.measurement)
    said = CliRunner().invoke(command, ["recheck", "mine-a"], catch_exceptions=False).stdout
    assert said.endswith("so there is nothing to compare.\n")
    with mine_catalog.database.write() as connection:
        row = next(row for row, step in store.array.steps.items() if step == 200)
        values = store.committed(connection, row, 1).values.copy()
        values[[3, 500]] ^= 1
        store.commit(connection, row, 1, values, Origin(device="cuda NVIDIA H200"))
    store.array.accept(row, 1)
    answer = CliRunner().invoke(command, ["recheck", "mine-a", "--sample", "624", "--json"], catch_exceptions=False)
    found = json.loads(answer.stdout)
    assert (found["others"], found["compared"]) == (["cuda NVIDIA H200"], BLOCK)
    assert [(cell["step"], cell["sequence"], cell["value"]) for cell in found["contested"]] == [
        (200, BLOCK + place, int(values[place])) for place in (3, 500)
    ]
    assert {cell["here"] for cell in found["contested"]} == {int(values[place]) ^ 1 for place in (3, 500)}


# -- pace


def test_the_pace_is_that_of_all_workers_by_what_was_done_of_late(mine_catalog):
    """Two workers since 12:00:00 and 12:01:40; of 16 shards one was done before, and two by 12:03:20."""
    plan(mine_catalog, "mine-a", SHORT, **asked(steps=(190, 195, 200), blocks=4))
    assert find_job(mine_catalog, 1).pace is None
    with mine_catalog.database.write() as connection:
        for owner, began in (("a:1:x", "2026-01-01T12:00:00Z"), ("b:1:x", "2026-01-01T12:01:40Z")):
            add_worker(connection, (1,), owner, began, "2999-01-01T00:00:00.000Z")
        first = connection.execute(select(shards.c.checkpoint_id).limit(1)).scalar_one()
        for block, moment in enumerate(("11:00:00", "12:01:00", "12:03:20")):
            done = {
                "state": "done",
                "measured": 500,
                "reused": 100,
                "seconds": 9,
                "done_at": f"2026-01-01T{moment}.000Z",
            }
            is_shard = (shards.c.block == block, shards.c.checkpoint_id == first)
            connection.execute(update(shards).where(*is_shard).values(**done))
    job = find_job(mine_catalog, 1)
    left = job.progress.pending
    assert job.pace.to_json() == {"workers": 2, "values_per_second": 6.0, "seconds_left": left * 100.0}
    assert find_job(mine_catalog, 1) == job, "it does not change while nothing is done"
