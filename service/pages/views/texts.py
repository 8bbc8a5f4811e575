"""The texts of sequences as a protocol reads them: prompt, what was reproduced, where it first went another way, the rest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["Line", "line_of"]


@dataclass(frozen=True, kw_only=True)
class Line:
    """A sequence at a checkpoint."""

    sequence: int
    batch: int
    seen: bool | None
    reproduced: int | None
    """None where it was not measured there."""
    whole: int
    prompt: str
    matched: str
    missed: str
    rest: str
    is_withheld: bool
    labels: Mapping[str, str]

    @property
    def is_memorized(self) -> bool:
        """Whether all of it was reproduced."""
        return self.reproduced == self.whole


def line_of(passage: Mapping[str, Any], protocol: Mapping[str, Any]) -> Line:
    """A passage of the catalog, cut into its parts."""
    pieces: Sequence[str] = passage["pieces"] or ()
    prompt, reproduced = protocol["prompt"], passage["reproduced"]
    # By another measure than the prefix it is not known which ids were right.
    matched = reproduced or 0 if protocol["measure"] == "prefix" or reproduced == protocol["continuation"] else 0
    end = prompt + matched
    is_known = reproduced is not None and protocol["measure"] == "prefix"
    return Line(
        sequence=passage["sequence"],
        batch=passage["batch"],
        seen=passage["seen"],
        reproduced=reproduced,
        whole=protocol["continuation"],
        prompt="".join(pieces[:prompt]),
        matched="".join(pieces[prompt:end]),
        missed="".join(pieces[end : end + 1]) if is_known else "",
        rest="".join(pieces[end + 1 :] if is_known else pieces[end:]),
        is_withheld=passage["pieces"] is None,
        labels=passage["labels"],
    )
