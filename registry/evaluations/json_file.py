"""Reading JSON that others wrote: bounded, each key once, and no number that cannot be handled.

A whole number of more than 18 digits becomes a float, infinite where it is beyond one: none of the counts here is that long,
and Python refuses to convert texts of over 4,300 digits.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from seenat.registry.evaluations.rejected import Rejected, shown

__all__ = ["MOST_BYTES", "parse_json", "read_bytes"]

MOST_BYTES = 16 << 20
"""Of one file: the largest published one has 60 kB, and parsed JSON takes up to 20 times its size."""
_MOST_DIGITS = 18


def read_bytes(path: Path) -> bytes | Rejected:
    """The content of a file; rejected where it cannot be read or is too large to be a result."""
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            data = b"" if size > MOST_BYTES else file.read(MOST_BYTES + 1)
    except OSError as error:
        return Rejected(reason=f"it cannot be read: {error.strerror or error}")
    if max(size, len(data)) > MOST_BYTES:
        return Rejected(reason=f"it has over {MOST_BYTES >> 20} MiB, more than any result of the harness")
    return data


def parse_json(data: bytes) -> Any:
    """The document; `Rejected` for what is no JSON, or names one thing twice."""
    try:
        return json.loads(data, parse_int=_whole, object_pairs_hook=_each_once)
    except (ValueError, RecursionError) as error:
        return Rejected(reason=f"it is not JSON: {error}")


def _whole(digits: str) -> int | float:
    return int(digits) if len(digits) <= _MOST_DIGITS else float(digits)


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise ValueError(f"the key {shown(name)} stands in it twice")
        found[name] = value
    return found
