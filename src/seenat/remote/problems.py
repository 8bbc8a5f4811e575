"""Errors as a service tells them: the end of a problem's type is an error's class."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from seenat.registry import errors
from seenat.registry.errors import NotFound, SeenatError, UnknownParameter, Unreachable
from seenat.registry.printable import in_a_sentence

__all__ = ["PROBLEM", "error_of", "problem_kind"]

PROBLEM = "application/problem+json"
"""The media type of a problem."""

_PREFIX = "urn:seenat:"


def problem_kind(error: type[BaseException]) -> str:
    """The class of an error as the end of a problem's type: `unknown-checkpoint`."""
    return re.sub(r"(?<!^)(?=[A-Z])", "-", error.__name__).lower()


def error_of(problem: Mapping[str, Any]) -> SeenatError:
    """The error that a problem tells of; `Unreachable` for one of a kind that this version does not have."""
    told = str(problem.get("detail", "")) or "The service tells no reason."
    kind = _KINDS.get(str(problem.get("type", "")).removeprefix(_PREFIX), Unreachable)
    nearest = problem.get("nearest")
    nearest = nearest if isinstance(nearest, list) else []
    if issubclass(kind, NotFound):
        about = {name: problem.get(name) for name in ("model", "order", "step")}
        return kind(told, nearest, **about)
    if issubclass(kind, UnknownParameter):
        return kind(told, nearest)
    return kind(told if kind is not Unreachable else f"The service says: {in_a_sentence(told)}.")


_KINDS: dict[str, type[SeenatError]] = {
    problem_kind(kind): kind for name in errors.__all__ if (kind := getattr(errors, name))
}
