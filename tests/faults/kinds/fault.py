"""What a fault is."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from faults.scene import Scene

__all__ = ["Fault", "NotNow", "Undo", "nothing"]

Undo = Callable[[], None]


class NotNow(Exception):
    """There is nothing that this fault could strike at this moment."""


class Fault:
    """Something that goes wrong at one moment, and is right again some time later."""

    name: ClassVar[str]
    worlds: ClassVar[frozenset[str]] = frozenset({"sqlite", "postgres", "bucket", "disk"})
    lasts: ClassVar[tuple[float, float]] = (0.0, 0.0)
    """Seconds, at least and at most, until it is undone."""

    def strike(self, scene: Scene) -> Undo:
        """Let it happen; returns what undoes it. Raises `NotNow`."""
        raise NotImplementedError


def nothing() -> None:
    """What undoes a fault of which nothing stays but its traces."""
