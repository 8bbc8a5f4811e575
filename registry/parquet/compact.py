"""Thrift's compact protocol, in which Parquet writes footers and headers of pages, read strictly.

A shape says which fields of a struct are wanted: by number, the type of each. What is wanted must have its type and stand
there once; so must every list whose type the format fixes, wanted or not. Other readers skip or believe what is refused
here, and what they read could then be something else. All else is stepped over. Nothing is built of what is not wanted, so
that memory never exceeds a multiple of the bytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["BINARY", "I32", "I64", "STRUCT", "MalformedError", "Shape", "Skipped", "read_struct"]

TRUE, FALSE, BYTE, I16, I32, I64, DOUBLE, BINARY, LIST, SET, MAP, STRUCT = range(1, 13)
_DEEPEST = 16
_LONGEST_NUMBER = 10
_MOST_FIELDS = 1 << 15

Skipped = tuple[int]
"""A list whose elements are of this type, which is stepped over."""
Shape = Mapping[int, "int | Shape | list[Shape] | Skipped"]
"""By a field's number: `I32` or `I64`, the shape of a struct, a list of one shape, or a list to step over."""


class MalformedError(ValueError):
    """Bytes that are no struct of the shape."""


def read_struct(data: bytes, shape: Shape) -> tuple[dict[int, Any], int]:
    """The wanted fields of the struct at the beginning of some bytes, and how many bytes it takes.

    Raises `MalformedError` for anything else.
    """
    reader = _Reader(data)
    try:
        return reader.struct(shape, 0), reader.at
    except IndexError:
        raise MalformedError("it ends within a struct") from None


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self.at = 0

    def struct(self, shape: Shape, depth: int) -> dict[int, Any]:
        if depth > _DEEPEST:
            raise MalformedError(f"structs stand in each other over {_DEEPEST} deep")
        found: dict[int, Any] = {}
        number = 0
        while head := self._byte():
            number = self._number_of_field(head, number)
            kind, wanted = head & 0x0F, shape.get(number)
            if number in found:
                raise MalformedError(f"field {number} stands there twice")
            if wanted is None:
                self._skip(kind, depth)
            else:
                found[number] = self._value(kind, wanted, depth)
        return found

    def _number_of_field(self, head: int, before: int) -> int:
        number = before + (head >> 4) if head >> 4 else self._integer(32)
        if not 0 < number < _MOST_FIELDS:
            raise MalformedError(f"{number} is the number of no field")
        return number

    def _value(self, kind: int, wanted: Any, depth: int) -> Any:
        if isinstance(wanted, int):
            self._check_kind(kind, wanted)
            return self._integer(64 if kind == I64 else 32)
        if isinstance(wanted, Mapping):
            self._check_kind(kind, STRUCT)
            return self.struct(wanted, depth + 1)
        self._check_kind(kind, LIST)
        length, element = self._list_head()
        if length:
            self._check_kind(element, wanted[0] if isinstance(wanted, tuple) else STRUCT)
        if isinstance(wanted, list):
            return [self.struct(wanted[0], depth + 1) for _ in range(length)]
        return self._skip_all(element, length, depth + 1)

    @staticmethod
    def _check_kind(kind: int, due: int) -> None:
        if kind != due:
            raise MalformedError(f"a field has type {kind}, and {due} is due")

    # -- bytes

    def _byte(self) -> int:
        self.at += 1
        return self._data[self.at - 1]

    def _unsigned(self) -> int:
        number = 0
        for place in range(_LONGEST_NUMBER):
            byte = self._byte()
            number |= (byte & 0x7F) << 7 * place
            if byte < 0x80:
                return number
        raise MalformedError(f"a number is longer than {_LONGEST_NUMBER} bytes")

    def _integer(self, bits: int) -> int:
        number = self._unsigned()
        if number >> bits:
            raise MalformedError(f"a number has more than {bits} bits")
        return (number >> 1) ^ -(number & 1)

    def _step_over(self, length: int) -> None:
        if length > len(self._data) - self.at:
            raise MalformedError(f"{length} bytes are due, and {len(self._data) - self.at} follow")
        self.at += length

    def _list_head(self) -> tuple[int, int]:
        head = self._byte()
        length = head >> 4
        if length == 15:
            length = self._unsigned()
        if length > len(self._data) - self.at:
            raise MalformedError(f"a list has {length} entries, and {len(self._data) - self.at} bytes follow")
        return length, head & 0x0F

    def _skip(self, kind: int, depth: int) -> None:
        if kind in (TRUE, FALSE):
            return
        if kind == BYTE:
            self._step_over(1)
        elif kind in (I16, I32, I64):
            self._unsigned()
        elif kind == DOUBLE:
            self._step_over(8)
        elif kind == BINARY:
            self._step_over(self._unsigned())
        elif kind in (LIST, SET):
            length, element = self._list_head()
            self._skip_all(element, length, depth + 1)
        elif kind == STRUCT:
            self.struct({}, depth + 1)
        else:
            # A map too: Parquet has none.
            raise MalformedError(f"{kind} is no type of a field")

    def _skip_all(self, kind: int, length: int, depth: int) -> None:
        if depth > _DEEPEST:
            raise MalformedError(f"lists stand in each other over {_DEEPEST} deep")
        for _ in range(length):
            # In a list a truth value is a byte; in a struct it is the type itself.
            self._skip(BYTE if kind in (TRUE, FALSE) else kind, depth)
