"""The log: a JSON line for each request and each fault, to stderr. Queries are left out: they hold visitors' texts."""

from __future__ import annotations

import json
import logging
import sys
import time
from contextlib import suppress
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

__all__ = ["LOG", "log_to_stderr", "note", "note_request"]

LOG = logging.getLogger("seenat.service")
_encode = json.JSONEncoder().encode


class _JsonLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        level = record.levelname.lower()
        line: dict[str, Any] = {"time": _moment(record.created), "level": level, "event": record.getMessage()}
        line |= getattr(record, "seenat", {})
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return _encode(line)


def _moment(seconds: float) -> str:
    return f"{_second(int(seconds))}.{int(seconds % 1 * 1000):03d}Z"


@lru_cache(2)
def _second(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def log_to_stderr(level: int = logging.INFO) -> None:
    """Write what the service and uvicorn log as JSON lines."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_JsonLines())
    for logger, least in ((LOG, level), (logging.getLogger("uvicorn"), logging.WARNING)):
        logger.handlers = [handler]
        logger.propagate = False
        logger.setLevel(least)


def note(event: str, level: int = logging.INFO, *, fault: BaseException | None = None, **facts: Any) -> None:
    """Log an event with facts beside it."""
    if LOG.isEnabledFor(level):
        LOG.log(level, event, extra={"seenat": facts}, exc_info=fault)


def note_request(**facts: Any) -> None:
    """As `note`, for what happens a thousand times a second: a record of `logging` takes as long as a look-up."""
    for handler in LOG.handlers if LOG.isEnabledFor(logging.INFO) else ():
        if isinstance(handler, logging.StreamHandler):
            line = _encode({"time": _moment(time.time()), "level": "info", "event": "request", **facts})
            with suppress(OSError):  # Nobody reads the log any more.
                handler.stream.write(f"{line}\n")
