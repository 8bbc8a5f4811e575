"""How long a token holds, as people write it: `12h`, `30d`, `never`."""

from __future__ import annotations

import re
from datetime import timedelta

from seenat.registry.errors import InvalidValue

__all__ = ["parse_lifetime"]

_NEVER = "never"
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_LIFETIME = re.compile(r"([1-9][0-9]{0,6})([mhdw])")
_LONGEST = timedelta(days=3660)


def parse_lifetime(text: str) -> timedelta | None:
    """A lifetime of at most ten years; None for `never`, which says that it ends only when it is revoked."""
    if text.strip() == _NEVER:
        return None
    match = _LIFETIME.fullmatch(text.strip())
    lifetime = timedelta(**{_UNITS[match[2]]: int(match[1])}) if match else None
    if lifetime is None or lifetime > _LONGEST:
        raise InvalidValue(f"{text!r} is no lifetime of a token; write 12h, 30d or 8w, ten years at most, or never.")
    return lifetime
