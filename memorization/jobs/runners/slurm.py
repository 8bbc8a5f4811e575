"""Workers under Slurm: an array of tasks, each of which is one `seenat worker`, as a short script that a person may read.

What a cluster wants beside that stands in its own variables (`SBATCH_PARTITION`, `SBATCH_ACCOUNT`, `SBATCH_TIMELIMIT`), or is
written into the script by hand. State stays in the catalog, so tasks may begin late, be preempted, requeued or cancelled, and may share the jobs with workers
elsewhere. Two minutes before its time is up a task gets SIGTERM: the worker finishes its shard, and the task is queued again.
"""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from seenat.registry.errors import InvalidValue, JobFailed
from seenat.registry.storage.outputs import write_output

__all__ = ["SlurmOptions", "submit_script", "write_script"]

_MOST_TASKS = 10_000
_SECONDS_TO_SUBMIT = 60
_CORES = 4
_TIME = "04:00:00"
"""After which a task is queued again."""
# What a task needs of the environment in which it was submitted.
_PASSED_ON = ("SEENAT_HOME", "HF_HOME", "HF_ENDPOINT", "HF_HUB_OFFLINE")


@dataclass(frozen=True, kw_only=True)
class SlurmOptions:
    """What is asked of Slurm."""

    workers: int
    """Tasks of the array."""
    device: str | None = None
    """As `seenat worker` takes it; a task on "cpu" asks for no GPU."""
    keep_checkpoints: int | None = None

    def __post_init__(self) -> None:
        """Raise `InvalidValue` for a number of tasks that Slurm does not take."""
        if not 0 < self.workers <= _MOST_TASKS:
            raise InvalidValue(f"{self.workers} workers are not between 1 and {_MOST_TASKS:,}; choose another number.")


def write_script(
    path: Path,
    job_ids: Sequence[int],
    options: SlurmOptions,
    environment: Mapping[str, str],
    *,
    force: bool = False,
) -> None:
    """Write the script of an array that works at some jobs.

    `environment` is where SEENAT_DATABASE_URL and the like are read; a URL with a password does not stand in the script, which
    then takes it from the environment in which it is submitted.
    """
    write_output(path, "\n".join(_lines(job_ids, options, environment)).encode() + b"\n", force=force)


def submit_script(path: Path) -> str:
    """Hand a script to `sbatch`; returns Slurm's number of the array. Raises `JobFailed` where Slurm does not take it."""
    program = shutil.which("sbatch")
    if program is None:
        raise JobFailed(f"There is no `sbatch` here; submit {path} where Slurm is.")
    try:
        done = subprocess.run(
            [program, "--parsable", str(path)], capture_output=True, text=True, timeout=_SECONDS_TO_SUBMIT, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise JobFailed(f"`sbatch` did not answer: {error}; submit {path} again.") from error
    if done.returncode:
        raise JobFailed(
            f"Slurm does not take {path}: {done.stderr.strip() or done.returncode}; correct it and submit it."
        )
    return done.stdout.strip().partition(";")[0]


def _lines(job_ids: Sequence[int], options: SlurmOptions, environment: Mapping[str, str]) -> list[str]:
    ids = " ".join(map(str, job_ids))
    keep = "" if options.keep_checkpoints is None else f" --keep-checkpoints {options.keep_checkpoints}"
    device = "" if options.device is None else f" --device {shlex.quote(options.device)}"
    return [
        "#!/bin/bash",
        *(f"#SBATCH {line}" for line in _directives(job_ids, options)),
        "",
        f"# Workers of job {ids}. Each takes shards until none is left; any number may run, here and elsewhere.",
        *_exports(environment),
        "",
        f"{shlex.quote(sys.executable)} -m seenat worker {ids}{device}{keep} &",
        "worker=$!",
        "",
        "# Slurm's SIGTERM comes before the time is up: the worker finishes its shard, and this task is queued again.",
        "trap 'ended=1; kill -TERM $worker' TERM",
        "wait $worker; code=$?",
        'if [ -n "$ended" ]; then',
        "    wait $worker; code=$?",
        '    scontrol requeue "${SLURM_ARRAY_JOB_ID}_${SLURM_ARRAY_TASK_ID}"',
        "fi",
        "exit $code",
    ]


def _directives(job_ids: Sequence[int], options: SlurmOptions) -> list[str]:
    name = f"seenat-{'-'.join(map(str, job_ids))}"
    return [
        f"--job-name={name}",
        f"--array=0-{options.workers - 1}",
        "--ntasks=1",
        *([] if options.device == "cpu" else ["--gpus-per-task=1"]),
        f"--cpus-per-task={_CORES}",
        f"--time={_TIME}",
        "--requeue",
        "--open-mode=append",
        "--signal=B:TERM@120",
        f"--output={name}-%a.log",
    ]


def _exports(environment: Mapping[str, str]) -> list[str]:
    url = environment.get("SEENAT_DATABASE_URL", "")
    known = [f"export {name}={shlex.quote(environment[name])}" for name in _PASSED_ON if environment.get(name)]
    if not url:
        return known
    if _has_password(url):
        return [*known, ': "${SEENAT_DATABASE_URL:?set it to the URL of the catalog, then submit this script}"']
    return [*known, f"export SEENAT_DATABASE_URL={shlex.quote(url)}"]


def _has_password(url: str) -> bool:
    from seenat.registry.database.url import parse_url

    parsed = parse_url(url)
    return parsed.password is not None or "password" in parsed.query
