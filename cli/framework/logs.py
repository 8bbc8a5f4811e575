"""What modules log, written by the one place that writes to terminals."""

from __future__ import annotations

import logging

from seenat.cli.framework.terminal import say
from seenat.registry.printable import one_line

__all__ = ["send_logs_to_terminal"]


def send_logs_to_terminal() -> None:
    """Write warnings a line each, where nobody has set up logging."""
    logging.lastResort = _TerminalLog(logging.WARNING)


class _TerminalLog(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        """Write a message in one line."""
        say(one_line(self.format(record)))
