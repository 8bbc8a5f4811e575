"""What answers look like, as JSON schemas, from the annotations of their classes.

Where a class makes its JSON itself, or a key is a property without an annotation, anything may stand. More keys may come, so
no schema forbids others.
"""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import Any, get_args, get_origin

import seenat
from seenat.registry.answer import Answer, Answers, TableAnswer
from seenat.registry.units import HalfOpenRange
from seenat.remote.reading.hints import annotation, hints_of

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
        hint = hints_of(method).get("return", Any)
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

    def _object(self, kind: Any) -> dict[str, Any]:
        hints = hints_of(kind)
        names = getattr(kind, "json_names", ()) or [field.name for field in fields(kind)]
        optional = getattr(kind, "json_only_with", {})
        properties = {}
        for listed in names:
            key, _, attribute = listed.partition("=")
            properties[key] = self.of(annotation(kind, attribute or key, hints))
        required = [key for key in properties if key not in optional]
        summary = inspect.getdoc(kind) or ""
        return {"type": "object", "description": summary, "properties": properties, "required": required}


def _makes_own_json(kind: type[Any]) -> bool:
    own = getattr(kind, "to_json", None)
    return hasattr(kind, "to_answer") or (own is not None and own is not getattr(Answer, "to_json", None))


def _either(schemas: list[dict[str, Any]]) -> dict[str, Any]:
    if any(not schema for schema in schemas):
        return {}
    if all(schema.keys() == {"type"} for schema in schemas):
        return {"type": [schema["type"] for schema in schemas]}
    return {"anyOf": schemas}
