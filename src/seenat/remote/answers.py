"""What a service answers: the JSON of an answer, read by attributes as the library's own answers are.

An answer's attributes are the keys of its JSON. Ranges are ranges, lists are `Answers`, and `to_json` gives exactly what the
service sent. What only the library's classes have, beyond their JSON, is not here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from seenat.registry.answer import Answer, Answers
from seenat.registry.units import HalfOpenRange

__all__ = ["RemoteAnswer", "read_answer"]

_LONGEST_REPR = 100


class RemoteAnswer:
    """An answer of a service."""

    __slots__ = ("_json", "_values")

    def __init__(self, json: Mapping[str, Any]) -> None:
        self._json = json
        self._values = {key: read_answer(value) for key, value in json.items()}

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or name not in self._values:
            raise AttributeError(f"This answer of a service has no {name!r}; it has {', '.join(self._values)}.")
        return self._values[name]

    def __dir__(self) -> list[str]:
        return [*self._values, "to_json"]

    def __eq__(self, other: object) -> bool:
        if isinstance(other, RemoteAnswer | Answer):
            return bool(self._json == other.to_json())
        return NotImplemented

    def __hash__(self) -> int:
        return hash(tuple(self._values))

    def __repr__(self) -> str:
        shown = [f"{key}={repr(value)[:_LONGEST_REPR]}" for key, value in self._values.items()]
        return f"RemoteAnswer({', '.join(shown)})"

    def to_json(self) -> dict[str, Any]:
        """What the service sent."""
        return dict(self._json)

    def _repr_html_(self) -> str:
        from seenat.registry.notebook import facts

        return facts(self.to_json())


def read_answer(json: Any) -> Any:
    """A JSON value as an answer: objects by attributes, ranges and lists of answers as the library has them."""
    if isinstance(json, Mapping):
        if json.keys() == {"start", "stop"} and all(isinstance(value, int) for value in json.values()):
            return HalfOpenRange(json["start"], json["stop"])
        return RemoteAnswer(json)
    if isinstance(json, list):
        return Answers(read_answer(entry) for entry in json)
    return json
