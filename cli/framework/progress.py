"""Progress of long work, on stderr: moving bars on a terminal, elsewhere a line after a second and then every ten, for logs.

Work reports `Moment`s as often as it likes. Rate and time left are those of this run: what was done before it began, and
what it skips, cost it nothing.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from seenat.cli.framework.signals import end_if_asked
from seenat.cli.framework.terminal import is_terminal, say
from seenat.registry.printable import one_line, shorten

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

__all__ = ["Moment", "Show", "progress", "resumable"]

_SECONDS_BETWEEN_LINES = 10.0
_SECONDS_BEFORE_LINE = 1.0
# Loading torch and the first checkpoint takes two seconds: a rate over less says nothing about the time left.
_SECONDS_BEFORE_GUESS = 3.0


@dataclass(frozen=True, kw_only=True)
class Moment:
    """The progress of one task."""

    task: str
    done: int
    total: int
    skipped: int = 0
    """The part of `done` that did not have to be done now."""
    unit: str = ""
    """What is counted, where its rate is worth showing."""
    note: str = ""


Show = Callable[[Moment], None]


@contextmanager
def progress(
    *, seconds_between_lines: float = _SECONDS_BETWEEN_LINES, seconds_before_guess: float = _SECONDS_BEFORE_GUESS
) -> Iterator[Show]:
    """Yield a function that shows a moment: on a terminal at once, in a log at most once in `seconds_between_lines`.

    Until the first moment a terminal shows that something is being prepared: loading torch takes seconds. The time left is shown once a task has run for `seconds_before_guess`.
    """
    bars = _bars() if is_terminal(sys.stderr) else None
    if bars is None:
        yield _until_asked_to_end(_log(seconds_between_lines, seconds_before_guess))
        return
    with bars:
        yield _until_asked_to_end(_moving(bars, seconds_before_guess))


@contextmanager
def resumable() -> Iterator[None]:
    """Say to whoever interrupts the work that what is done is kept."""
    try:
        yield
    except KeyboardInterrupt:
        say("Stopped. What is done is kept; run the same command to continue.")
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

    def _text(form: str) -> TextColumn:
        return TextColumn(form, markup=False)  # A name may hold brackets.

    console = Console(stderr=True, highlight=False)
    if not console.is_interactive:
        return None
    columns = (_text("{task.description}"), BarColumn(bar_width=16), _text("{task.fields[words]}"))
    return Progress(*columns, console=console, transient=True)


def _until_asked_to_end(show: Show) -> Show:
    def checked(now: Moment) -> None:
        end_if_asked()
        show(now)

    return checked


def _moving(bars: Progress, seconds_before_guess: float) -> Show:
    began: dict[str, _Begin] = {}
    rows: dict[str, TaskID] = {}
    preparing = bars.add_task("preparing", total=None, words="")

    def show(now: Moment) -> None:
        if now.task not in began:
            bars.update(preparing, visible=False)
            began[now.task] = _Begin(time.monotonic(), now)
            rows[now.task] = bars.add_task(shorten(one_line(now.task)), words="")
        words = shorten(one_line(_words(now, began[now.task], seconds_before_guess)))
        bars.update(rows[now.task], total=now.total, completed=now.done, words=words)

    return show


def _log(seconds_between_lines: float, seconds_before_guess: float) -> Show:
    began: dict[str, _Begin] = {}
    last_line = time.monotonic() - max(0.0, seconds_between_lines - _SECONDS_BEFORE_LINE)

    def show(now: Moment) -> None:
        nonlocal last_line
        begin = began.setdefault(now.task, _Begin(time.monotonic(), now))
        if time.monotonic() - last_line >= seconds_between_lines:
            last_line = time.monotonic()
            say(one_line(f"{now.task}: {_words(now, begin, seconds_before_guess)}"))

    return show


def _words(now: Moment, begin: _Begin, seconds_before_guess: float) -> str:
    """For example `step 384, 34%, 601 sequences/s, 3,584 skipped, 0:40 left`."""
    elapsed = time.monotonic() - begin.at
    worked = (now.done - now.skipped) - (begin.moment.done - begin.moment.skipped)
    parts = [now.note, f"{now.done / now.total:.0%}" if now.total else ""]
    if worked > 0 and elapsed > 0:
        parts.append(f"{worked / elapsed:,.0f} {now.unit}/s" if now.unit else "")
    parts.append(f"{now.skipped:,} skipped" if now.skipped else "")
    if worked > 0 and elapsed >= seconds_before_guess and now.done < now.total:
        parts.append(f"{_clock((now.total - now.done) * elapsed / worked)} left")
    return ", ".join(part for part in parts if part)


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
