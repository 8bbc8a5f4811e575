"""The same job by this process, by processes of this machine, and by a written array of tasks: the same bytes and rows."""

import os
import signal
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from sqlalchemy import select
from support.forked_workers import eventually

import seenat
from seenat.memorization.jobs.runners.processes import WorkerCommand, WorkerProcesses
from seenat.memorization.jobs.runners.slurm import SlurmOptions, write_script
from seenat.memorization.results.measurements import results_folder
from seenat.registry.database.tables.results import batch_counts, blocks, memorized_sequences
from seenat.registry.errors import InvalidValue, JobFailed
from seenat.registry.open import open_catalog

ASKED = {"steps": [50, 200], "prompt": 8, "continuation": [4, 8]}
SBATCH = """#!/bin/bash
# Runs the tasks of an array here, one after the other, each in the background of the one before.
[ "$1" = --parsable ] || exit 2
last=$(sed -n 's/^#SBATCH --array=0-//p' "$2")
for task in $(seq 0 "$last"); do
    SLURM_ARRAY_JOB_ID=77 SLURM_ARRAY_TASK_ID=$task bash "$2" > "$2.$task.log" 2>&1 &
done
wait
echo "77;cluster"
"""


@pytest.fixture
def open_mine(tmp_path, mine, catalog_file):
    """Opens catalogs of their own that know the suite."""

    def opened(name):
        path = tmp_path / f"{name}.sqlite"
        path.write_bytes(catalog_file.read_bytes())
        catalog = seenat.open(str(path))
        catalog.register(mine.manifest)
        catalogs.append(catalog)
        return catalog

    catalogs = []
    yield opened
    for catalog in catalogs:
        catalog.close()


def results(catalog: seenat.Catalog):
    """Bytes of every block, and the rows that follow from them."""
    with open_catalog(str(catalog._registry.database)) as registry, registry.database.read() as connection:
        columns = (blocks.c.measurement_id, blocks.c.array_row, blocks.c.block, blocks.c.digest)
        rows = [list(connection.execute(select(*columns).order_by(*columns)))]
        rows += [
            list(connection.execute(select(table).order_by(*table.primary_key)))
            for table in (batch_counts, memorized_sequences)
        ]
        folder = results_folder(registry.database)
    return rows, {path.relative_to(folder): path.read_bytes() for path in folder.rglob("c/*/*")}


@pytest.fixture
def sbatch(tmp_path, monkeypatch):
    """A stand-in that runs what is submitted."""
    program = tmp_path / "bin" / "sbatch"
    program.parent.mkdir()
    program.write_text(SBATCH)
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    return program


def test_every_runner_gives_the_same(open_mine, sbatch, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    alone, local, cluster = map(open_mine, ("alone", "local", "cluster"))
    alone.memorize("mine-a", **ASKED)
    answer = local.memorize("mine-a", **ASKED, runner="local", workers=2)
    assert [job.state for job in answer.jobs] == ["done", "done"]
    monkeypatch.setenv("SEENAT_DATABASE_URL", str(tmp_path / "cluster.sqlite"))
    cluster.memorize("mine-a", **ASKED, runner="slurm", workers=2, device="cpu")
    assert [job.state for job in cluster.jobs()] == ["done", "done"]
    assert {path.name for path in tmp_path.glob("seenat-1-2.sbatch*")} >= {
        "seenat-1-2.sbatch",
        "seenat-1-2.sbatch.1.log",
    }
    assert results(alone) == results(local) == results(cluster)


def test_a_worker_that_is_killed_is_begun_again(tmp_path):
    began, ended = [], threading.Event()

    def told(event, **facts):
        if event == "worker began":
            began.append(facts["process"])
        elif facts["code"] == 0:
            ended.set()

    environment = {**os.environ, "SEENAT_DATABASE_URL": str(tmp_path / "catalog.sqlite")}
    command = WorkerCommand(options=("--wait",), environment=environment)
    with WorkerProcesses([command], begins_again=lambda code: code < 0, told=told, seconds_until_again=0) as processes:
        eventually(lambda: began)
        os.kill(began[0], signal.SIGKILL)
        eventually(lambda: len(began) == 2)
        assert processes.running == 1
        time.sleep(2)  # Until it reads its stdin.
    assert ended.is_set()
    assert processes.running == 0


def test_workers_that_cannot_work_are_told_in_one_sentence(open_mine, monkeypatch):
    catalog = open_mine("broken")
    monkeypatch.setenv("SEENAT_DEBUG", "0")
    monkeypatch.setattr(
        "seenat.memorization.jobs.runners.processes._WORKER", (sys.executable, "-c", "raise SystemExit('no room')")
    )
    with pytest.raises(JobFailed, match="The workers have ended before the job was done: no room"):
        catalog.memorize("mine-a", **ASKED, runner="local", workers=1)


def test_the_script_says_what_a_cluster_needs(tmp_path):
    script = tmp_path / "job.sbatch"
    environment = {"SEENAT_DATABASE_URL": "postgresql://me@host/seenat", "HF_HOME": "/a b", "OTHER": "x"}
    write_script(script, [3, 4], SlurmOptions(workers=8), environment)
    text = script.read_text()
    for line in ("--array=0-7", "--requeue", "--signal=B:TERM@120", "--open-mode=append", "--gpus-per-task=1"):
        assert f"#SBATCH {line}\n" in text
    assert "export HF_HOME='/a b'\nexport SEENAT_DATABASE_URL=postgresql://me@host/seenat\n" in text
    assert "OTHER" not in text
    assert subprocess.run(["bash", "-n", str(script)], check=False).returncode == 0
    environment = {"SEENAT_DATABASE_URL": "postgresql://me:secret@host/x"}
    write_script(script, [3], SlurmOptions(workers=1, device="cpu"), environment, force=True)
    text = script.read_text()
    assert "secret" not in text
    assert "gpus" not in text
    assert ': "${SEENAT_DATABASE_URL:?set it' in text


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"runner": "ray"}, "There is no runner 'ray'"),
        ({"workers": 2}, "needs a runner"),
        ({"runner": "local", "script": "x"}, "for the runner slurm only"),
        ({"runner": "local", "workers": 1000}, "1000 workers are not between 1 and 256"),
        ({"runner": "slurm", "workers": 2, "adaptive": True, "continuation": 8}, "cannot be submitted"),
        ({"runner": "slurm", "script": "gone/x.sbatch"}, "does not exist"),
    ],
)
def test_what_no_runner_takes_is_refused(open_mine, options, message):
    with pytest.raises(InvalidValue, match=message):
        open_mine("refused").memorize("mine-a", **{**ASKED, **options})


def test_without_slurm_the_script_stays(open_mine, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(JobFailed, match=r"There is no `sbatch` here; submit seenat-1-2.sbatch"):
        open_mine("alone").memorize("mine-a", **ASKED, runner="slurm")
    assert Path("seenat-1-2.sbatch").exists()
