"""The annotations of the library's functions and classes, also of names that their modules import for type checkers only."""

from __future__ import annotations

import builtins
import inspect
import sys
import typing
from collections.abc import Mapping
from functools import cache
from typing import Any

__all__ = ["annotation", "hints_of", "public"]


class _Names(dict[str, Any]):
    """Names of annotations: of their module, of Python, of seenat; others are anything."""

    def __init__(self, module: Any) -> None:
        super().__init__(vars(module) if module is not None else {})

    def __missing__(self, name: str) -> Any:
        for module in (builtins, typing):
            if hasattr(module, name):
                return getattr(module, name)
        return public(name) or _elsewhere(name)


def public(name: str) -> Any:
    """What the package calls so; None where that is no public name."""
    package: Any = sys.modules["seenat"]  # It imports this room, which so cannot import it.
    return getattr(package, name) if name in package.__all__ else None


def _elsewhere(name: str) -> Any:
    """Classes of answers that are not public names, from modules that are loaded."""
    for place, module in sorted(sys.modules.items()):
        found = vars(module).get(name) if place.startswith("seenat.") else None
        if isinstance(found, type) and found.__module__.startswith("seenat."):
            return found
    return Any


@cache
def hints_of(thing: Any) -> dict[str, Any]:
    """The annotations of a function, or of a class and its bases, each as its own module means them."""
    hints: dict[str, Any] = {}
    owners: tuple[Any, ...] = thing.__mro__[::-1] if isinstance(thing, type) else (thing,)
    for owner in owners:
        names = _Names(inspect.getmodule(owner))
        for name, written in inspect.get_annotations(owner).items():
            hints[name] = eval(written, {}, names) if isinstance(written, str) else written
    return hints


def annotation(kind: Any, name: str, hints: Mapping[str, Any] | None = None) -> Any:
    """The annotation of a field, or of what a property returns."""
    hints = hints_of(kind) if hints is None else hints
    if name in hints:
        return hints[name]
    found = inspect.getattr_static(kind, name, None)
    getter = found.fget if isinstance(found, property) else getattr(found, "func", None)
    return hints_of(getter).get("return", Any) if getter is not None else Any
