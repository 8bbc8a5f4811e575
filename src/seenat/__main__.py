"""The `seenat` command, and `python -m seenat`. Until the command line is loaded, signals end the process at once and silently.

Whoever is interrupted, or has lost its reader, ends by that signal in the end, as others do: a loop of a shell goes on after a
command that says 130 itself, and stops after one that was ended by Ctrl-C.
"""

from __future__ import annotations

import atexit
import os
import signal
import sys
from contextlib import suppress
from types import FrameType

__all__ = ["main"]

_TAKEN_BACK = {128 + signal.SIGINT: signal.SIGINT}
if sys.platform != "win32":
    _TAKEN_BACK[128 + signal.SIGPIPE] = signal.SIGPIPE


def _end(number: int, _frame: FrameType | None) -> None:
    """Nothing has begun, or all is done: a traceback through imports would tell nobody anything."""
    if number == signal.SIGINT:
        _end_by(signal.SIGINT)
    os._exit(128 + number)


def _end_by(number: signal.Signals) -> None:
    for stream in (sys.stdout, sys.stderr):
        with suppress(Exception):  # It may be closed, full, or half taken down.
            stream.flush()
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)


def _end_by_first(numbers: list[signal.Signals]) -> None:
    if numbers:
        _end_by(numbers[0])


def main() -> None:
    """Run the command line and exit."""
    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _end)
    by: list[signal.Signals] = []
    atexit.register(_end_by_first, by)  # What is registered first comes last, once all is cleaned up.
    from seenat.cli.main import main as run

    try:
        run()
    except SystemExit as stop:
        if isinstance(stop.code, int) and stop.code in _TAKEN_BACK:
            by.append(_TAKEN_BACK[stop.code])
        raise


if __name__ == "__main__":
    main()
