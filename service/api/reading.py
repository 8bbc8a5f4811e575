"""The values of a request's address: each is read by its parameter's kind, and nothing else may stand there."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any, Protocol
from urllib.parse import parse_qsl, unquote_to_bytes

from seenat.registry.errors import InvalidValue, TooLarge, UnknownParameter
from seenat.remote.parameters import Parameter
from seenat.remote.routes import Route

__all__ = ["Addressed", "check_place", "check_text", "read_fields", "read_values"]

_MOST_FIELDS = 200


class Addressed(Protocol):
    """What has an address with parameters: a route, or a page."""

    @property
    def path(self) -> str:
        """With `{model}` and the like."""

    @property
    def query(self) -> tuple[str, ...]:
        """Parameters behind the question mark."""

    @property
    def in_path(self) -> tuple[str, ...]:
        """Parameters that stand in the path."""

    @property
    def parameters(self) -> Mapping[str, Parameter]:
        """All of them, by the key under which their values are known."""


def check_text(raw_path: bytes) -> None:
    """Raise `InvalidValue` for a path that is not UTF-8."""
    try:
        unquote_to_bytes(raw_path).decode()
    except UnicodeDecodeError:
        raise InvalidValue("The path of this address is not UTF-8; encode it as UTF-8, then as %XX.") from None


def read_values(route: Route, in_path: Mapping[str, str], query: bytes) -> dict[str, Any]:
    """The values of a request, by the keys of the route's parameters; raises `InvalidValue`."""
    values = read_fields(route, in_path, query)
    _check_complete(route, values)
    check_place(route, values)
    return values


def read_fields(route: Addressed, in_path: Mapping[str, str], query: bytes) -> dict[str, Any]:
    """The values that stand in an address, whether or not they are all that is needed; raises `InvalidValue`."""
    parameters = route.parameters
    values: dict[str, Any] = {key: _read(parameters[key], in_path[key]) for key in route.in_path}
    by_name = {parameters[key].name: key for key in route.query} if query else {}
    for name, text in _fields(query) if query else ():
        if name not in by_name:
            raise _unknown(route, name, list(by_name))
        key = by_name[name]
        value = _read(parameters[key], text)
        if parameters[key].many:
            values.setdefault(key, []).append(value)
        elif key in values:
            raise InvalidValue(f"{name} stands twice in this address; write it once.")
        else:
            values[key] = value
    return values


def _fields(query: bytes) -> list[tuple[str, str]]:
    try:
        return parse_qsl(query.decode(), keep_blank_values=True, errors="strict", max_num_fields=_MOST_FIELDS)
    except UnicodeDecodeError:
        raise InvalidValue("The query of this address is not UTF-8; encode it as UTF-8, then as %XX.") from None
    except ValueError:
        raise TooLarge(f"This address has more than {_MOST_FIELDS} parameters; ask several times.") from None


def _read(parameter: Parameter, text: str) -> Any:
    try:
        return parameter.read(text)
    except InvalidValue as error:
        if str(error).startswith(parameter.name):
            raise
        raise InvalidValue(f"{parameter.name}: {error}") from None


def _unknown(route: Addressed, name: str, known: list[str]) -> UnknownParameter:
    nearest = get_close_matches(name, known, n=3, cutoff=0.5) or known
    takes = f"it takes {', '.join(known)}" if known else "it takes none"
    return UnknownParameter(f"{route.path} has no parameter {name!r}; {takes}.", nearest)


def _check_complete(route: Route, values: Mapping[str, Any]) -> None:
    for key in route.required:
        if key not in values:
            raise InvalidValue(f"{route.path} needs {route.parameters[key].name}; {route.parameters[key].about}")
    if "text" in route.query and ("text" in values) == ("ids" in values):
        raise InvalidValue(f"{route.path} needs either text or ids, the one or the other.")


def check_place(route: Route, values: Mapping[str, Any]) -> None:
    """Raise `InvalidValue` where `after` is no place of this route's pages."""
    if "after" in values and route.pages != (len(values["after"]) if isinstance(values["after"], tuple) else 1):
        written = "A number" if route.pages == 1 else "Two numbers with a colon"
        raise InvalidValue(f"{written} must stand for after; take the address that the page before gave.")
