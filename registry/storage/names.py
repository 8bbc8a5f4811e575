"""Names of files that users give: whether they can be written down as text."""

from __future__ import annotations

import os
from pathlib import Path

from seenat.registry.errors import InvalidValue

__all__ = ["check_name", "shown_name"]


def check_name(path: Path) -> None:
    """Raise `InvalidValue` for a path that is no UTF-8: the catalog, JSON and most libraries hold paths as text only."""
    try:
        str(path.absolute()).encode()
    except UnicodeEncodeError:
        raise InvalidValue(
            f"{shown_name(path.absolute())} has bytes in its name that are not UTF-8; rename that file or folder."
        ) from None


def shown_name(path: Path) -> str:
    """A path as text, with bytes that are no UTF-8 as `\\xff`."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")
