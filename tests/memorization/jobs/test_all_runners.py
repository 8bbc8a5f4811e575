"""One job by every runner, each alone, and all at once on one PostgreSQL and one bucket: arrays and rows as by one process."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select, text, update
from support.cells import Results, results_of
from support.forked_workers import eventually
from support.postgres import new_database
from support.ray_cluster import asking_for_tokens, ray_cluster

from seenat.memorization.jobs.plan import plan_jobs
from seenat.memorization.jobs.runners.local import run_jobs
from seenat.memorization.jobs.status import list_jobs
from seenat.memorization.protocol.protocol import Protocol
from seenat.memorization.protocol.selection import Selection
from seenat.registry.catalog.catalog import Catalog
from seenat.registry.database.clock import stamp
from seenat.registry.database.tables.jobs import job_workers, shards
from seenat.registry.open import open_catalog
from seenat.registry.suites.register import register_suite
from seenat.registry.units import SequenceRange

NAME = "pocket-230k"
PROTOCOLS = [Protocol(prompt=12, continuation=length) for length in (4, 8)]
STEPS = (256, 320, 384)
ASKED = ["--steps", "256,320,384", "--sequences", "0:2560", "--prompt", "12", "--continuation", "4,8"]
RUNNERS = {
    "local": ["--runner", "local", "--workers", "2", "--device", "cpu"],
    "ray": ["--runner", "ray", "--workers", "2", "--device", "cpu"],
    "slurm": ["--runner", "slurm", "--workers", "1", "--device", "cpu"],
}
Committed = Callable[..., dict[str, Any]]
SBATCH = """#!/bin/bash
# Begins the tasks of an array here.
[ "$1" = --parsable ] || exit 2
last=$(sed -n 's/^#SBATCH --array=0-//p' "$2")
for task in $(seq 0 "$last"); do
    SLURM_ARRAY_JOB_ID=77 SLURM_ARRAY_TASK_ID=$task setsid bash "$2" > "$2.$task.log" 2>&1 < /dev/null &
done
echo "77;cluster"
"""


@pytest.fixture
def environment(tmp_path: Path, bucket_url: str) -> dict[str, str]:
    """Of processes that have a stand-in for Slurm, whose Ray asks for a token, and that reach the bucket."""
    program = tmp_path / "bin" / "sbatch"
    program.parent.mkdir()
    program.write_text(SBATCH)
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return {
        **os.environ,
        "PATH": f"{program.parent}:{os.environ['PATH']}",
        **asking_for_tokens(),
    }


def begin(
    catalog: Catalog, runner: str, environment: dict[str, str], folder: Path, *more: str
) -> subprocess.Popen[str]:
    """`seenat memorize` by a runner, in a folder of its own."""
    (folder / runner).mkdir(parents=True)
    url = catalog.database.url.render_as_string(hide_password=False)
    return subprocess.Popen(
        [sys.executable, "-m", "seenat", "memorize", NAME, *ASKED, *RUNNERS[runner], *more],
        env=environment | {"SEENAT_DATABASE_URL": url},
        cwd=folder / runner,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def end(catalog: Catalog, *processes: subprocess.Popen[str]) -> None:
    """Wait until they have ended, and what Slurm was given has too."""
    for process in processes:
        said, _ = process.communicate(timeout=240)
        assert process.returncode == 0, said
    eventually(lambda: all(job.state == "done" and not job.workers for job in list_jobs(catalog)), 240)


def hold_all(catalog: Catalog, until: str) -> None:
    """Let a worker of another machine hold every shard until then."""
    with catalog.database.write() as connection:
        values = {"state": "running", "owner": "elsewhere:1:place-random", "lease_until": until}
        connection.execute(update(shards).values(values))


def connected(catalog: Catalog) -> int:
    """How many others are connected to the catalog."""
    is_other = "datname = current_database() AND pid <> pg_backend_pid()"
    with catalog.database.read() as connection:
        return int(connection.execute(text(f"SELECT count(*) FROM pg_stat_activity WHERE {is_other}")).scalar_one())


def test_every_runner_and_all_at_once_give_what_one_process_gives(
    pocket_file: Path,
    pocket_manifest: Path,
    catalog_database: str,
    postgres: str,
    environment: dict[str, str],
    bucket_url: str,
    committed: Committed,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    expected, cells = None, []
    for runner in ("alone", *RUNNERS):
        with open_catalog(str(shutil.copy(pocket_file, tmp_path / f"{runner}.sqlite"))) as catalog:
            if runner == "alone":
                measure_alone(catalog)
                expected, cells = results(catalog, committed), cells_of(catalog)
                continue
            end(catalog, begin(catalog, runner, environment, tmp_path))
            assert results(catalog, committed) == expected, runner
    with new_database(postgres, catalog_database) as url, open_catalog(url) as catalog:
        register_suite(catalog, pocket_manifest)
        monkeypatch.setenv("SEENAT_RESULTS", bucket_url)
        all_at_once(catalog, environment | {"SEENAT_RESULTS": bucket_url}, tmp_path / "all")
        assert all((job.measurement.store or "").startswith(f"{bucket_url}/") for job in list_jobs(catalog))
        for found, right in zip(cells_of(catalog), cells, strict=True):
            assert not found.difference(right)


def measure_alone(catalog: Catalog) -> None:
    asked = Selection(steps=STEPS, sequences=SequenceRange(0, 2560))
    run_jobs(catalog, plan_jobs(catalog, catalog.model(NAME), PROTOCOLS, asked), device="cpu")


def all_at_once(catalog: Catalog, environment: dict[str, str], folder: Path) -> None:
    """They all wait for a worker of another machine that is dead, until its leases run out."""
    asked = Selection(steps=STEPS, sequences=SequenceRange(0, 2560))
    plan_jobs(catalog, catalog.model(NAME), PROTOCOLS, asked)
    # Not for ever: should this test fail, what it has begun ends by itself.
    hold_all(catalog, stamp(datetime.now(UTC) + timedelta(minutes=5)))
    with ray_cluster(environment) as cluster:
        running = [
            begin(catalog, runner, environment, folder, *(["--address", cluster.address] if runner == "ray" else []))
            for runner in RUNNERS
        ]
        eventually(lambda: connected(catalog) >= 7, 240)  # Five workers, and who watches those of two runners.
        hold_all(catalog, "2000")
        seen: set[str] = set()
        while any(process.poll() is None for process in running) and len(seen) < 5:
            with catalog.database.read() as connection:
                seen.update(connection.execute(select(job_workers.c.owner)).scalars())
            time.sleep(0.05)
        end(catalog, *running)
    print(f"{len(seen)} runs took part")
    assert len(seen) > 2


def cells_of(catalog: Catalog) -> list[Results]:
    """Of each job, wherever its arrays lie."""
    return [
        results_of(catalog, job.id) for job in sorted(list_jobs(catalog), key=lambda job: job.protocol.continuation)
    ]


def results(catalog: Catalog, committed: Committed) -> tuple[Any, ...]:
    """What each job has measured, and all that is committed of it, byte for byte."""
    assert [job.state for job in list_jobs(catalog)] == ["done", "done"]
    with catalog.database.read() as connection:
        measured = connection.execute(select(func.sum(shards.c.measured), func.sum(shards.c.reused))).one()
    return tuple(measured), [committed(catalog, NAME, protocol) for protocol in PROTOCOLS]
