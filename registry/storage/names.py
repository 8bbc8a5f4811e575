"""Names of files that users give: whether they can be written down as text, and whether a new file may have them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from seenat.registry.errors import InvalidValue

__all__ = ["check_folder", "check_name", "check_new", "shown_name"]


def check_name(path: Path) -> None:
    """Raise `InvalidValue` for a path that is no UTF-8: the catalog, JSON and most libraries hold paths as text only."""
    try:
        str(path.absolute()).encode()
    except UnicodeEncodeError:
        raise InvalidValue(
            f"{shown_name(path.absolute())} has bytes in its name that are not UTF-8; rename that file or folder."
        ) from None


def check_new(path: Path, endings: Sequence[str] = ()) -> None:
    """Check, before the work, that a new file or folder may be made here; `endings` are those that its name may have.

    Raises `InvalidValue` for `-`, for names that are no UTF-8 or end otherwise, and for what exists already.
    """
    if str(path) == "-":
        raise InvalidValue("- means standard output, and this is only written to files; give the name of a new file.")
    check_name(path)
    if endings and path.suffix.lower() not in endings:
        raise InvalidValue(f"{path} does not end in {' or '.join(endings)}, which is what is written; name it so.")
    if path.exists() or path.is_symlink():
        raise InvalidValue(f"{path} exists already; remove it, or write to another place.")


def check_folder(path: Path) -> None:
    """Raise `InvalidValue` where the folder of a new file does not exist: a mistyped path makes no folders."""
    if not path.absolute().parent.exists():
        raise InvalidValue(f"{path.parent} does not exist; make this folder first, or write to another place.")


def shown_name(path: Path) -> str:
    """A path as text, with bytes that are no UTF-8 as `\\xff`."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")
