"""Values as they stand in the body of a request that writes: how each is described, and read by its description.

A body is one JSON object. Its keys are those of a table, and a value is what its JSON schema says, so that what is described
and what is read cannot differ. Only what the schemas here use is understood.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from seenat.registry.errors import InvalidValue, UnknownParameter
from seenat.registry.units import HalfOpenRange

__all__ = ["PRIORITY", "SUBMISSION", "Field", "body_value", "read_body"]

_MOST = 10**18 - 1
_KINDS: dict[str, type[Any]] = {"string": str, "integer": int, "boolean": bool, "array": list}


@dataclass(frozen=True, kw_only=True)
class Field:
    """A key of a body."""

    about: str
    schema: Mapping[str, Any]
    """Of JSON schema: what a value must be."""


def read_body(fields: Mapping[str, Field], required: Sequence[str], body: Any) -> dict[str, Any]:
    """The values of a body, each as its field says; raises `InvalidValue`, and `UnknownParameter` with the nearest keys."""
    if not isinstance(body, dict):
        raise InvalidValue(
            f"The body of this request is no JSON object; send one with {', '.join(required) or 'no key'}."
        )
    for key in body:
        if key not in fields:
            nearest = get_close_matches(key, fields, n=3, cutoff=0.5) or list(fields)
            takes = f"it takes {', '.join(fields)}" if fields else "it takes none"
            raise UnknownParameter(f"The body of this request has no key {key!r}; {takes}.", nearest)
    for key in required:
        if key not in body:
            raise InvalidValue(f"The body of this request needs {key}; {fields[key].about}")
    for key, value in body.items():
        if (wrong := _fault(fields[key].schema, value)) is not None:
            raise InvalidValue(f"{key} of this body {wrong}. {fields[key].about}")
    return dict(body)


def body_value(value: Any) -> Any:
    """An argument of a method as it stands in a body: a model by its name, a range as text, what can be walked as a list."""
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, HalfOpenRange):
        return str(value)
    if (name := getattr(value, "name", None)) is not None:
        return name
    try:
        return [body_value(entry) for entry in value]
    except TypeError:
        raise InvalidValue(
            f"{value!r} cannot be sent to a service; write a number, a text or a list of them."
        ) from None


def _fault(schema: Mapping[str, Any], value: Any) -> str | None:
    """What is wrong with a value; None where it is what a schema says."""
    if "anyOf" in schema:
        faults = [_fault(one, value) for one in schema["anyOf"]]
        return None if None in faults else " and ".join(fault for fault in faults if fault)
    kind = schema["type"]
    if not isinstance(value, _KINDS[kind]) or (kind == "integer" and isinstance(value, bool)):
        return f"is no {kind}"
    if kind == "string":
        return _fault_of_text(schema, value)
    if kind == "integer":
        return _fault_of_number(schema, value)
    return _fault_of_list(schema, value) if kind == "array" else None


def _fault_of_text(schema: Mapping[str, Any], value: str) -> str | None:
    if "enum" in schema and value not in schema["enum"]:
        return f"is {value[:60]!r}, not {' or '.join(schema['enum'])}"
    if not schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", _MOST):
        return f"has {len(value):,} characters, and may have {schema.get('minLength', 0)} to {schema['maxLength']:,}"
    # `$` of a schema is the end, and Python's is also what stands before the last line end.
    if "pattern" in schema and not re.fullmatch(schema["pattern"].removeprefix("^").removesuffix("$"), value):
        return f"is {value[:60]!r}, which is not as it is written"
    if "\0" in value or not _is_utf8(value):
        return "holds what no text has: half a character, or one of number 0"
    return None


def _fault_of_number(schema: Mapping[str, Any], value: int) -> str | None:
    least, most = schema.get("minimum", 0), schema.get("maximum", _MOST)
    if least <= value <= most:
        return None
    return f"is too large: {value}" if value > most >= _MOST else f"is not from {least} to {most:,}"


def _fault_of_list(schema: Mapping[str, Any], value: list[Any]) -> str | None:
    if not schema["minItems"] <= len(value) <= schema["maxItems"]:
        return f"holds {len(value):,} values, and may hold {schema['minItems']} to {schema['maxItems']:,}"
    faults = (_fault(schema["items"], entry) for entry in value)
    return next((f"holds a value that {fault}" for fault in faults if fault), None)


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


# -- what is submitted


def _text(about: str, longest: int, **more: Any) -> Field:
    return Field(about=about, schema={"type": "string", "minLength": 1, "maxLength": longest, **more})


def _number(about: str, least: int = 0, most: int = _MOST) -> Field:
    return Field(about=about, schema={"type": "integer", "minimum": least, "maximum": most})


def _choice(about: str, *values: str) -> Field:
    return Field(about=about, schema={"type": "string", "enum": list(values)})


def _flag(about: str) -> Field:
    return Field(about=about, schema={"type": "boolean"})


def _one_or_more(about: str, one: Mapping[str, Any], most: int) -> Field:
    return Field(about=about, schema={"anyOf": [one, {"type": "array", "items": one, "minItems": 1, "maxItems": most}]})


_LENGTH = {"type": "integer", "minimum": 1, "maximum": 2048}
_STEP = {
    "anyOf": [
        {"type": "integer", "minimum": 0, "maximum": _MOST},
        {"type": "string", "minLength": 1, "maxLength": 100},
    ]
}

PRIORITY: Mapping[str, Field] = {"priority": _number("Workers take jobs of a greater priority first.", -1000, 1000)}
"""What `Catalog.prioritize` takes."""
SUBMISSION: Mapping[str, Field] = {
    "model": _text("A model by its name, an alias or its hub repository.", 300),
    "steps": Field(
        about="Checkpoints to measure: all, a list of steps, or text such as 1,2,64:128,last.",
        schema={
            "anyOf": [
                {"type": "string", "minLength": 1, "maxLength": 20000},
                {"type": "array", "items": _STEP, "minItems": 1, "maxItems": 4096},
            ]
        },
    ),
    "sequences": _text("Only this half-open range, START:STOP.", 80, pattern="^[^:]*:[^:]*$"),
    "sample": _number("Only this many sequences, drawn at random.", 1),
    "seed": _number("Seed of the draw.", 0, 2**63 - 1),
    "unseen": _flag("Also measure sequences that a checkpoint had not seen yet."),
    "measure": _choice("What is measured.", "prefix", "score", "loss"),
    "prompt": _one_or_more("Ids given to the model; several lengths are a job each.", _LENGTH, 8),
    "continuation": _one_or_more("Ids to reproduce; several lengths are a job each.", _LENGTH, 8),
    "offset": _number("Ids before the prompt.", 0, 10**6),
    "eos": _choice("Whether decoding may end a document.", "banned", "allowed"),
    "dtype": _choice("Type of weights and arithmetic.", "float32", "bfloat16", "float16", "bfloat16-rechecked"),
    "allow_suspect": _flag("Also measure checkpoints that may hold other weights."),
    "name": _text("What the job is called.", 200),
    **PRIORITY,
    "same_device": _flag("Measure all of it on one kind of device, and refuse others."),
    "note": _text("What else there is to say of the job.", 4000),
}
"""What `Catalog.submit` takes."""
