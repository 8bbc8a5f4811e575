"""Why something is missing from a page, and the command that would fill it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from seenat.registry.errors import SeenatError

__all__ = ["Missing", "missing"]

_COMMAND = re.compile(r"[;,]? ?(?:run|see with|see|with)? ?`(seenat [^`]+)`")


@dataclass(frozen=True)
class Missing:
    """What is not there."""

    sentence: str
    command: str | None = None


def missing(error: SeenatError) -> Missing:
    """An error's sentence, and the command that it names."""
    text = str(error)
    found = _COMMAND.search(text)
    if found is None:
        return Missing(text)
    return Missing(text[: found.start()].rstrip() + ".", found[1])
