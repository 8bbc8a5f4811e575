"""Files among which anything may lie: a folder, or a pipe that a reader would wait for, in the place of a file."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

__all__ = ["is_regular", "make_way", "open_regular", "read_regular", "remove_regular"]

_ASIDE = ".in-the-way"
"""Suffix of what lay where a file of seenat's belongs; nothing reads it."""


def is_regular(path: Path) -> bool:
    """Whether a file lies there, or a link to one."""
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except (OSError, ValueError):
        return False


@contextmanager
def open_regular(path: Path) -> Iterator[BinaryIO]:
    """A file, open for reading; raises `OSError` also for anything that is no file, and never waits for a writer."""
    # Opening a pipe waits until somebody writes to it, unless told otherwise.
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "Not a file", str(path))
        yield file


def read_regular(path: Path) -> bytes | None:
    """What a file holds; None where none is, or something else. Raises `OSError` for a file that cannot be read."""
    try:
        with open_regular(path) as file:
            return file.read()
    except OSError:
        if is_regular(path):
            raise
        return None


def remove_regular(path: Path) -> None:
    """Delete a file, if it is there; anything else stays."""
    if is_regular(path):
        path.unlink(missing_ok=True)


def make_way(path: Path, within: Path) -> None:
    """Move aside what lies where a file is due and is none, and what is no folder among the folders on the way to it."""
    for place in reversed([path, *path.parents[: len(path.relative_to(within).parts)]]):
        is_due = is_regular(place) if place == path else place.is_dir()
        if not is_due and os.path.lexists(place):
            place.rename(_free_name(place))


def _free_name(place: Path) -> Path:
    number = 0
    while os.path.lexists(aside := place.with_name(f"{place.name}{_ASIDE}{number or ''}")):
        number += 1
    return aside
