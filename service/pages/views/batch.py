"""A batch of a model: the picture of its sequences by checkpoints, and their texts at one of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from seenat.registry.errors import NotFound, SeenatError
from seenat.service.pages.asking import Asked
from seenat.service.pages.drawing import picture_address, place_address
from seenat.service.pages.page import Page, chosen, numbered
from seenat.service.pages.pictures import SORTS, BatchPicture, plan, sorted_rows
from seenat.service.pages.views.empty import Missing, missing
from seenat.service.pages.views.texts import Line, line_of

__all__ = [
    "BATCH_PAGE",
    "ON_A_HUB",
    "BatchView",
    "Drawing",
    "SavedStep",
    "batch_view",
    "is_at_hand",
    "lines_of",
    "saved_steps",
]

ON_A_HUB = "The ids of this order lie on a hub, and a page fetches nothing; a command does."
_ROWS = 32
"""Sequences whose texts a page shows."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SavedStep:
    """A saved checkpoint, as the slider has it."""

    step: int
    is_measured: bool
    is_chosen: bool


@dataclass(frozen=True, kw_only=True)
class Drawing:
    """The picture of a batch, and what is needed to read it."""

    layout: BatchPicture
    light: str
    dark: str
    place: str
    steps: list[int]
    seen_from: int | None
    data: str
    """The address of the values."""


@dataclass(frozen=True, kw_only=True)
class BatchView:
    """A batch of a model as its page shows it."""

    batch: dict[str, Any]
    last: int
    """The last batch of the run."""
    sort: str
    step: int | None
    saved: list[SavedStep]
    drawing: Drawing | Missing
    lines: list[Line] | Missing
    onsets: dict[int, int | None]
    first: int
    """The place of the first line within the batch's rows."""
    rows: int
    """Lines a page."""
    total: int

    @property
    def pages(self) -> list[tuple[int, int]]:
        """First and last place of each page of lines, from 1."""
        return [(start, min(start + self.rows, self.total)) for start in range(0, self.total, self.rows)]


def batch_view(asked: Asked) -> BatchView:
    """The page of a batch of a model."""
    model, index, protocol = asked.get("model"), asked.get("batch"), asked.get("protocol")
    batch = asked.ask("/models/{model}/batches/{batch}", model=model, batch=index)
    schedule = asked.look_up("/models/{model}", model=model)["schedule"]
    sort = asked.get("sort", SORTS[0])
    try:
        found = asked.ask("/models/{model}/batches/{batch}/trajectories", model=model, batch=index, protocol=protocol)
    except NotFound as error:
        found = missing(error)
    measured = [] if isinstance(found, Missing) else found["steps"]
    step = _step(asked, schedule["saved"], measured)
    sequences = range(batch["sequences"]["start"], batch["sequences"]["stop"])
    order = list(sequences) if isinstance(found, Missing) else [row["sequence"] for row in sorted_rows(found, sort)]
    first = min(asked.get("first", 0), max(0, len(order) - 1)) // _ROWS * _ROWS
    shown = order[first : first + _ROWS]
    return BatchView(
        batch=batch,
        last=schedule["steps"] - 1,
        sort=sort,
        step=step,
        saved=saved_steps(schedule["saved"], measured, step),
        drawing=found if isinstance(found, Missing) else _drawing(found, sort, protocol),
        lines=lines_of(asked, model, shown, step, protocol),
        onsets={} if isinstance(found, Missing) else {row["sequence"]: row["onset"] for row in found["sequences"]},
        first=first,
        rows=_ROWS,
        total=len(order),
    )


def _step(asked: Asked, saved: Sequence[int], measured: Sequence[int]) -> int | None:
    """The step that was asked for, else the last that was measured, else the last that was saved."""
    given = asked.get("step")
    if given is not None:
        return int(asked.look_up("/models/{model}/steps/{step}", model=asked.get("model"), step=given)["step"])
    return max(measured, default=max(saved, default=None))


def saved_steps(saved: Sequence[int], measured: Sequence[int], chosen_step: int | None) -> list[SavedStep]:
    """All saved steps, as the slider has them."""
    known = set(measured)
    return [SavedStep(step=step, is_measured=step in known, is_chosen=step == chosen_step) for step in saved]


def _drawing(found: Mapping[str, Any], sort: str, protocol: str | None) -> Drawing:
    model, batch = found["model"], found["batch"]
    return Drawing(
        layout=plan(found, sort),
        light=picture_address(model, batch, sort, protocol, "light"),
        dark=picture_address(model, batch, sort, protocol, "dark"),
        place=place_address(model, batch, sort, protocol),
        steps=found["steps"],
        seen_from=found["first_checkpoint_after"],
        data=f"/api/v1/models/{model}/batches/{batch}/trajectories" + (f"?protocol={protocol}" if protocol else ""),
    )


def lines_of(
    asked: Asked, model: str, sequences: Sequence[int], step: int | None, protocol: str | None
) -> list[Line] | Missing:
    """The texts of some sequences of a batch at a step, in this order."""
    if not asked.shows_text:
        return Missing("This service shows no training data.")
    if not is_at_hand(asked, model):
        index = asked.get("batch")
        return Missing(ON_A_HUB, f"seenat batch {model} {index} --decode")
    span = ",".join(map(str, sequences))
    try:
        found = asked.ask(
            "/models/{model}/passages/{sequences}", model=model, sequences=span, step=step, protocol=protocol
        )
    except SeenatError as error:
        return missing(error)
    by_sequence = {passage["sequence"]: passage for passage in found["passages"]}
    return [line_of(by_sequence[sequence], found["protocol"]) for sequence in sequences]


def is_at_hand(asked: Asked, model: str) -> bool:
    """Whether the ids of a model's order lie on this machine: no page waits for a hub."""
    name = asked.look_up("/models/{model}", model=model)["order"]
    return name is not None and "://" not in asked.look_up("/orders/{order}", order=name)["location"]


_SORT = chosen("sort", "What the rows are sorted by.", *SORTS)
BATCH_PAGE = Page(
    path="/models/{model}/batches/{batch}",
    template="batch.html",
    view=batch_view,
    shows=(
        "/models/{model}/batches/{batch}/trajectories",
        "/models/{model}/batches/{batch}",
        "/models/{model}/passages/{sequences}",
        "/models/{model}/steps/{step}",
        "/models/{model}",
        "/orders/{order}",
    ),
    query=("step", "sort", "first", "protocol"),
    own=(_SORT, numbered("first", "The first row whose text is shown.")),
    is_slow=True,
)
