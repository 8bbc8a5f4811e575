"""The project's own source files, and what they import: what the tests of the house look at."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

__all__ = ["PACKAGED", "ROOMS", "ROOT", "imported_modules", "imports", "module_of", "name_of", "packages", "tree_of"]

ROOT = Path(__file__).parents[2]
ROOMS = ("registry", "memorization", "attribution", "service", "migrations", "cli")
"""Folders of the root that are installed as `seenat.NAME`."""
PACKAGED = ROOT / "src" / "seenat"


def name_of(path: Path) -> str:
    """A file's path from the root, with slashes."""
    return path.relative_to(ROOT).as_posix()


@cache
def tree_of(path: Path) -> ast.Module:
    """A file's syntax tree."""
    return ast.parse(path.read_text(encoding="utf-8"))


def packages(*folders: str) -> list[Path]:
    """Every folder with an `__init__.py` in or below some folders of the root."""
    return sorted(path.parent for folder in folders for path in (ROOT / folder).rglob("__init__.py"))


def module_of(path: Path) -> str:
    """The name under which a file of a room is imported."""
    place = path.relative_to(PACKAGED) if path.is_relative_to(PACKAGED) else path.relative_to(ROOT)
    parts = [part for part in place.with_suffix("").parts if part != "__init__"]
    return ".".join(["seenat", *parts])


def imports(tree: ast.AST) -> Iterator[str]:
    """Every module that is imported somewhere within, in functions and for types only too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""
            if node.module == "seenat":
                yield from (f"seenat.{alias.name}" for alias in node.names)


def imported_modules(tree: ast.AST, known: set[str]) -> Iterator[str]:
    """The modules among `known` that are imported somewhere within; a package's submodule counts as itself."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in known)
        elif isinstance(node, ast.ImportFrom) and node.module in known:
            for alias in node.names:
                submodule = f"{node.module}.{alias.name}"
                yield submodule if submodule in known else node.module
