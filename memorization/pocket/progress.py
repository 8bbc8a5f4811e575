"""What the building of a pocket suite tells as it goes on; training processes say it as JSON lines on their stdout."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Literal, Self

__all__ = ["PocketProgress"]


@dataclass(frozen=True, slots=True)
class PocketProgress:
    """Where the building stands.

    `waiting`: another process is building the same folder. `data`: corpus, tokenizer and order are being made.
    `training`: `model` has done `step` of `steps` updates, the last with `loss` (None where it is resumed or begins).
    `finished`: the suite is complete.
    """

    stage: Literal["waiting", "data", "training", "finished"]
    model: str | None = None
    step: int = 0
    steps: int = 0
    loss: float | None = None
    """Mean cross-entropy of the last batch, in nats per id."""

    def to_line(self) -> str:
        """One line of JSON, its end included."""
        return json.dumps(asdict(self)) + "\n"

    @classmethod
    def from_line(cls, line: str) -> Self:
        """Read what `to_line` wrote."""
        return cls(**json.loads(line))
