"""What a forked process does to itself before it works."""

from __future__ import annotations

import datetime as datetimes
import resource
import sys
import time
from typing import Any

__all__ = ["suffer"]


def suffer(order: dict[str, Any]) -> None:
    """Do what an order asks for: `shift` its clock by seconds, give it `room` for files of so many bytes only, or send each
    commit `twice`."""
    if order.get("shift"):
        _shift_clock(order["shift"])
    if "room" in order:
        resource.setrlimit(resource.RLIMIT_FSIZE, (order["room"], order["room"]))
    if order.get("twice"):
        _commit_twice()


def _shift_clock(seconds: float) -> None:
    """Let all of seenat have a clock that is wrong by so much; that of intervals goes on as it does."""
    right = time.time
    time.time = lambda: right() + seconds

    class Shifted(datetimes.datetime):
        @classmethod
        def now(cls, tz: datetimes.tzinfo | None = None) -> Any:
            return datetimes.datetime.fromtimestamp(right() + seconds, tz)

    for name, module in list(sys.modules.items()):
        if name.startswith("seenat.") and getattr(module, "datetime", None) is datetimes.datetime:
            module.datetime = Shifted  # type: ignore[attr-defined]


def _commit_twice() -> None:
    """Send what commits a shard a second time, as a network may that lost the answer."""
    from seenat.memorization.jobs.shard_writer import LeaseLost, ShardBuffer, ShardWriter

    once = ShardWriter.try_commit

    def twice(writer: ShardWriter, buffer: ShardBuffer) -> int | None:
        reused = once(writer, buffer)
        if reused is not None:
            try:
                once(writer, buffer)
            except LeaseLost:
                return reused
            raise AssertionError("It was committed twice.")
        return reused

    ShardWriter.try_commit = twice  # type: ignore[method-assign]
