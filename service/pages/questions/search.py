"""Search: a text, its timeline of exposures, the checkpoint that first saw it, and its sequences."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from seenat.service.pages.asking import Asked
from seenat.service.pages.charts import Drawn, drawn
from seenat.service.pages.page import Page
from seenat.service.pages.questions.choices import (
    FOR_SEARCHABLE,
    Missing,
    Searchable,
    given_text,
    or_missing,
    searchable,
)
from seenat.service.pages.questions.texts import Piece, context_pieces

__all__ = ["SEARCH_PAGE", "SearchView", "coverage_sentences"]

_ROUTE = "/find"
_ROWS = 20
_CONTEXT = 24


@dataclass(frozen=True, kw_only=True)
class Seen:
    """An exposure as a row."""

    exposure: Mapping[str, Any]
    pieces: tuple[Piece, ...] | None
    """The text around it; None where that is not shown."""


@dataclass(frozen=True, kw_only=True)
class SearchView:
    """A text, and what is known of it."""

    asked: Mapping[str, Any]
    choices: Searchable
    missing: Missing | None
    found: Mapping[str, Any] | None
    rows: tuple[Seen, ...]
    chart: Drawn | None
    next: tuple[int, int] | None
    is_later: bool
    """Whether exposures before these are left out."""
    shows_text: bool

    @property
    def count_words(self) -> str:
        """How often it was seen, as far as that is known."""
        assert self.found is not None
        count = self.found["count"]
        if not count:
            return "nowhere" if self.found["coverage"]["complete"] else "nowhere in what was searched"
        times = "once" if count == 1 else f"{count:,} times"
        return times if self.found["coverage"]["complete"] else f"at least {times}"

    @property
    def measure_command(self) -> str:
        """What runs the checkpoints over the text."""
        model = self.found["model"] if self.found else None
        return shlex.join(["seenat", "find", "--model", model or "MODEL", "--measure", "--", self.asked["text"] or ""])

    @property
    def variants(self) -> list[Mapping[str, Any]]:
        """The ways in which it stands, the most frequent first."""
        assert self.found is not None
        return sorted((row for row in self.found["variants"] if row["count"]), key=lambda row: -row["count"])

    @property
    def coverage(self) -> list[str]:
        """What was searched."""
        assert self.found is not None
        return coverage_sentences(self.found["coverage"])


def search_view(asked: Asked) -> SearchView:
    """The page of a search."""
    choices, found, chart = searchable(asked), None, None
    where = {key: asked.get(key) for key in ("order", "model", "step")} | {"text": given_text(asked)}
    missing = None if where["text"] else choices.missing
    if where["text"]:
        context = _CONTEXT if asked.shows_text else None
        found = or_missing(lambda: asked.ask(_ROUTE, **where, limit=_ROWS, after=asked.get("after"), context=context))
        if isinstance(found, Missing):
            missing, found = found, None
    if found is not None and found["count"]:
        chart = drawn("exposures", **where)
    rows = () if found is None else tuple(map(_row, found["exposures"]))
    after = None if found is None else found["next"]
    return SearchView(
        asked=where,
        choices=choices,
        missing=missing,
        found=found,
        rows=rows,
        chart=chart,
        next=None if after is None else tuple(after.values()),
        is_later=asked.get("after") is not None,
        shows_text=asked.shows_text,
    )


def coverage_sentences(coverage: Mapping[str, Any]) -> list[str]:
    """Which of the sequences that count were searched, and what that means for the counts."""
    total = _length(coverage["sequences"])
    exact, some, missing = (sum(map(_length, coverage[key])) for key in ("exact", "lower_bound", "missing"))
    words = [f"All {total:,} sequences were searched."] if exact == total else []
    if 0 < exact < total:
        words.append(f"{exact:,} of {total:,} sequences were searched completely.")
    if some:
        words.append(
            f"In {some:,} only some exposures were found, since the text is shorter than the index window: counts are lower bounds."
        )
    if missing:
        words.append(f"{missing:,} were not searched, since no index covers them: counts are lower bounds.")
    if coverage["altered_from_step"] is not None:
        words.append(
            f"Batches from step {coverage['altered_from_step']:,} on were altered for this model and are not known."
        )
    return words


def _length(part: Mapping[str, int]) -> int:
    return part["stop"] - part["start"]


def _row(exposure: Mapping[str, Any]) -> Seen:
    context = exposure.get("context")
    return Seen(exposure=exposure, pieces=None if context is None else context_pieces(context))


SEARCH_PAGE = Page(
    path="/find",
    template="questions/search.html",
    view=search_view,
    shows=(_ROUTE, *FOR_SEARCHABLE),
    query=("text", "order", "model", "step", "after"),
    is_slow=True,
    label="Search",
)
