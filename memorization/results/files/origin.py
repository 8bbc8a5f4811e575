"""Where a block's values come from: on what device they were computed, in which type, by which versions.

Values are a function of the protocol, the checkpoint and the ids, but for the last bits of a sum, which follow the device and
the libraries: whoever finds two values of one cell different can say why.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cache
from importlib.metadata import PackageNotFoundError, version

__all__ = ["Origin"]

_UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """What measured a block; None where nobody wrote it down."""

    device: str | None = None
    """`cpu x86_64`, `cuda NVIDIA H200`."""
    dtype: str | None = None
    seenat: str | None = None
    torch: str | None = None
    transformers: str | None = None

    @classmethod
    def here(cls, device: str, dtype: str) -> Origin:
        """What measures in this process."""
        names = ("seenat", "torch", "transformers")
        return cls(device=device, dtype=dtype, **{name: _version(name) for name in names})

    def with_earlier(self, earlier: Origin) -> Origin:
        """The origin of a block of which some values were kept from an earlier file: where they differ, both."""
        return Origin(
            **{field.name: _both(getattr(earlier, field.name), getattr(self, field.name)) for field in fields(Origin)}
        )


def _both(earlier: str | None, now: str | None) -> str | None:
    if earlier == now:
        return now
    kept = (earlier or _UNKNOWN).split("; ")
    return "; ".join([*kept, *[name for name in [now or _UNKNOWN] if name not in kept]])


@cache
def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
