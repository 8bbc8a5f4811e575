"""Who measures a planned job: this process, several of this machine, or a cluster."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from seenat.registry import settings
from seenat.registry.errors import InvalidValue

if TYPE_CHECKING:
    from seenat.memorization.jobs.status import Job
    from seenat.memorize import MemorizeObserver, MemorizeRequest

__all__ = ["check_runner", "hand_to_cluster"]

_RUNNERS = ("local", "slurm")


def check_runner(runner: str | None, workers: int | None, script: str | Path | None) -> None:
    """Raise `InvalidValue` for a runner that does not exist, or options that it does not take."""
    if runner not in (None, *_RUNNERS):
        raise InvalidValue(f"There is no runner {runner!r}; choose {' or '.join(_RUNNERS)}.")
    if workers is not None and runner is None:
        raise InvalidValue("A number of workers needs a runner; choose local or slurm.")
    if script is not None and runner != "slurm":
        raise InvalidValue("A script is written for the runner slurm only; choose it, or leave the script out.")


def hand_to_cluster(jobs: tuple[Job, ...], request: MemorizeRequest, observer: MemorizeObserver) -> None:
    """Write the script of the jobs that are not finished, where Slurm is to run them, and submit it unless it was asked for.

    Raises `InvalidValue` where the named script exists, and `JobFailed` where Slurm does not take it.
    """
    from seenat.memorization.jobs.runners.slurm import SlurmOptions, submit_script, write_script
    from seenat.registry.storage.names import check_folder, check_new

    ids = [job.id for job in jobs if job.finished_at is None]
    if request.runner != "slurm" or not ids:
        return
    path = Path(request.script or f"seenat-{'-'.join(map(str, ids))}.sbatch")
    check_new(path)
    check_folder(path)
    options = SlurmOptions(
        workers=request.workers or 1, device=request.device, keep_checkpoints=request.keep_checkpoints
    )
    write_script(path, ids, options, settings.environment_for(None))
    observer.scripted(path, None if request.script is not None else submit_script(path))
