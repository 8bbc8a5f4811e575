"""Progress of long work, on stderr: moving bars on a terminal; elsewhere a plain line now and then, so that logs show life.

Work tells `Moment`s, as often as it likes. Rate and time left are those of this run: what was done before it began, and
what it skips, cost it nothing.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

__all__ = ["Moment", "Show", "progress", "resumable"]

_SECONDS_BETWEEN_LINES = 10.0
_SECONDS_BEFORE_GUESSING = 3.0
"""Loading torch and the first checkpoint takes two: a rate over less says nothing of the time left."""


@dataclass(frozen=True, kw_only=True)
class Moment:
    """How far one task is."""

    task: str
    done: int
    total: int
    skipped: int = 0
    """Of `done`, what did not have to be done now."""
    unit: str = ""
    """What is counted, where its rate is worth telling."""
    note: str = ""


Show = Callable[[Moment], None]


@contextmanager
def progress() -> Iterator[Show]:
    """Yield what shows a moment: to a terminal at once, to a log every ten seconds."""
    bars = _bars() if sys.stderr.isatty() else None
    if bars is None:
        yield _log()
        return
    with bars:
        yield _moving(bars)


@contextmanager
def resumable() -> Iterator[None]:
    """Tell whoever interrupts the work within that it was not in vain."""
    try:
        yield
    except KeyboardInterrupt:
        click.echo("Stopped; what is done is kept, and the same command goes on from there.", err=True)
        raise


@dataclass(frozen=True)
class _Begin:
    """The first moment of a task, and its time."""

    at: float
    moment: Moment


def _bars() -> Progress | None:
    """One line a task; None on a terminal that cannot move its cursor."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    console = Console(stderr=True, highlight=False)
    if not console.is_interactive:
        return None
    columns = (TextColumn("{task.description}"), BarColumn(bar_width=16), TextColumn("{task.fields[words]}"))
    return Progress(*columns, console=console, transient=True)


def _moving(bars: Progress) -> Show:
    began: dict[str, _Begin] = {}
    rows: dict[str, TaskID] = {}

    def show(now: Moment) -> None:
        if now.task not in began:
            began[now.task] = _Begin(time.monotonic(), now)
            rows[now.task] = bars.add_task(now.task, words="")
        bars.update(rows[now.task], total=now.total, completed=now.done, words=_words(now, began[now.task]))

    return show


def _log() -> Show:
    began: dict[str, _Begin] = {}
    told = time.monotonic()

    def show(now: Moment) -> None:
        nonlocal told
        begin = began.setdefault(now.task, _Begin(time.monotonic(), now))
        if time.monotonic() - told >= _SECONDS_BETWEEN_LINES:
            told = time.monotonic()
            click.echo(f"{now.task}: {_words(now, begin)}", err=True)

    return show


def _words(now: Moment, begin: _Begin) -> str:
    """Such as `step 384, 34%, 601 sequences/s, 3,584 skipped, 0:40 left`."""
    elapsed = time.monotonic() - begin.at
    worked = (now.done - now.skipped) - (begin.moment.done - begin.moment.skipped)
    parts = [now.note, f"{now.done / now.total:.0%}" if now.total else ""]
    if worked > 0 and elapsed > 0:
        parts.append(f"{worked / elapsed:,.0f} {now.unit}/s" if now.unit else "")
    parts.append(f"{now.skipped:,} skipped" if now.skipped else "")
    if worked > 0 and elapsed >= _SECONDS_BEFORE_GUESSING and now.done < now.total:
        parts.append(f"{_clock((now.total - now.done) * elapsed / worked)} left")
    return ", ".join(part for part in parts if part)


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
