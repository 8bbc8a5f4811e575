"""Files of an order's index that are corrupted, truncated, swapped or gone, while texts are looked for in it."""

from __future__ import annotations

import random
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import seenat
from faults.kinds.fault import Fault, NotNow, Undo
from faults.kinds.files import damaged
from faults.searches import search
from faults.worlds import ORDER
from seenat.registry.errors import SeenatError

if TYPE_CHECKING:
    from faults.scene import Scene

__all__ = ["DamagedIndex"]


class DamagedIndex(Fault):
    """Any file of it: a shard, the ranks, what is derived of them; `seenat index verify --repair` mends all of it."""

    name, lasts = "index damaged", (0.0, 2.0)

    def strike(self, scene: Scene) -> Undo:
        """Damage it where it lies; a search at once is right or refused."""
        scene.check_reachable()
        files = sorted(scene.place.index.iterdir())
        if len(files) < 2:
            raise NotNow
        path, other = scene.random.sample(files, 2)
        scene.needs_search = True
        how = _damage(path, other, scene.random)
        refused = search(scene.place, scene.random)
        scene.lines.append(f"{path.name} {how}, and {'searches are refused' if refused else 'is still searched'}")

        def repair() -> None:
            with suppress(SeenatError):  # While the order itself is damaged, or the server away, nothing can be built.
                seenat.Catalog(scene.place.catalog).index.verify(ORDER, repair=True)
                search(scene.place, scene.random)

        return repair


def _damage(path: Path, other: Path, generator: random.Random) -> str:
    how = generator.randrange(6)
    if how == 0:
        path.unlink()
        return "is gone"
    if how == 1:
        beside = path.with_name("beside")
        path.rename(beside)
        other.rename(path)
        beside.rename(other)
        return f"is swapped with {other.name}"
    path.write_bytes(damaged(path.read_bytes(), other.read_bytes(), generator))
    return "holds other bytes"
