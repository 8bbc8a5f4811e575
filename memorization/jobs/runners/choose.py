"""Which runner measures a planned job: this process, several of this machine, or a cluster."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from seenat.memorization.jobs.runners.slurm import SlurmOptions, submit_script, write_script
from seenat.memorization.jobs.status import Job
from seenat.registry import settings
from seenat.registry.errors import InvalidValue
from seenat.registry.storage.outputs import check_output

__all__ = ["SCRIPT_ENDINGS", "ClusterRequest", "check_runner", "hand_to_slurm"]

_RUNNERS = ("local", "slurm")
SCRIPT_ENDINGS = (".sbatch", ".slurm", ".sh")


def check_runner(runner: str | None, workers: int | None, script: str | Path | None) -> None:
    """Raise `InvalidValue` for a runner that does not exist, or options that it does not take."""
    if runner not in (None, *_RUNNERS):
        raise InvalidValue(f"There is no runner {runner!r}; choose {' or '.join(_RUNNERS)}.")
    if workers is not None and runner is None:
        raise InvalidValue("A number of workers needs a runner; choose local or slurm.")
    if script is not None and runner != "slurm":
        raise InvalidValue("A script is written for the runner slurm only; choose it, or leave the script out.")


@dataclass(frozen=True, kw_only=True)
class ClusterRequest:
    """What is asked of Slurm for some jobs."""

    workers: int | None
    device: str | None
    keep_checkpoints: int | None
    script: str | Path | None
    """Where the script is to lie that is only written; None for one that is submitted."""
    force: bool = False
    """Whether it may replace a file."""


def hand_to_slurm(jobs: tuple[Job, ...], request: ClusterRequest, scripted: Callable[[Path, str | None], None]) -> None:
    """Write the script of the jobs that are not finished, and submit it unless it is only to be written.

    `scripted` gets the script and the number under which it was submitted. Raises `InvalidValue` where the script exists, and
    `JobFailed` where Slurm does not take it.
    """
    ids = [job.id for job in jobs if job.finished_at is None]
    if not ids:
        return
    path = Path(request.script or f"seenat-{'-'.join(map(str, ids))}.sbatch")
    check_output(path, SCRIPT_ENDINGS, force=request.force)
    options = SlurmOptions(
        workers=request.workers or 1, device=request.device, keep_checkpoints=request.keep_checkpoints
    )
    write_script(path, ids, options, settings.environment_for(None), force=request.force)
    scripted(path, None if request.script is not None else submit_script(path))
