"""The `seenat` command, and `python -m seenat`. Until the command line is loaded, signals end the process at once and silently."""

from __future__ import annotations

import os
import signal
from types import FrameType

__all__ = ["main"]


def _end(number: int, _frame: FrameType | None) -> None:
    os._exit(128 + number)  # Nothing has begun, or all is done: a traceback through imports would tell nobody anything.


def main() -> None:
    """Run the command line and exit."""
    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _end)
    from seenat.cli.main import main as run

    run()


if __name__ == "__main__":
    main()
