"""Answers as a service sends them: read by the attributes that the library's have, which come from the JSON.

    step.sequences_seen.stop        an object's keys are its attributes; a range is a `HalfOpenRange`
    found.exposures[0].step         a list is a tuple of answers, with `to_pandas` and `to_arrow`
    batch.to_json()                 the JSON itself

What kind of answer it is, the annotation of the method says: a property of its class is computed from the JSON as from the
answer itself, and a key that stands only at times is None at others.
"""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from functools import cache, partial
from typing import Any, get_args, get_origin

from seenat.registry.answer import Answer, Answers, one_line
from seenat.registry.units import HalfOpenRange
from seenat.remote.reading.hints import annotation, public
from seenat.remote.reading.views import VIEWS, WHOLE

__all__ = ["RemoteAnswer", "read_answer"]

_LONGEST_LINE = 400


class RemoteAnswer:
    """An object of a service's JSON. It is frozen, and equal to an answer with the same JSON."""

    def __init__(self, json: Mapping[str, Any], kind: Any = None) -> None:
        self._json, self._kind = json, kind
        self._values: dict[str, Any] = {}

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name in ("_json", "_kind", "_values", "_repr_mimebundle_"):
            raise AttributeError(name)
        if name not in self._values:
            self._values[name] = self._read(name)
        return self._values[name]

    def _read(self, name: str) -> Any:
        kind = self._kind
        if kind is not None and (view := _view(kind, name)) is not None:
            return view(self)
        key = name if kind is None else _keys(kind).get(name, name)
        if key in self._json:
            return read_answer(self._json[key], _hint(kind, name))
        found = None if kind is None else inspect.getattr_static(kind, name, None)
        if isinstance(found, property) and found.fget is not None:
            return found.fget(self)
        if isinstance(found, types.FunctionType):
            return partial(found, self)
        if (getter := getattr(found, "func", None)) is not None:
            return getter(self)
        if kind is not None and name in _defaults(kind):
            return _defaults(kind)[name]
        raise AttributeError(f"This answer of a service has no {name!r}; it has {', '.join(self._json)}.")

    def __dir__(self) -> list[str]:
        return [*self._json, "to_json"]

    def __eq__(self, other: object) -> bool:
        if isinstance(other, RemoteAnswer | Answer):
            return bool(self._json == other.to_json())
        return NotImplemented

    def __hash__(self) -> int:
        return hash(tuple(self._json))

    def __repr__(self) -> str:
        shown = ", ".join(f"{key}={one_line(read_answer(value), 60)}" for key, value in self._json.items())
        return f"RemoteAnswer({shown if len(shown) <= _LONGEST_LINE else shown[:_LONGEST_LINE] + '...'})"

    def _table(self) -> Any:
        """Its rows; raises `TypeError` for an answer that is no table."""
        if (name := getattr(self._kind, "table_field", None)) is None:
            raise TypeError("This answer of a service is no table; read its attributes.")
        return getattr(self, name)

    def __len__(self) -> int:
        return len(self._table())

    def __bool__(self) -> bool:
        return True

    def __iter__(self) -> Iterator[Any]:
        return iter(self._table())

    def __getitem__(self, index: Any) -> Any:
        rows = self._table()[index]
        return Answers(rows) if isinstance(index, slice) else rows

    def __str__(self) -> str:
        own = None if self._kind is None else self._kind.__str__
        return repr(self) if own in (None, object.__str__) else str(own(self))

    def to_json(self) -> dict[str, Any]:
        """What the service sent."""
        return dict(self._json)

    def _repr_html_(self) -> str:
        from seenat.registry.notebook import facts

        return facts(self.to_json())


def read_answer(json: Any, hint: Any = None) -> Any:
    """A JSON value as an answer: objects by attributes, ranges and lists of answers as the library has them."""
    origin, inner = get_origin(hint), get_args(hint)
    if origin in (typing.Union, types.UnionType):
        kinds = [entry for entry in inner if entry is not type(None)]
        return read_answer(json, kinds[0] if len(kinds) == 1 else None)
    if isinstance(json, Mapping):
        return _object(json, origin or hint)
    if isinstance(json, list):
        entry = _entry(hint, origin, inner)
        return Answers(read_answer(value, entry) for value in json)
    return json


def _object(json: Mapping[str, Any], kind: Any) -> Any:
    if json.keys() == {"start", "stop"} and all(isinstance(value, int) for value in json.values()):
        return HalfOpenRange(json["start"], json["stop"])
    if not isinstance(kind, type):
        return RemoteAnswer(json)
    if kind.__name__ in WHOLE:
        return WHOLE[kind.__name__](json)
    if issubclass(kind, tuple) and hasattr(kind, "_fields"):
        return kind(**json)
    if issubclass(kind, Mapping):
        return dict(json)
    return RemoteAnswer(json, kind if is_dataclass(kind) else None)


def _entry(hint: Any, origin: Any, inner: tuple[Any, ...]) -> Any:
    """What the entries of a list are."""
    if isinstance(hint, type) and hint.__name__ == "Models":
        return public("ModelSummary")
    return inner[0] if inner and isinstance(origin, type) and issubclass(origin, tuple) else None


@cache
def _keys(kind: Any) -> dict[str, str]:
    """The key of each attribute that has another name."""
    pairs = (listed.partition("=") for listed in getattr(kind, "json_names", ()))
    return {attribute: key for key, _, attribute in pairs if attribute}


@cache
def _defaults(kind: Any) -> dict[str, Any]:
    """What attributes are whose keys need not stand in the JSON."""
    return {field.name: _default(kind, field) for field in fields(kind)}


def _default(kind: Any, field: Field[Any]) -> Any:
    if field.default is not MISSING:
        return field.default
    origin: Any = get_origin(_hint(kind, field.name))
    return () if origin is tuple else None


@cache
def _view(kind: Any, name: str) -> Any:
    return VIEWS.get((kind.__name__, name))


@cache
def _hint(kind: Any, name: str) -> Any:
    return None if kind is None else annotation(kind, name)
