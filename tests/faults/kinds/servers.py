"""PostgreSQL that is killed and begun again, and an object store that answers wrongly, late or in part."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from faults.kinds.fault import Fault, NotNow, Undo

if TYPE_CHECKING:
    from faults.scene import Scene

__all__ = ["KillPostgres", "StoreAnswers500", "StoreCuts", "StoreForgets", "StoreIsLate", "StoreIsSlow"]


class KillPostgres(Fault):
    """Its server is killed, with all connections."""

    name, worlds, lasts = "PostgreSQL killed", frozenset({"postgres", "ray"}), (0.0, 1.5)

    def strike(self, scene: Scene) -> Undo:
        """Kill it; it is begun again."""
        server = scene.place.server
        if server is None or not scene.is_reachable:
            raise NotNow
        scene.is_reachable = False
        server.kill()
        scene.forget_late_leases()

        def begin() -> None:
            server.start()
            scene.reach_again()

        return begin


class _Store(Fault):
    """The store answers all requests in one wrong way for a while; see `faults.proxy`."""

    worlds, lasts = frozenset({"bucket"}), (0.1, 1.5)
    mode: ClassVar[str]

    def strike(self, scene: Scene) -> Undo:
        """Let it."""
        proxy = scene.place.proxy
        if proxy is None or proxy.mode:
            raise NotNow
        proxy.mode = self.mode

        def mend() -> None:
            proxy.mode = ""

        return mend


class StoreAnswers500(_Store):
    """Without doing what it was asked for."""

    name, mode = "store answers 500", "500"


class StoreIsSlow(_Store):
    """A few bytes at a time."""

    name, mode = "store is slow", "slow"


class StoreCuts(_Store):
    """Its answers end in their midst."""

    name, mode = "store cuts answers", "cut"


class StoreIsLate(_Store):
    """A second passes before it answers."""

    name, mode = "store is late", "late"


class StoreForgets(_Store):
    """It does what it was asked for, and closes the connection without a word."""

    name, mode = "store's answer is lost", "lost"
