"""Threads that call the catalog, a bounded number of them.

They are daemons: a search that takes a minute does not keep the process alive that was asked to end.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, TypeVar

from seenat.registry.errors import TooSlow

__all__ = ["Threads"]

Result = TypeVar("Result")
_Task = tuple[asyncio.AbstractEventLoop, "asyncio.Future[Any]", Callable[[], Any]]


class Threads:
    """Calls functions outside the event loop, in the order in which they come."""

    def __init__(self, name: str, number: int, waiting: int) -> None:
        self._tasks: SimpleQueue[_Task] = SimpleQueue()
        self._most = number + waiting
        self._begun = 0
        for index in range(number):
            threading.Thread(target=self._work, name=f"seenat-{name}-{index}", daemon=True).start()

    async def run(self, call: Callable[[], Result], seconds: float) -> Result:
        """The result of a call; raises `TooSlow` where it takes longer, or where too many others wait already.

        A call that is too slow is not broken off: its thread stays taken until it ends.
        """
        if self._begun >= self._most:
            raise TooSlow("The service has too much to do just now; ask again in some seconds.")
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Result] = loop.create_future()
        self._begun += 1
        self._tasks.put((loop, future, call))
        try:
            async with asyncio.timeout(seconds):
                return await future
        except TimeoutError:
            raise TooSlow(f"No answer within {seconds:g} seconds; ask for less, or ask the catalog itself.") from None

    def _work(self) -> None:
        while True:
            loop, future, call = self._tasks.get()
            result, error = None, None
            try:
                if not future.cancelled():
                    result = call()
            except BaseException as raised:  # noqa: BLE001 - whoever waits gets it.
                error = raised
            try:
                loop.call_soon_threadsafe(self._finish, future, result, error)
            except RuntimeError:  # The loop has ended meanwhile.
                return

    def _finish(self, future: asyncio.Future[Any], result: Any, error: BaseException | None) -> None:
        self._begun -= 1
        if future.done():  # Nobody waits any more.
            return
        if error is None:
            future.set_result(result)
        else:
            future.set_exception(error)
