"""Where a job's rows and values lie while faults strike: each world is made once a campaign, each place in it for one scene."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import seenat
from seenat.registry.catalog.catalog import Catalog
from seenat.registry.open import open_catalog
from seenat.registry.suites.register import register_suite
from support.trained_run import STEPS, Mine

__all__ = ["ASKED", "Grounds", "Place"]

ASKED = {"prompt": 8, "continuation": 8, "unseen": True}
"""Of every job: 8 checkpoints, 40 shards, 20,160 values."""
_STEPS = STEPS[-8:]


@dataclass
class Place:
    """One job's catalog, and what its processes find in their environment."""

    world: str
    folder: Path
    mine: Mine
    catalog: Catalog
    job_id: int
    environment: dict[str, str] = field(default_factory=dict)


class Grounds:
    """All that scenes stand on, made where one first needs it, in a folder."""

    def __init__(self, folder: Path, mine: Mine) -> None:
        self._folder = folder
        self._kept = ExitStack()
        self._numbers = count()
        self.mine = mine.copied(folder / "suite", _STEPS)
        self._template = folder / "template.sqlite"
        with open_catalog(str(self._template)) as catalog:
            register_suite(catalog, self.mine.manifest)

    def close(self) -> None:
        """End the servers that were begun."""
        self._kept.close()

    @contextmanager
    def place(self, world: str) -> Iterator[Place]:
        """A fresh place with a planned job of which nothing is measured."""
        folder = self._folder / f"scene-{next(self._numbers)}"
        folder.mkdir()
        with ExitStack() as stack:
            yield self._sqlite(world, folder, stack)
        shutil.rmtree(folder)

    def _sqlite(self, world: str, folder: Path, stack: ExitStack) -> Place:
        path = Path(shutil.copy(self._template, folder / "catalog.sqlite"))
        return self._planned(world, folder, stack.enter_context(open_catalog(str(path))), {})

    def _planned(self, world: str, folder: Path, catalog: Catalog, environment: dict[str, str]) -> Place:
        job = seenat.Catalog(catalog).memorize("mine-a", submit=True, **ASKED).job
        environment = {
            "SEENAT_HOME": str(folder / "home"),
            "SEENAT_DATABASE_URL": catalog.database.url.render_as_string(hide_password=False),
            "PATH": os.environ["PATH"],
            **environment,
        }
        return Place(world, folder, self.mine, catalog, job.id, environment)
