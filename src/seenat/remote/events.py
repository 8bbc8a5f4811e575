"""Server-sent events, as a service sends them: read from blocks of bytes, each of bounded length."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from seenat.registry.errors import Unreachable

__all__ = ["Event", "read_events"]

_LONGEST = 16 << 20


@dataclass(frozen=True)
class Event:
    """An event that a service sent."""

    name: str
    data: str
    id: str | None
    """Of the last event that had one: sent back, the stream continues after it."""


def read_events(blocks: Iterable[bytes]) -> Iterator[Event]:
    """The events of a stream; comments, and what is cut off at its end, are none."""
    id_, name, data = None, "message", list[str]()
    for line in _lines(blocks):
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if not line:
            if data:
                yield Event(name, "\n".join(data), id_)
            name, data = "message", []
        elif field == "data":
            data.append(value)
        elif field == "event":
            name = value
        elif field == "id":
            id_ = value


def _lines(blocks: Iterable[bytes]) -> Iterator[str]:
    rest = bytearray()
    for block in blocks:
        rest += block
        if len(rest) > _LONGEST:
            raise Unreachable(f"The service sends a line of more than {_LONGEST:,} bytes.")
        *whole, rest = rest.split(b"\n")
        for line in whole:
            yield line.removesuffix(b"\r").decode("utf-8", "replace")
