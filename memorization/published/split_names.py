"""Names of the splits of the published data sets: `deduped.12b.23000` is of one model at one checkpoint."""

from __future__ import annotations

import re
from dataclasses import dataclass

__all__ = ["SplitName"]

_SPLIT = re.compile(r"(duped|deduped)\.([0-9.]{1,8}[mb])(?:\.([0-9]{1,9}|new))?")


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitName:
    """A parsed name of a split: `deduped.12b.23000`."""

    deduplicated: bool
    size: str
    label: int | None
    """Of the checkpoint; None for the last one."""

    @classmethod
    def parse(cls, name: str) -> SplitName | None:
        """Read a name; None for one of another form."""
        match = _SPLIT.fullmatch(name)
        if match is None:
            return None
        label = int(match[3]) if match[3] and match[3] != "new" else None
        return cls(deduplicated=match[1] == "deduped", size=match[2], label=label)

    @classmethod
    def of_set(cls, name: str) -> SplitName | None:
        """That of a result set, which is called by its kind, model, step and split, and a number where several are."""
        parts = name.split(" ")
        return cls.parse(parts[4]) if len(parts) > 4 else None
