"""Disks that are full, and places that may not be written."""

from __future__ import annotations

import subprocess
from contextlib import suppress
from typing import TYPE_CHECKING

from faults.kinds.fault import Fault, NotNow, Undo, nothing

if TYPE_CHECKING:
    from faults.scene import Scene

__all__ = ["FullDisk", "NoRoom", "ReadOnly"]

_PIECE = 1 << 16


class NoRoom(Fault):
    """A worker that can make no file longer than some bytes."""

    name = "no room for a worker's files"

    def strike(self, scene: Scene) -> Undo:
        """Begin it beside the others."""
        scene.begin_worker(room=scene.random.randrange(1 << scene.random.randrange(8, 24)))
        return nothing


class ReadOnly(Fault):
    """A worker that may read everything, and write nothing."""

    name, worlds, lasts = "nothing may be written", frozenset({"disk"}), (1.0, 3.0)

    def strike(self, scene: Scene) -> Undo:
        """Begin it beside the others; it sees the same folder on a disk that is mounted to be read."""
        folder = scene.place.folder
        mounted = folder.with_name(f"{folder.name}-read-only-{len(scene.struck)}")
        mounted.mkdir()
        for options in (["--bind", str(folder)], ["-o", "remount,ro,bind"]):
            subprocess.run(["mount", *options, str(mounted)], check=True)
        scene.begin_worker(url=f"sqlite:///{mounted / 'catalog.sqlite'}")

        def unmount() -> None:
            subprocess.run(["umount", "--lazy", str(mounted)], check=True)
            mounted.rmdir()

        return unmount


class FullDisk(Fault):
    """The disk with catalog and results is full, to the last byte."""

    name, worlds, lasts = "disk full", frozenset({"disk"}), (0.1, 1.5)

    def strike(self, scene: Scene) -> Undo:
        """Fill it; there is room again when that is deleted."""
        filler = scene.place.folder / "filler"
        if filler.exists():
            raise NotNow
        with suppress(OSError), filler.open("wb", buffering=0) as file:
            while file.write(bytes(_PIECE)):
                pass
        return lambda: filler.unlink(missing_ok=True)
