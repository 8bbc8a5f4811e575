"""Why a file of benchmark results is not imported; no error, so that one bad file of 1,800 costs nothing but itself."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Rejected", "is_off", "shown"]

# Values of a switch that is not on, as configurations and texts write them.
_OFF: tuple[object, ...] = (None, False, "", "None", "none", "False", "false", {}, [])
_LONGEST_SHOWN = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected:
    """Why a file is not imported."""

    reason: str


def is_off(value: object) -> bool:
    """Whether a value of a configuration says that something is not used."""
    return any(value is off or (type(value) is type(off) and value == off) for off in _OFF)


def shown(value: object) -> str:
    """A value of a file within a reason: on one line, escaped, and not long."""
    text = value if isinstance(value, str) and value.isprintable() else repr(value)
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}..."
