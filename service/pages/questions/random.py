"""A sequence by chance, memorized, forgotten or contested: the same seed leads to the same one.

The draw is a place in a list that the catalog gives: the sequence that follows a random one. So sequences behind large gaps are
drawn more often; nothing is read but pages of one.
"""

from __future__ import annotations

import random
import secrets
from collections.abc import Callable
from functools import partial
from typing import Any
from urllib.parse import quote

from seenat.registry.errors import NotMeasured
from seenat.service.pages.asking import Asked
from seenat.service.pages.page import Elsewhere, Page, chosen, numbered
from seenat.service.pages.questions.choices import FOR_MEASURED, measured_models

__all__ = ["KINDS", "RANDOM_PAGE"]

KINDS = ("memorized", "forgotten", "contested")
"""Memorized at some checkpoint; memorized, and not at the last one; memorized, forgotten and memorized again."""
_SEEDS = 2**32
_MOST_STEPS = 8
_FIRST = "/models/{model}/which/first"
_CHANGED = "/models/{model}/which/changed"
_RELEARNED = "/models/{model}/which/relearned"
_ONSETS = "/models/{model}/onsets"


def random_view(asked: Asked) -> Elsewhere:
    """Where a draw leads."""
    kind, seed = asked.get("kind", KINDS[0]), asked.get("seed")
    drawing = random.Random(secrets.randbelow(_SEEDS) if seed is None else seed)
    model = asked.get("model") or _any_model(asked, drawing)
    onsets = asked.look_up(_ONSETS, model=model, limit=0)
    draw: dict[str, Callable[..., int | None]] = {
        "memorized": _memorized,
        "forgotten": _forgotten,
        "contested": _contested,
    }
    sequence = draw[kind](asked, drawing, onsets)
    if sequence is None:
        raise NotMeasured(f"No measured sequence of {onsets['model']} is {kind}; ask for another kind or model.")
    model = quote(onsets["model"], safe="")
    return Elsewhere(f"/models/{model}/sequences/{sequence}")


def _any_model(asked: Asked, drawing: random.Random) -> str:
    models = measured_models(asked)
    if not models:
        raise NotMeasured(
            "Nothing has been measured yet, so no sequence is known to be memorized; run `seenat memorize MODEL`."
        )
    return drawing.choice(models)


def _memorized(asked: Asked, drawing: random.Random, onsets: dict[str, Any]) -> int | None:
    """By the step of its onset first, each as often as it has sequences."""
    steps = [row for row in onsets["steps"] if row["onsets"]]
    if not steps:
        return None
    [step] = drawing.choices([row["step"] for row in steps], [row["onsets"] for row in steps])
    last = onsets["steps"][-1]["step"]

    def following(place: int) -> int | None:
        given = {"model": onsets["model"], "by": last, "limit": 1, "after": (step, place)}
        [found] = asked.look_up(_FIRST, **given)["sequences"] or [None]
        return int(found["sequence"]) if found and found["onset"]["step"] == step else None

    return _drawn(drawing, _size(asked, onsets), following)


def _forgotten(asked: Asked, drawing: random.Random, onsets: dict[str, Any]) -> int | None:
    """Forgotten since a step, drawn until there is one."""
    steps = [row["step"] for row in onsets["steps"]]
    for since in drawing.sample(steps[:-1], min(_MOST_STEPS, len(steps) - 1)):
        given = {"model": onsets["model"], "since": since, "until": steps[-1], "change": "forgotten"}
        found = _drawn(drawing, _size(asked, onsets), partial(_first, asked, _CHANGED, given))
        if found is not None:
            return found
    return None


def _contested(asked: Asked, drawing: random.Random, onsets: dict[str, Any]) -> int | None:
    given = {"model": onsets["model"]}
    return _drawn(drawing, _size(asked, onsets), partial(_first, asked, _RELEARNED, given))


def _first(asked: Asked, path: str, given: dict[str, Any], after: int) -> int | None:
    """The first sequence of a list behind another."""
    [found] = asked.look_up(path, **given, limit=1, after=after)["sequences"] or [None]
    return int(found["sequence"]) if found else None


def _drawn(drawing: random.Random, size: int, following: Callable[[int], int | None]) -> int | None:
    """The sequence that follows a random place; where none does, one before it is drawn, so that no sequence is favoured."""
    place = size
    while place > 0:
        place = drawing.randrange(place)
        if (found := following(place - 1)) is not None:
            return found
    return None


def _size(asked: Asked, onsets: dict[str, Any]) -> int:
    """The sequences of the order."""
    return int(asked.look_up("/orders/{order}", order=onsets["order"])["geometry"]["sequences"])


RANDOM_PAGE = Page(
    path="/random",
    template="error.html",
    view=random_view,
    shows=(_FIRST, _CHANGED, _RELEARNED, "/orders/{order}", *FOR_MEASURED),
    query=("kind", "model", "seed"),
    own=(chosen("kind", "What became of it.", *KINDS), numbered("seed", "Of the draw.")),
    is_slow=True,
    label="Random",
)
