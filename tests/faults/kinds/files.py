"""Files that are corrupted, truncated, swapped or gone: of results, of checkpoints, of the order."""

from __future__ import annotations

import random
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import select

from faults.kinds.fault import Fault, NotNow, Undo, nothing
from seenat.memorization.jobs.status import find_job
from seenat.memorization.results.measurements import results_folder
from seenat.registry.database.tables.results import blocks
from seenat.registry.storage.stores.place import open_store

if TYPE_CHECKING:
    from faults.scene import Scene

__all__ = ["DamagedCheckpoint", "DamagedObject", "DamagedOrder", "DamagedResult"]


def damaged(data: bytes, other: bytes, generator: random.Random) -> bytes:
    """Bytes with some of them changed, without their end, or other ones altogether."""
    how = generator.randrange(3)
    if how == 0 and data:
        place = generator.randrange(len(data))
        return data[:place] + bytes([data[place] ^ (1 + generator.randrange(255))]) + data[place + 1 :]
    return data[: generator.randrange(len(data) + 1)] if how == 1 else other


class _Restored(Fault):
    """Damages one of some files where it lies, and puts it back later as a new file."""

    lasts = (0.1, 2.0)

    def strike(self, scene: Scene) -> Undo:
        """Damage it."""
        path, other = scene.random.sample(self.files(scene.place.mine.folder), 2)
        if scene.is_damaged(path):
            raise NotNow
        data = path.read_bytes()
        path.write_bytes(damaged(data, other.read_bytes(), scene.random))

        def restore() -> None:
            beside = path.with_suffix(".restored")
            beside.write_bytes(data)
            beside.replace(path)
            scene.damaged_files.discard(path)

        scene.damaged_files.add(path)
        return restore

    def files(self, suite: Path) -> list[Path]:
        """Those of a suite that it may damage."""
        raise NotImplementedError


class DamagedCheckpoint(_Restored):
    """A file of a checkpoint."""

    name = "checkpoint damaged"

    def files(self, suite: Path) -> list[Path]:
        """Weights and their index of every step."""
        return sorted((suite / "models").glob("*/*.safetensors*"))


class DamagedOrder(_Restored):
    """A file of the order's ids, or its index."""

    name = "order damaged"

    def files(self, suite: Path) -> list[Path]:
        """Of the order that the job is over."""
        return sorted(suite.glob("indexed*"))


class DamagedResult(Fault):
    """A file of committed values; `seenat db verify --repair` finds it."""

    name, worlds = "result damaged", frozenset({"sqlite", "postgres", "disk"})

    def strike(self, scene: Scene) -> Undo:
        """Damage it where it lies, or delete it."""
        scene.check_reachable()
        folder = results_folder(scene.place.catalog.database)
        files = sorted(path for path in folder.rglob("c/*/*") if path.is_file() and not path.suffix)
        if len(files) < 2:
            raise NotNow
        path, other = scene.random.sample(files, 2)
        scene.needs_repair = True
        try:
            if scene.random.randrange(4):
                path.write_bytes(damaged(path.read_bytes(), other.read_bytes(), scene.random))
            else:
                path.unlink()
        except FileNotFoundError:
            raise NotNow from None
        return nothing


class DamagedObject(Fault):
    """The same in a store."""

    name, worlds = "object damaged", frozenset({"bucket"})

    def strike(self, scene: Scene) -> Undo:
        """Damage it, or delete it, behind the back of whoever wrote it."""
        job = find_job(scene.place.catalog, scene.place.job_id)
        with scene.place.catalog.database.read() as connection:
            names = sorted(connection.execute(select(blocks.c.object)).scalars())
        if len(names) < 2 or job.measurement.store is None:
            raise NotNow
        store, (name, other) = open_store(job.measurement.store), scene.random.sample(names, 2)
        data, others = store.get(name), store.get(other)
        scene.needs_repair = True
        if data is None or others is None or not scene.random.randrange(4):
            store.delete(name)
        else:
            store.replace(name, damaged(data, others, scene.random))
        return nothing
