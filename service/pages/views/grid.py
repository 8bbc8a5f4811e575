"""The suite: a family of models by their saved steps, coloured by status or by the share that each step had memorized."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from seenat.registry.errors import NotMeasured, StaleResults
from seenat.service.pages.asking import Asked
from seenat.service.pages.page import Page, chosen

__all__ = [
    "GRID_PAGE",
    "Cell",
    "Family",
    "GridRow",
    "GridView",
    "cell_of_status",
    "families_of",
    "grid_view",
    "heads_of",
    "share_level",
]

_DEDUPLICATED = "-deduped"
_ALONE = "others"
_LABELLED = 20
"""Up to so many columns each has its label."""
_LABELS = 8
_LEVELS = (0.001, 0.01, 0.1, 0.3)
"""Where the classes of shares end; the last is open."""
_STATUSES = ("ok", "suspect", "wrong", "missing", "unknown")


@dataclass(frozen=True, kw_only=True, slots=True)
class Cell:
    """A model at a saved step."""

    step: int
    style: str
    """The class of its status or share."""
    words: str
    """What it says, for those who do not see its colour."""


@dataclass(frozen=True, kw_only=True)
class GridRow:
    """A model and its cells; None where it saved nothing at the step of a column."""

    model: str
    cells: list[Cell | None]


@dataclass(frozen=True, kw_only=True)
class Family:
    """Models that are shown together: a family, and the one trained on the deduplicated order."""

    name: str
    suite: str
    models: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class GridView:
    """The grid of one family, and the families that there are."""

    families: list[Family]
    family: Family
    colour: str
    steps: list[int]
    heads: list[tuple[str, int]]
    """Labels of the columns, and how many columns each spans."""
    rows: list[GridRow]
    measured: int
    """How many of the models were measured."""
    statuses: list[tuple[str, int]]
    """How many checkpoints have each status."""

    @property
    def size(self) -> str:
        """How wide cells are drawn."""
        return "wide" if len(self.steps) <= _LABELLED else "narrow"


def grid_view(asked: Asked) -> GridView:
    """The first page."""
    families = families_of(asked.ask("/models"))
    family = _chosen_family(families, asked.get("family"))
    colour = asked.get("colour", "status")
    models = list(family.models)
    checkpoints = asked.ask("/checkpoints", models=models)
    shares = {model: _shares(asked, model) for model in models} if colour == "memorized" else {}
    steps = sorted({checkpoint["step"] for checkpoint in checkpoints})
    cells: dict[str, dict[int, Cell]] = {model: {} for model in models}
    for checkpoint in checkpoints:
        model, step = checkpoint["model"], checkpoint["step"]
        made = _by_share(step, shares[model].get(step)) if colour == "memorized" else cell_of_status(checkpoint)
        cells[model][step] = made
    return GridView(
        families=families,
        family=family,
        colour=colour,
        steps=steps,
        heads=heads_of(steps),
        rows=[GridRow(model=model, cells=[cells[model].get(step) for step in steps]) for model in models],
        measured=sum(bool(found) for found in shares.values()),
        statuses=_counted(checkpoint["status"] for checkpoint in checkpoints),
    )


def families_of(models: Sequence[Mapping[str, Any]]) -> list[Family]:
    """Families in the order of their suites, the newest suite first; models of each by size."""
    found: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for model in models:
        name = (model["family"] or _ALONE).removesuffix(_DEDUPLICATED)
        found.setdefault((model["suite"], name), []).append(model)
    suites = list(dict.fromkeys(suite for suite, _ in found))[::-1]
    ordered = sorted(found.items(), key=lambda entry: suites.index(entry[0][0]))
    return [
        Family(name=name, suite=suite, models=tuple(model["name"] for model in sorted(members, key=_size)))
        for (suite, name), members in ordered
    ]


def _size(model: Mapping[str, Any]) -> int:
    parameters = model["parameters"]
    return int(parameters["total"]) if parameters else 0


def _chosen_family(families: Sequence[Family], name: str | None) -> Family:
    """The family of this name, or of this model; without a name the first."""
    if name is not None:
        plain = name.removesuffix(_DEDUPLICATED)
        for family in families:
            if plain == family.name or name in family.models:
                return family
    return families[0] if families else Family(name=_ALONE, suite="", models=())


def heads_of(steps: Sequence[int]) -> list[tuple[str, int]]:
    """Labels of columns: of each where there are few, else of some, each over the columns up to the next."""
    if len(steps) <= _LABELLED:
        return [(f"{step:,}", 1) for step in steps]
    places = [_roundest(steps, round(place * len(steps) / _LABELS)) for place in range(1, _LABELS)]
    return [(f"{steps[place]:,}", after - place) for place, after in pairwise([0, *places, len(steps)])]


def _roundest(steps: Sequence[int], place: int) -> int:
    """The place of the step with the most zeros at its end among those near a place, or the nearest of them."""
    around = len(steps) // (4 * _LABELS)
    near = range(place - around, min(place + around + 1, len(steps)))
    return max(near, key=lambda one: (len(f"{steps[one]}") - len(f"{steps[one]}".rstrip("0")), -abs(one - place)))


def _shares(asked: Asked, model: str) -> dict[int, Any]:
    """What each measured step of a model had memorized; nothing where it was not measured."""
    try:
        return {count["step"]: count for count in asked.ask("/models/{model}/onsets", model=model, limit=0)["steps"]}
    except (NotMeasured, StaleResults):
        return {}


def cell_of_status(checkpoint: Mapping[str, Any]) -> Cell:
    """The cell of a checkpoint, by its status."""
    reason = f": {checkpoint['reason']}" if checkpoint["reason"] else ""
    words = f"{checkpoint['model']}, step {checkpoint['step']:,}, {checkpoint['status']}{reason}"
    return Cell(step=checkpoint["step"], style=f"s-{checkpoint['status']}", words=words)


def _by_share(step: int, count: Mapping[str, Any] | None) -> Cell:
    if count is None or count["share_at_least"] is None:
        why = "not measured" if count is None else "measured, but it had seen nothing of it"
        return Cell(step=step, style="unknown-cell", words=f"step {step:,}, {why}")
    share, least = count["share_at_least"], "" if count["share"] is not None else "at least "
    words = f"step {step:,}, {least}{share:.2%} memorized: {count['memorized']:,} of {count['measured']:,} seen and measured"
    return Cell(step=step, style=f"m{share_level(share)}", words=words)


def share_level(share: float) -> int:
    """The class of a share: 0 for none, else 1 to 5."""
    return 0 if share == 0 else 1 + sum(share > end for end in _LEVELS)


def _counted(statuses: Iterable[str]) -> list[tuple[str, int]]:
    found = list(statuses)
    return [(status, found.count(status)) for status in _STATUSES if status in found]


GRID_PAGE = Page(
    path="/",
    template="grid.html",
    view=grid_view,
    shows=("/checkpoints", "/models", "/models/{model}/onsets"),
    query=("family", "colour"),
    own=(chosen("colour", "What the cells show.", "status", "memorized"),),
    label="Suite",
)
