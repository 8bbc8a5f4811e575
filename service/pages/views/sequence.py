"""A sequence of a model: its ids with what each checkpoint reproduced, all sizes beside each other, and why a cell is so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from seenat.registry.errors import NotFound, SeenatError, Withheld
from seenat.service.pages.asking import Asked
from seenat.service.pages.page import Page
from seenat.service.pages.views.batch import ON_A_HUB, SavedStep, is_at_hand, saved_steps
from seenat.service.pages.views.courses import Course, courses_of
from seenat.service.pages.views.empty import Missing, missing
from seenat.service.pages.views.texts import Line, line_of

__all__ = ["SEQUENCE_PAGE", "PrefixRow", "SequenceView", "sequence_view"]

_MOST_EXPOSURES = 200


@dataclass(frozen=True, kw_only=True)
class PrefixRow:
    """A measured step, and how many of the ids it reproduced."""

    step: int
    seen: bool
    reproduced: int
    is_memorized: bool
    is_chosen: bool


@dataclass(frozen=True, kw_only=True)
class SequenceView:
    """A sequence as its page shows it."""

    sequence: dict[str, Any]
    saved: list[SavedStep]
    step: int | None
    protocol: dict[str, Any] | None
    line: Line | Missing
    ids: list[tuple[int, str]]
    """Ids of the continuation, and their texts."""
    rows: list[PrefixRow] | Missing
    courses: list[Course]
    last: int
    exposures: list[dict[str, Any]] | Missing
    why: dict[str, Any] | None
    others: list[str] = field(default_factory=list)
    """Protocols by which it was measured too."""


def sequence_view(asked: Asked) -> SequenceView:
    """The page of a sequence of a model."""
    name, index = asked.get("model"), asked.get("sequence")
    run = asked.look_up("/models/{model}", model=name)  # An order has sequences too, and is refused here.
    model, schedule = run["name"], run["schedule"]
    sequence = asked.ask("/models/{model}/sequences/{sequence}", model=model, sequence=index)
    found, own = _own(asked, model, index)
    measured = [] if own is None else [point["step"] for point in own["points"]]
    step = _step(asked, schedule["saved"], measured)
    passage, protocol = _passage(asked, model, index, step)
    exposures = _exposures(asked, model, passage)
    courses = courses_of(sequence.get("trajectories", ()), own, schedule["steps"], exposures)
    return SequenceView(
        sequence=sequence,
        saved=saved_steps(schedule["saved"], measured, step),
        step=step,
        protocol=own["protocol"] if own is not None else protocol,
        line=passage if isinstance(passage, Missing) else line_of(passage, protocol or {}),
        ids=_continuation(passage, protocol),
        rows=found if own is None else rows_of(own, step),
        courses=courses,
        last=schedule["steps"],
        exposures=exposures,
        why=_why(asked, model, step, index) if step in measured else None,
        others=_others(sequence, own),
    )


def _own(asked: Asked, model: str, sequence: int) -> tuple[Missing, dict[str, Any] | None]:
    """The trajectory that the page is about, or why there is none."""
    try:
        found = asked.ask(
            "/models/{model}/trajectories/{sequence}", model=model, sequence=sequence, protocol=asked.get("protocol")
        )
    except NotFound as error:
        return missing(error), None
    return Missing(""), found


def _step(asked: Asked, saved: Sequence[int], measured: Sequence[int]) -> int | None:
    given = asked.get("step")
    if given is not None:
        return int(asked.look_up("/models/{model}/steps/{step}", model=asked.get("model"), step=given)["step"])
    return max(measured, default=max(saved, default=None))


def _passage(asked: Asked, model: str, sequence: int, step: int | None) -> tuple[Any, dict[str, Any] | None]:
    """The passage of the sequence and its protocol, or why it is not shown."""
    if not asked.shows_text:
        return Missing("This service shows no training data."), None
    if not is_at_hand(asked, model):
        return Missing(ON_A_HUB, f"seenat sequence {model} {sequence} --decode"), None
    try:
        found = asked.ask(
            "/models/{model}/passages/{sequences}",
            model=model,
            sequences=str(sequence),
            step=step,
            protocol=asked.get("protocol"),
        )
    except SeenatError as error:
        return missing(error), None
    [passage] = found["passages"]
    if passage["pieces"] is None:
        return Missing("The content of this sequence is withheld by the operator of this service."), found["protocol"]
    return passage, found["protocol"]


def _continuation(passage: Any, protocol: Mapping[str, Any] | None) -> list[tuple[int, str]]:
    if isinstance(passage, Missing) or protocol is None:
        return []
    start = protocol["prompt"]
    return list(zip(passage["ids"][start:], passage["pieces"][start:], strict=True))


def rows_of(trajectory: Mapping[str, Any], step: int | None) -> list[PrefixRow] | Missing:
    """What each measured step reproduced; nothing by a measure that does not say."""
    measure, whole = trajectory["protocol"]["measure"], trajectory["protocol"]["continuation"]
    if measure not in ("prefix", "score"):
        return Missing("It was measured by its loss alone, which does not say which ids are reproduced.")
    return [
        PrefixRow(
            step=point["step"],
            seen=point["seen"],
            reproduced=point["prefix"],
            is_memorized=point["prefix"] == whole,
            is_chosen=point["step"] == step,
        )
        for point in trajectory["points"]
    ]


def _exposures(asked: Asked, model: str, passage: Any) -> list[dict[str, Any]] | Missing:
    """Every time the ids that the protocol reads passed through training, by the order's index."""
    if isinstance(passage, Missing):
        return passage
    try:
        found = asked.ask("/models/{model}/find", model=model, ids=passage["ids"], limit=_MOST_EXPOSURES)
    except Withheld:
        raise
    except SeenatError as error:
        return missing(error)
    return list(found["exposures"])


def _why(asked: Asked, model: str, step: int | None, sequence: int) -> dict[str, Any]:
    found: dict[str, Any] = asked.ask(
        "/models/{model}/steps/{step}/sequences/{sequence}/why",
        model=model,
        step=step,
        sequence=sequence,
        protocol=asked.get("protocol"),
    )
    return found


def _others(sequence: Mapping[str, Any], own: Mapping[str, Any] | None) -> list[str]:
    ids = {entry["protocol"]["id"] for entry in sequence.get("trajectories", ()) if entry["model"] == sequence["model"]}
    return sorted(ids - ({own["protocol"]["id"]} if own else set()))


SEQUENCE_PAGE = Page(
    path="/models/{model}/sequences/{sequence}",
    template="sequence.html",
    view=sequence_view,
    shows=(
        "/models/{model}/sequences/{sequence}",
        "/models/{model}/trajectories/{sequence}",
        "/models/{model}/passages/{sequences}",
        "/models/{model}/find",
        "/models/{model}/steps/{step}/sequences/{sequence}/why",
        "/models/{model}/steps/{step}",
        "/models/{model}",
        "/orders/{order}",
    ),
    query=("step", "protocol"),
    is_slow=True,
)
