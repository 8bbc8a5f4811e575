"""A thread that does what is submitted to it, one thing after the other."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from typing import Any, TypeVar

__all__ = ["Background"]

_Result = TypeVar("_Result")

# Seconds until work that is no longer wanted must have noticed: a transfer notices every 10 MiB.
_PATIENCE = 10.0


class Background:
    """Does what is submitted in turn. The thread never keeps the process alive: what it does can be done again."""

    def __init__(self, name: str) -> None:
        self._waiting: SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._serve, name=name, daemon=True)
        self._thread.start()

    def submit(self, work: Callable[[], _Result]) -> Future[_Result]:
        """Do something once all before it is done; the future gives its result, or raises its error."""
        future: Future[_Result] = Future()
        self._waiting.put((future, work))
        return future

    def close(self, *, at_once: bool) -> None:
        """Wait until everything is done; or drop what has not begun, and wait some seconds for what has."""
        while at_once and not self._waiting.empty():
            if (dropped := self._waiting.get()) is not None:
                dropped[0].cancel()
        self._waiting.put(None)
        self._thread.join(_PATIENCE if at_once else None)

    def _serve(self) -> None:
        while (entry := self._waiting.get()) is not None:
            future, work = entry
            if future.set_running_or_notify_cancel():
                try:
                    future.set_result(work())
                except BaseException as error:  # noqa: BLE001 - it is raised where the result is wanted.
                    future.set_exception(error)
            del entry, future, work  # A result may be a model, and would stay in memory until there is more to do.
