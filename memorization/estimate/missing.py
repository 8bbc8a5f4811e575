"""What a job needs and this machine lacks: packages, room on its disks, a hub that answers. Told before a job exists."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from seenat.memorization.estimate.volumes import Volumes
from seenat.memorization.results.measurements import results_folder
from seenat.registry.catalog.catalog import Catalog
from seenat.registry.catalog.models import Model
from seenat.registry.errors import MissingExtra, NoRoom, SeenatError, Unreachable
from seenat.registry.hub.cache import cached_bytes, hub_cache_folder
from seenat.registry.hub.download import is_cached, look_up

__all__ = ["check_here", "check_hub", "missing_here"]

_RESERVE = 256 << 20
"""Bytes that stay free."""


def check_here(catalog: Catalog, model: Model, volumes: Volumes, keep_checkpoints: int | None) -> None:
    """Raise `MissingExtra` without the packages that measure, and `NoRoom` where a disk cannot hold what a job brings."""
    for problem in (_packages(), _room(catalog, model, volumes, keep_checkpoints)):
        if problem is not None:
            raise problem


def missing_here(
    catalog: Catalog, model: Model, volumes: Volumes, keep_checkpoints: int | None = None
) -> tuple[str, ...]:
    """The same as sentences."""
    problems = (_packages(), _room(catalog, model, volumes, keep_checkpoints))
    return tuple(str(problem) for problem in problems if problem is not None)


def check_hub(model: Model, steps: Sequence[int]) -> None:
    """Raise `HubUnavailable` where a checkpoint has to be fetched and its hub does not answer; one request at most."""
    if model.repository is None:
        return
    for step in steps:
        checkpoint = model.checkpoint(step)
        if not is_cached(model.repository, checkpoint.commit_id or checkpoint.revision):
            _ask(model.repository, checkpoint.commit_id or checkpoint.revision)
            return


def _ask(repository: str, revision: str) -> None:
    try:
        look_up(repository, revision)
    except Unreachable:
        raise
    except SeenatError:
        return  # The hub answers; what is wrong with this checkpoint fails its shards alone.


def _packages() -> MissingExtra | None:
    if find_spec("torch") is not None and find_spec("transformers") is not None:
        return None
    return MissingExtra("Measuring needs torch and transformers: pip install 'seenat[jobs]'.")


def _room(catalog: Catalog, model: Model, volumes: Volumes, keep_checkpoints: int | None) -> NoRoom | None:
    wanted: dict[Path, int] = {_existing(results_folder(catalog.database)): volumes.results}
    if model.repository is not None and volumes.checkpoints is not None and volumes.largest is not None:
        at_once = volumes.checkpoints if keep_checkpoints is None else (keep_checkpoints + 2) * volumes.largest
        brought = min(volumes.checkpoints, at_once) - cached_bytes(model.repository)
        wanted[_existing(hub_cache_folder())] = max(0, brought)
    for folder, bytes_ in wanted.items():
        free = shutil.disk_usage(folder).free
        if bytes_ and bytes_ + _RESERVE > free:
            return NoRoom(
                f"{folder} would have to hold about {bytes_:,} bytes more and has {free:,} left, of which {_RESERVE:,} should "
                "stay free; make room, measure fewer checkpoints or sequences, or keep fewer checkpoints with "
                "--keep-checkpoints N."
            )
    return None


def _existing(path: Path) -> Path:
    """The nearest folder above a path that exists."""
    return next(folder for folder in (path, *path.parents) if folder.exists())
