"""A thread that does something again and again, at an even pace, until it is stopped."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from seenat.registry.errors import SeenatError

__all__ = ["Heartbeat"]

# Seconds to wait for a beat that has begun: it may wait for the writer's lock.
_PATIENCE = 5.0

_log = logging.getLogger(__name__)


class Heartbeat:
    """Calls `beat` every some seconds. It never keeps the process alive, and a beat that fails is followed by others."""

    def __init__(self, seconds: float, beat: Callable[[], None]) -> None:
        self._seconds = seconds
        self._beat = beat
        self.stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="seenat-heartbeat", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """No beat begins after this; one that has begun is waited for, some seconds long."""
        self.stopped.set()
        self._thread.join(_PATIENCE)

    def _run(self) -> None:
        while not self.stopped.wait(self._seconds):
            try:
                self._beat()
            except SeenatError as error:
                _log.warning("A lease was not renewed: %s", error)
