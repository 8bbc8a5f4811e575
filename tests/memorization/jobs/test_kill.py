"""Jobs that are killed with SIGKILL, at random moments and at every place where a file is synced, and interrupted by Ctrl-C.

The killed processes are forked from one that has loaded torch already, so that 20 kills take seconds and not minutes.
"""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from sqlalchemy import update

from seenat.memorization.jobs.leasing.lost_workers import free_dead
from seenat.memorization.jobs.runners.local import run_job
from seenat.memorization.jobs.status import find_job
from seenat.memorization.protocol.protocol import Protocol
from seenat.registry.database.tables.jobs import shards
from seenat.registry.units import SequenceRange

KILLS = 20

FORKS = """
import json, os, select, signal, sys, time, traceback
import torch
from transformers import GPTNeoXForCausalLM
from seenat.memorization.jobs.status import find_job
from seenat.memorization.jobs.runners.local import run_job
from seenat.registry.open import open_catalog

torch.set_num_threads(1)

def work(path, job, pipe, syncs):
    sync, left = os.fsync, [syncs]

    def counted(descriptor):
        left[0] -= 1
        if not left[0]:
            os.kill(os.getpid(), signal.SIGKILL)
        sync(descriptor)

    if syncs:
        os.fsync = counted
    with open_catalog(path) as catalog:
        run_job(catalog, find_job(catalog, job), device="cpu", progress=lambda now: os.write(pipe, b"."))

for line in sys.stdin:
    path, job, age, syncs = json.loads(line)
    reading, writing = os.pipe()
    pid = os.fork()
    if not pid:
        try:
            work(path, job, writing, syncs)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    os.close(writing)
    os.read(reading, 1)
    if age is not None:
        time.sleep(age)
        os.kill(pid, signal.SIGKILL)
    status = os.waitpid(pid, 0)[1]
    os.close(reading)
    print(os.waitstatus_to_exitcode(status), flush=True)
"""


@pytest.fixture(scope="module")
def forked():
    """Run a job in a process of its own, killed at an age in seconds, or at its n-th sync; returns its exit status."""
    with subprocess.Popen(
        [sys.executable, "-c", FORKS],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    ) as process:

        def run(catalog, job, *, age=None, syncs=0):
            process.stdin.write(json.dumps([str(catalog.database), job.id, age, syncs]) + "\n")
            process.stdin.flush()
            return int(process.stdout.readline())

        yield run
        process.stdin.close()


def half_written(catalog):
    """Files that only an interrupted commit leaves behind."""
    folder = Path(str(catalog.database)).parent
    return sorted(path.suffix for path in folder.rglob("*") if path.suffix in (".partial", ".before"))


def forget_failures(catalog, job):
    """Let the shard that was struck come first again: those that cost a worker come last."""
    with catalog.database.write() as connection:
        free_dead(connection, (job.id,))
        connection.execute(update(shards).values(failures=0))


def test_a_job_killed_twenty_times_ends_as_an_undisturbed_one(
    new_catalog, planned, long_undisturbed, committed, forked
):
    killed, generator = new_catalog("killed"), random.Random(20)
    job = planned(killed, "mine-a", long_undisturbed.protocol, **long_undisturbed.selection)
    oldest = min(0.5, long_undisturbed.seconds / KILLS)
    done = []
    for _ in range(KILLS):
        assert forked(killed, job, age=generator.uniform(0, oldest)) == -signal.SIGKILL
        done.append(find_job(killed, job.id).progress.done)
    print(f"{KILLS} kills within {oldest:.2f} s of measuring, after {done} of {job.progress.shards} shards")
    assert done == sorted(done)
    assert len(set(done)) > KILLS // 2
    assert done[-1] < job.progress.shards, "it was finished before the last kill"
    assert forked(killed, job) == 0
    finished = find_job(killed, job.id)
    assert finished.state == "done"
    assert finished.progress.measured == long_undisturbed.cells
    assert committed(killed, "mine-a", long_undisturbed.protocol) == long_undisturbed.committed
    assert half_written(killed) == []


@pytest.mark.parametrize("measure", ["prefix", "loss"])
def test_a_job_killed_at_every_sync_ends_as_an_undisturbed_one(
    new_catalog, planned, measured, committed, forked, measure
):
    undisturbed, killed = new_catalog("undisturbed"), new_catalog("killed")
    protocol = Protocol.default_for(0, measure, prompt=8, continuation=8)
    steps = (120, 160, 200)
    first, second = SequenceRange(0, 800), SequenceRange(500, 2400)
    for catalog in (undisturbed, killed):
        measured(catalog, "mine-a", protocol, steps=steps, sequences=first)
    measured(undisturbed, "mine-a", protocol, steps=steps, sequences=second)
    job = planned(killed, "mine-a", protocol, steps=steps, sequences=second)
    for _ in steps:
        # The second block is written again: old values under a partial name and a name, then the new ones likewise.
        for syncs, left in enumerate(([".partial"], [".before"], [".before", ".partial"], [".before"]), start=1):
            assert forked(killed, job, syncs=syncs) == -signal.SIGKILL
            assert half_written(killed) == left
            forget_failures(killed, job)
        # Two more blocks are written, each by two syncs, before it is the next step's turn, or at last the compaction's.
        assert forked(killed, job, syncs=9) == -signal.SIGKILL
        forget_failures(killed, job)
    assert find_job(killed, job.id).state == "done"
    assert forked(killed, job) == 0
    assert committed(killed, "mine-a", protocol) == committed(undisturbed, "mine-a", protocol)
    assert half_written(killed) == []
    assert find_job(killed, job.id).progress.reused == 3 * 300


def test_ctrl_c_ends_the_command_line_in_one_sentence_and_it_goes_on(new_catalog, planned, measured, committed):
    undisturbed, interrupted, protocol = new_catalog("undisturbed"), new_catalog("interrupted"), Protocol(prompt=8)
    steps = tuple(range(155, 201, 5))  # Enough that it is not finished before it is interrupted.
    measured(undisturbed, "mine-a", protocol, steps=steps)
    chosen = ",".join(map(str, steps))
    command = [sys.executable, "-m", "seenat", "memorize", "mine-a", "--prompt", "8", "--steps", chosen]
    environment = os.environ | {"SEENAT_DATABASE_URL": str(interrupted.database), "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr.readline().startswith("Job 1: mine-a")
        while not find_job(interrupted, 1).progress.done:
            assert process.poll() is None
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        out, talk = process.communicate(timeout=60)
    assert process.returncode == -signal.SIGINT
    assert out == ""
    assert "run the same command to continue" in talk
    assert "Traceback" not in talk
    job = find_job(interrupted, 1)
    assert 0 < job.progress.done < job.progress.shards
    finished = run_job(interrupted, job, device="cpu")
    assert finished.state == "done"
    assert committed(interrupted, "mine-a", protocol) == committed(undisturbed, "mine-a", protocol)
    assert half_written(interrupted) == []
