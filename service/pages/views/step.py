"""A checkpoint: what it had seen and what not yet, its files, and its status with the evidence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from seenat.service.pages.asking import Asked
from seenat.service.pages.page import Page

__all__ = ["STEP_PAGE", "StepView"]

_ROUTE = "/models/{model}/steps/{step}"


@dataclass(frozen=True, kw_only=True)
class StepView:
    """A checkpoint as its page shows it."""

    step: dict[str, Any]
    """The catalog's answer."""
    batches: int | None
    """Of the whole run; None where that is not known."""
    seen_share: float | None

    @property
    def rate(self) -> str | None:
        """The learning rate of the update that follows, in digits."""
        rate = self.step["learning_rate"]
        return None if rate is None else f"{rate:.3g}"

    @property
    def to_come(self) -> int | None:
        """Batches that it had not seen yet."""
        return None if self.batches is None else self.batches - self.step["batches_seen"]["stop"]


def step_view(asked: Asked) -> StepView:
    """The page of a checkpoint."""
    step = asked.ask(_ROUTE, model=asked.get("model"), step=asked.get("step"))
    steps = asked.ask("/models/{model}", model=step["model"])["schedule"]["steps"]
    return StepView(step=step, batches=steps, seen_share=step["step"] / steps if steps else None)


STEP_PAGE = Page(
    path="/models/{model}/steps/{step}",
    template="step.html",
    view=step_view,
    shows=(_ROUTE, "/models/{model}"),
)
