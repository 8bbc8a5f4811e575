"""Deadlines for what takes none: other libraries' transfers, and look-ups of names.

The work is done in a thread of its own. One that does not come back is left behind; it ends with the process.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from queue import Empty, Full, Queue
from typing import TypeAlias, TypeVar

from seenat.registry.errors import HubUnavailable
from seenat.registry.hub.answers import hub_name

__all__ = ["each_in_time", "in_time"]

_Result = TypeVar("_Result")
_Done: TypeAlias = "Queue[tuple[str, _Result | BaseException | None]]"
"""What a thread hands over: that something came, that something was raised, or that it ended."""
# Seconds between looks whether anybody waits.
_TICK = 0.1


def in_time(subject: str, work: Callable[[], _Result], seconds: float) -> _Result:
    """What some work returns, or raises; raises `HubUnavailable` where it takes longer."""
    return next(each_in_time(subject, lambda: iter((work(),)), seconds))


def each_in_time(subject: str, work: Callable[[], Iterator[_Result]], seconds: float) -> Iterator[_Result]:
    """What an iterator yields; raises what it raises, and `HubUnavailable` where anything takes longer than so many seconds."""
    done: _Done[_Result] = Queue(maxsize=1)
    left = threading.Event()
    threading.Thread(target=_work, args=(work, done, left), name="seenat-deadline", daemon=True).start()
    try:
        while True:
            try:
                kind, result = done.get(timeout=seconds)
            except Empty:
                raise HubUnavailable(
                    f"{hub_name()} brought nothing of {subject} in {seconds:g} seconds; try again later."
                ) from None
            if kind == "raised":
                raise result  # type: ignore[misc]
            if kind == "ended":
                return
            yield result  # type: ignore[misc]
    finally:
        left.set()


def _work(work: Callable[[], Iterator[_Result]], done: _Done[_Result], left: threading.Event) -> None:
    try:
        for result in work():
            if not _put(done, ("came", result), left):
                return
        _put(done, ("ended", None), left)
    except BaseException as error:  # noqa: BLE001 - it is raised where it is waited for.
        _put(done, ("raised", error), left)


def _put(done: _Done[_Result], entry: tuple[str, _Result | BaseException | None], left: threading.Event) -> bool:
    """Whether somebody still waits for it."""
    while not left.is_set():
        try:
            done.put(entry, timeout=_TICK)
        except Full:
            continue
        return True
    return False
