"""What answers look like, as JSON schemas, from the annotations of their classes.

Where a class makes its JSON itself, or a key is a property without an annotation, anything may stand. More keys may come, so
no schema forbids others.
"""

from __future__ import annotations

import builtins
import inspect
import sys
import types
import typing
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import Any, get_args, get_origin

import seenat
from seenat.registry.answer import Answer, Answers, TableAnswer
from seenat.registry.units import HalfOpenRange

__all__ = ["Schemas"]

_PLAIN = {str: "string", bool: "boolean", int: "integer", float: "number", type(None): "null"}
_RANGE = {
    "type": "object",
    "properties": {"start": {"type": "integer"}, "stop": {"type": "integer"}},
    "required": ["start", "stop"],
}


class Schemas:
    """Schemas of classes, each once, under `components`."""

    def __init__(self) -> None:
        self.components: dict[str, Any] = {}

    def returned(self, method: Any) -> tuple[dict[str, Any], bool]:
        """The schema of what a method returns, and whether that is a list or holds one."""
        hint = _hints(method).get("return", Any)
        base = get_origin(hint) or hint
        is_list = isinstance(base, type) and issubclass(base, tuple | TableAnswer)
        return self.of(hint), is_list

    def of(self, hint: Any) -> dict[str, Any]:
        """The schema of an annotation."""
        origin, inner = get_origin(hint), get_args(hint)
        if origin in (typing.Union, types.UnionType):
            return _either([self.of(entry) for entry in inner])
        if hint in _PLAIN:
            return {"type": _PLAIN[hint]}
        if not isinstance(base := origin or hint, type):
            return {}
        if hint is seenat.Models:
            return {"type": "array", "items": self._component(seenat.ModelSummary)}
        if issubclass(base, HalfOpenRange):
            return _RANGE
        if issubclass(base, Mapping):
            return {"type": "object"}
        if issubclass(base, Answers | Sequence) and not hasattr(base, "_fields"):
            return {"type": "array", "items": self.of(inner[0]) if inner else {}}
        return self._component(base) if is_dataclass(base) else {}

    def _component(self, kind: type[Any]) -> dict[str, Any]:
        if _makes_own_json(kind):
            return {}
        name = kind.__name__
        if name not in self.components:
            self.components[name] = {}  # It may hold itself.
            self.components[name] = self._object(kind)
        return {"$ref": f"#/components/schemas/{name}"}

    def _object(self, kind: type[Any]) -> dict[str, Any]:
        hints = _hints(kind)
        names = getattr(kind, "json_names", ()) or [field.name for field in fields(kind)]
        optional = getattr(kind, "json_only_with", {})
        properties = {}
        for listed in names:
            key, _, attribute = listed.partition("=")
            properties[key] = self.of(_annotation(kind, attribute or key, hints))
        required = [key for key in properties if key not in optional]
        summary = inspect.getdoc(kind) or ""
        return {"type": "object", "description": summary, "properties": properties, "required": required}


def _makes_own_json(kind: type[Any]) -> bool:
    own = getattr(kind, "to_json", None)
    return hasattr(kind, "to_answer") or (own is not None and own is not getattr(Answer, "to_json", None))


def _annotation(kind: type[Any], name: str, hints: Mapping[str, Any]) -> Any:
    """The annotation of a field, or of what a property returns."""
    if name in hints:
        return hints[name]
    found = inspect.getattr_static(kind, name, None)
    getter = found.fget if isinstance(found, property) else getattr(found, "func", None)
    return _hints(getter).get("return", Any) if getter is not None else Any


def _either(schemas: list[dict[str, Any]]) -> dict[str, Any]:
    if any(not schema for schema in schemas):
        return {}
    if all(schema.keys() == {"type"} for schema in schemas):
        return {"type": [schema["type"] for schema in schemas]}
    return {"anyOf": schemas}


class _Names(dict[str, Any]):
    """Names of annotations: of their module, of Python, of seenat; others are anything."""

    def __init__(self, module: Any) -> None:
        super().__init__(vars(module) if module is not None else {})

    def __missing__(self, name: str) -> Any:
        for module in (builtins, typing):
            if hasattr(module, name):
                return getattr(module, name)
        return getattr(seenat, name) if name in seenat.__all__ else _elsewhere(name)


def _elsewhere(name: str) -> Any:
    """Classes of answers that are not public names, from modules that are loaded."""
    for place, module in sorted(sys.modules.items()):
        found = vars(module).get(name) if place.startswith("seenat.") else None
        if isinstance(found, type) and found.__module__.startswith("seenat."):
            return found
    return Any


def _hints(thing: Any) -> dict[str, Any]:
    """The annotations of a function, or of a class and its bases, each as its own module means them."""
    hints: dict[str, Any] = {}
    for owner in reversed(thing.__mro__) if isinstance(thing, type) else (thing,):
        names = _Names(inspect.getmodule(owner))
        for name, written in inspect.get_annotations(owner).items():
            hints[name] = eval(written, {}, names) if isinstance(written, str) else written
    return hints
