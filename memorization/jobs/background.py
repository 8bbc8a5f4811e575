"""One thread that does one thing after another, beside the one that gives it what to do."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from typing import Any, TypeVar

__all__ = ["Background"]

_Result = TypeVar("_Result")

_PATIENCE = 10.0
"""Seconds that what is being done has to notice that it is no longer wanted: a transfer notices every 10 MiB."""


class Background:
    """What is submitted is done in turn. The thread never keeps the process alive: what it does can be done again."""

    def __init__(self, name: str) -> None:
        self._waiting: SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._serve, name=name, daemon=True)
        self._thread.start()

    def submit(self, work: Callable[[], _Result]) -> Future[_Result]:
        """Have something done when all before it is; the future gives its result, or raises what it raised."""
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
        while (given := self._waiting.get()) is not None:
            future, work = given
            if future.set_running_or_notify_cancel():
                try:
                    future.set_result(work())
                except BaseException as error:  # noqa: BLE001 - it belongs to whoever asks for the result.
                    future.set_exception(error)
            del given, future, work  # A result may be a model, and would stay in memory until there is more to do.
