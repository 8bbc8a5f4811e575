"""How fast a job goes on, by all who work at it together, and how long it will take at that.

It is what was committed within the last minutes, by whichever runner, over the time in which it was. So it follows from rows
alone, is the same for everybody who looks, and changes when something is done, not while nothing is.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection

from seenat.memorization.jobs.progress.counts import done_since, last_done
from seenat.registry.answer import Answer
from seenat.registry.database.clock import stamp

__all__ = ["Pace", "pace_of"]

_WINDOW = timedelta(minutes=5)


@dataclass(frozen=True, kw_only=True)
class Pace(Answer):
    """The rate of all workers of a job together, and the time left at that."""

    workers: int
    """Those that are alive."""
    values_per_second: float
    """By the clock on the wall, of all workers together: values that were measured, or were there already."""
    seconds_left: float

    json_names = ("workers", "values_per_second", "seconds_left")


def pace_of(connection: Connection, job_id: int, began: list[str], left: int) -> Pace | None:
    """The pace of a job whose live workers `began` then and that has so many shards `left`; None while it is not known."""
    last = last_done(connection, job_id) if began else None
    if last is None:
        return None
    start = max(min(map(_moment, began)), _moment(last) - _WINDOW)
    seconds = (_moment(last) - start).total_seconds()
    done = done_since(connection, job_id, stamp(start)) if seconds > 0 else None
    if done is None or not done.shards:
        return None
    return Pace(
        workers=len(began),
        values_per_second=round(done.values / seconds, 1),
        seconds_left=round(left * seconds / done.shards, 1),
    )


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)
