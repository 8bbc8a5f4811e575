"""Paths below a catalog's folder, stored relative to it, so that the folder may be moved or copied as a whole.

Readers and writers see absolute paths; only the database holds `home:pocket/SUITE.toml`. The folder is the one in which a SQLite
catalog lies, with its results and indexes. A PostgreSQL catalog lies in none, so there paths stay absolute, and so do paths
elsewhere, addresses and names of repositories in either.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from weakref import WeakKeyDictionary

from sqlalchemy import Dialect, Engine, Text
from sqlalchemy.types import TypeDecorator

__all__ = ["HomePath", "keep_paths_below"]

_MARK = "home:"  # No path begins so, since all are absolute, and no repository's name holds a colon.


@dataclass(frozen=True)
class _Home:
    file: Path
    """The catalog, as it was named."""

    @cached_property
    def folder(self) -> str:
        """The folder as it was named, so that paths come back as they were written; of a link to a file, where it leads."""
        return str(self.file.parent if str(self.file.parent.resolve()) == self.resolved else self.resolved)

    @cached_property
    def resolved(self) -> str:
        return str(self.file.resolve().parent)

    def shortened(self, path: str) -> str:
        for folder in (self.folder, self.resolved):
            if path == folder:
                return f"{_MARK}."
            if path.startswith(f"{folder.rstrip('/')}/"):
                return _MARK + path[len(folder.rstrip("/")) + 1 :]
        return path

    def whole(self, stored: str) -> str:
        if not stored.startswith(_MARK):
            return stored
        rest = stored.removeprefix(_MARK)
        return self.folder if rest == "." else f"{self.folder.rstrip('/')}/{rest}"


_HOMES: WeakKeyDictionary[Dialect, _Home] = WeakKeyDictionary()


def keep_paths_below(engine: Engine, file: Path) -> None:
    """Let the columns of an engine hold paths relative to the folder of this catalog."""
    _HOMES[engine.dialect] = _Home(file)


class HomePath(TypeDecorator[str]):
    """A column of absolute paths, or of anything else that is left alone."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """What is stored."""
        home = _HOMES.get(dialect)
        return value if value is None or home is None else home.shortened(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> str | None:
        """What is read."""
        home = _HOMES.get(dialect)
        return value if value is None or home is None else home.whole(value)
