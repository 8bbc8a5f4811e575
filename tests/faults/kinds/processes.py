"""Processes that are killed, that are stopped for a while, or that are one too many."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from typing import TYPE_CHECKING, ClassVar

from faults.kinds.fault import Fault, NotNow, Undo, nothing

if TYPE_CHECKING:
    from faults.scene import Scene

__all__ = ["KillDriver", "KillWorker", "PauseDriver", "PauseWorker", "SecondDriver"]


class _Kill(Fault):
    role: ClassVar[str]

    def strike(self, scene: Scene) -> Undo:
        """SIGKILL, which no process can do anything about."""
        scene.kill(scene.any_running(self.role))
        return nothing


class KillWorker(_Kill):
    """A worker is killed."""

    name, role = "worker killed", "worker"


class KillDriver(_Kill):
    """A `seenat memorize` is killed; its actors, where it has some, work on until Ray ends them."""

    name, role, worlds = "driver killed", "driver", Fault.worlds | {"ray"}


class _Pause(Fault):
    lasts = (0.05, 3.5)
    role: ClassVar[str]

    def strike(self, scene: Scene) -> Undo:
        """SIGSTOP; it goes on later, mostly after its lease has run out, and does not know."""
        pid = scene.any_running(self.role)
        os.kill(pid, signal.SIGSTOP)

        def go_on() -> None:
            with suppress(ProcessLookupError):  # It may have been killed meanwhile.
                os.kill(pid, signal.SIGCONT)

        return go_on


class PauseWorker(_Pause):
    """A worker sleeps through the end of its lease."""

    name, role = "worker stopped", "worker"


class PauseDriver(_Pause):
    """A `seenat memorize` sleeps."""

    name, role = "driver stopped", "driver"


class SecondDriver(Fault):
    """Somebody runs the same command once more, while it runs."""

    name, worlds = "second driver", Fault.worlds | {"ray"}

    def strike(self, scene: Scene) -> Undo:
        """Begin it; both then work at the one job."""
        scene.any_running("driver")
        if len(scene.running) > scene.most_running:
            raise NotNow
        scene.begin_driver()
        return nothing
