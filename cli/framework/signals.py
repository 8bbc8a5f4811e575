"""Ctrl-C, a request to end (SIGTERM) and a closed terminal (SIGHUP) end a command alike: it cleans up, and says 128 + the signal."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

__all__ = ["EndedError", "asked_to_end", "drained", "end_if_asked", "ended_tidily", "exit_code"]

_SIGNALS = [number for name in ("SIGINT", "SIGTERM", "SIGHUP") if (number := getattr(signal, name, None)) is not None]


_asked: list[int] = []
"""The signal that asked for the end, until the command ends or `asked_to_end` has told it."""


class EndedError(KeyboardInterrupt):
    """A signal asks this process to end: all that cleans up after a Ctrl-C does so after this."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number


def exit_code(error: BaseException) -> int:
    """What a shell calls the end by the signal that raised this, or else by Ctrl-C."""
    return 128 + (error.number if isinstance(error, EndedError) else signal.SIGINT)


@contextmanager
def ended_tidily() -> Iterator[None]:
    """Let signals that ask to end raise `EndedError` here, each once; one that is ignored, as nohup does, stays so."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in _SIGNALS}
    for number, handler in before.items():
        if handler is not signal.SIG_IGN:
            signal.signal(number, _end)
    report = sys.unraisablehook
    sys.unraisablehook = lambda dropped: None if isinstance(dropped.exc_value, EndedError) else report(dropped)
    try:
        yield
    finally:
        sys.unraisablehook = report
        _asked.clear()
        for number, handler in before.items():
            if handler is not None:  # One that was set by C code cannot be set back from here.
                signal.signal(number, handler)


@contextmanager
def drained(ask: Callable[[], None]) -> Iterator[None]:
    """Let the first SIGTERM here call `ask`, which lets work come to its end; the next ends the command as elsewhere."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGTERM)

    def first(_number: int, _frame: FrameType | None) -> None:
        signal.signal(signal.SIGTERM, before)
        ask()

    if before is not signal.SIG_IGN:
        signal.signal(signal.SIGTERM, first)
    try:
        yield
    finally:
        # Where a second one came, it is ignored from then on, so that nothing breaks into the cleaning up.
        if before is not None and signal.getsignal(signal.SIGTERM) is first:
            signal.signal(signal.SIGTERM, before)


def end_if_asked() -> None:
    """Raise `EndedError` once more where a signal came and the work continues.

    Python drops what is raised while it collects garbage or runs a callback of C code, and a signal may come just then.
    """
    if (number := asked_to_end()) is not None:
        raise EndedError(number)


def asked_to_end() -> int | None:
    """The signal that asked this command to end; None where none did. It answers once for each signal."""
    return _asked.pop() if _asked else None


def _end(number: int, _frame: FrameType | None) -> None:
    _asked[:] = [number]
    if number != signal.SIGINT:  # Whoever asks every second must not break into the cleaning up; a person may.
        signal.signal(number, signal.SIG_IGN)
    raise EndedError(number)
