"""Where a job's rows and values lie while faults strike: each world is made once a campaign, each place in it for one scene.

The order has an index in each place, in several shards.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from support.object_store import new_place, serving_objects
from support.postgres import OwnServer, new_database, own_server
from support.ray_cluster import RayCluster, asking_for_tokens, ray_cluster
from support.trained_run import STEPS, Mine

import seenat
from faults.proxy import Proxy
from seenat.attribution.ngrams.index_table import indexes_folder
from seenat.registry.catalog.catalog import Catalog
from seenat.registry.database.engine import Database, parse_url
from seenat.registry.integrity.content import ensure_content
from seenat.registry.open import open_catalog, upgrade
from seenat.registry.suites.register import register_suite

__all__ = ["ASKED", "ORDER", "Grounds", "Place", "may_mount"]

ASKED = {"prompt": 8, "continuation": 8, "unseen": True}
"""Of every job: 8 checkpoints, 40 shards, 20,160 values."""
ORDER = "mine-indexed"
_STEPS = STEPS[-8:]
_SHARD_BATCHES = 42
"""Of the index of the order: 5 shards."""
_DISK_BYTES = 64 << 20


@dataclass
class Place:
    """One job's catalog, and what its processes find in their environment."""

    world: str
    folder: Path
    mine: Mine
    catalog: Catalog
    job_id: int
    environment: dict[str, str]
    server: OwnServer | None = None
    proxy: Proxy | None = None
    cluster: RayCluster | None = None

    @property
    def index(self) -> Path:
        """The folder with the files of the order's index."""
        return next(indexes_folder(self.catalog.database).iterdir())


class Grounds:
    """All that scenes stand on, made where one first needs it, in a folder."""

    def __init__(self, folder: Path, mine: Mine) -> None:
        self._folder = folder
        self._kept = ExitStack()
        self._numbers = count()
        self._server: OwnServer | None = None
        self._proxy: Proxy | None = None
        self._store_url = ""
        self._cluster: RayCluster | None = None
        self._tokens = asking_for_tokens()
        self.mine = mine.copied(folder / "suite", _STEPS)
        # In a folder of its own: paths below a catalog's are kept relative to it, and copies of this one lie elsewhere.
        (folder / "template").mkdir()
        self._template = folder / "template" / "catalog.sqlite"
        with open_catalog(str(self._template)) as catalog:
            self._register(catalog)
            seenat.Catalog(catalog).index.build(ORDER, shard_batches=_SHARD_BATCHES, workers=1)

    def close(self) -> None:
        """End the servers that were begun."""
        self._kept.close()

    @contextmanager
    def place(self, world: str) -> Iterator[Place]:
        """A fresh place with a planned job of which nothing is measured."""
        folder = self._folder / f"scene-{next(self._numbers)}"
        folder.mkdir()
        with ExitStack() as stack:
            if world == "disk":
                stack.enter_context(_small_disk(folder))
            (folder / "home").mkdir()
            if world == "bucket":
                self._begin_store()
            if world == "ray" and self._cluster is None:
                self._cluster = self._kept.enter_context(ray_cluster(os.environ | self._tokens))
            stack.enter_context(_environment(self._settings(world, folder)))
            is_served = world in ("postgres", "ray")
            url = stack.enter_context(self._postgres()) if is_served else self._sqlite(folder)
            catalog = stack.enter_context(open_catalog(url))
            shutil.copytree(self._template_index, indexes_folder(catalog.database))
            place = self._planned(world, folder, catalog)
            if self._proxy is not None:
                place.environment["AWS_ENDPOINT_URL"] = self._proxy.url
            yield place
        shutil.rmtree(folder)

    def _settings(self, world: str, folder: Path) -> dict[str, str]:
        """Of this process, which asks the store itself."""
        settings = {"SEENAT_HOME": str(folder / "home")}
        if world == "bucket":
            settings |= {
                "SEENAT_RESULTS": new_place(),
                "AWS_ENDPOINT_URL": self._store_url,
                "AWS_ACCESS_KEY_ID": "test",
                "AWS_SECRET_ACCESS_KEY": "a-secret-of-this-test",
                "AWS_REGION": "us-east-1",
            }
        return settings | (self._tokens if world == "ray" else {})

    @property
    def _template_index(self) -> Path:
        return Path(f"{self._template}.indexes")

    def _sqlite(self, folder: Path) -> str:
        return str(shutil.copy(self._template, folder / "catalog.sqlite"))

    @contextmanager
    def _postgres(self) -> Iterator[str]:
        if self._server is None:
            self._server = self._kept.enter_context(own_server())
            database = Database(parse_url(self._server.url))
            upgrade(database)
            database.close()
            with open_catalog(self._server.url) as catalog:
                self._register(catalog)
                seenat.Catalog(catalog).attach(self._template.parent)
        with new_database(self._server.url, "postgres") as url:
            yield url

    def _begin_store(self) -> None:
        if not self._store_url:
            self._store_url = self._kept.enter_context(serving_objects())
            self._proxy = Proxy(self._store_url)
            self._kept.callback(self._proxy.close)

    def _register(self, catalog: Catalog) -> None:
        """Let a catalog know the suite, and what each checkpoint holds: what it never knew, it could not miss."""
        register_suite(catalog, self.mine.manifest)
        model = catalog.model("mine-a")
        for step in _STEPS:
            ensure_content(catalog, model.checkpoint(step), self.mine.checkpoint(step))

    def _planned(self, world: str, folder: Path, catalog: Catalog) -> Place:
        job = seenat.Catalog(catalog).memorize("mine-a", submit=True, **ASKED).job
        names = ("PATH", "SEENAT_HOME", "SEENAT_RESULTS")
        environment = {
            name: value for name, value in os.environ.items() if name in names or name.startswith(("AWS_", "RAY_"))
        } | {"SEENAT_DATABASE_URL": catalog.database.url.render_as_string(hide_password=False)}
        server = self._server if world in ("postgres", "ray") else None
        proxy = self._proxy if world == "bucket" else None
        cluster = self._cluster if world == "ray" else None
        return Place(world, folder, self.mine, catalog, job.id, environment, server, proxy, cluster)


def may_mount() -> bool:
    """Whether a small disk can be made here."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            with _small_disk(Path(folder)):
                return True
        except (OSError, subprocess.CalledProcessError):
            return False


@contextmanager
def _environment(settings: dict[str, str]) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.update(settings)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


@contextmanager
def _small_disk(folder: Path) -> Iterator[None]:
    """A disk of its own at a folder; needs root."""
    subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={_DISK_BYTES}", "none", str(folder)],
        check=True,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)
