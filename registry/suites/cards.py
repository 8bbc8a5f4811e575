"""Model cards of the suites that ship: licence, what models are meant for and not, their limits, and the papers to cite.

`registry/data/cards.json` states a card's facts in short; the card itself, whose address is among them, is what counts. Suites of
one's own have no card here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Any

from seenat.registry.answer import Answer
from seenat.registry.catalog.models import Model

__all__ = ["Card", "Paper", "card_of", "papers_of"]


@dataclass(frozen=True, kw_only=True)
class Card(Answer):
    """What a model's card says."""

    licence: str
    intended_use: str
    out_of_scope_use: str
    limits: tuple[str, ...]
    """A sentence each."""
    equivalent_models: tuple[str, ...]
    """Of the same architecture and number of non-embedding parameters, by the card."""
    url: str | None
    source: str
    """Which cards say so."""


@dataclass(frozen=True, kw_only=True)
class Paper:
    """A publication, as BibTeX has it."""

    kind: str
    key: str
    title: str
    authors: tuple[str, ...]
    fields: Mapping[str, str]

    @property
    def bibtex(self) -> str:
        """The entry."""
        fields = {"title": f"{{{self.title}}}", "author": " and ".join(self.authors), **self.fields}
        lines = [f"  {name} = {{{value}}}" for name, value in fields.items()]
        return ",\n".join([f"@{self.kind}{{{self.key}", *lines]) + "\n}"


def card_of(model: Model, equivalent: tuple[str, ...] = ()) -> Card | None:
    """The card of a model of a suite that ships; None for others. `equivalent` are models that sources call so."""
    stated = _data()["cards"].get(model.suite)
    if stated is None:
        return None
    return Card(
        licence=stated["licence"],
        intended_use=stated["intended_use"],
        out_of_scope_use=stated["out_of_scope_use"],
        limits=tuple(stated["limits"]),
        equivalent_models=equivalent,
        url=stated["card"].format(repository=model.repository) if model.repository else None,
        source=stated["source"],
    )


def papers_of(model: Model) -> tuple[tuple[Paper, ...], tuple[Paper, ...]]:
    """The papers about a model, and those about its data; none for a suite of one's own."""
    data = _data()
    stated = data["cards"].get(model.suite)
    if stated is None:
        return (), ()
    names = [*stated["by_family"].get(model.family, ()), *stated["papers"]]
    return _papers(data, names), _papers(data, stated["data_papers"])


def _papers(data: Mapping[str, Any], names: list[str]) -> tuple[Paper, ...]:
    return tuple(
        Paper(**{**stated, "authors": tuple(stated["authors"])}) for stated in (data["papers"][name] for name in names)
    )


def _data() -> dict[str, Any]:
    text = resources.files("seenat.registry").joinpath("data", "cards.json").read_text("utf-8")
    data: dict[str, Any] = json.loads(text)
    return data
