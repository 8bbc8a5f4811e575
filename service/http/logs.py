"""The log: a JSON line for each request and each fault, to stderr. Queries are left out: they hold visitors' texts."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Any

__all__ = ["LOG", "log_to_stderr", "note"]

LOG = logging.getLogger("seenat.service")


class _JsonLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        moment = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        line: dict[str, Any] = {"time": moment, "level": record.levelname.lower(), "event": record.getMessage()}
        line |= getattr(record, "seenat", {})
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line)


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
