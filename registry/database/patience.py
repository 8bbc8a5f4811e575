"""Running a transaction again as a whole, where what it met with passes: others were in its way, or its connection was lost.

A transaction that failed has changed nothing, or everything, if the connection was lost while it was committed. So only what
may be run any number of times is run again.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from seenat.registry.errors import DatabaseUnavailable

__all__ = ["Patience"]

_TRIES = 5
"""Where nobody waits for a server: of a transaction that others are in the way of."""
_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 2.0

_log = logging.getLogger(__name__)

Result = TypeVar("Result")


class Patience:
    """How long one waits for a database that does not answer: not at all, unless it is granted."""

    def __init__(self) -> None:
        self._seconds = 0.0
        self._stop: Callable[[], bool] = lambda: False

    @contextmanager
    def granted(self, seconds: float, stop: Callable[[], bool]) -> Iterator[None]:
        """Within, a database is waited for so long, unless `stop` says that nobody wants that any more."""
        before = self._seconds, self._stop
        self._seconds, self._stop = seconds, stop
        try:
            yield
        finally:
            self._seconds, self._stop = before

    def again(self, work: Callable[[], Result]) -> Result:
        """What `work` returns; it is run again while it fails by what passes."""
        deadline, pause, tries = time.monotonic() + self._seconds, _FIRST_PAUSE, 0
        while True:
            tries += 1
            try:
                return work()
            except DatabaseUnavailable as error:
                is_late = time.monotonic() > deadline and tries >= _TRIES
                if not error.passes or is_late or self._stop():
                    raise
                _log.warning("%s It is tried again.", error)
            time.sleep(pause * random.uniform(0.5, 1.0))
            pause = min(2 * pause, _LONGEST_PAUSE)
