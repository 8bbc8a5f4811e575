"""A batch and a sequence of an order, without a model: where they lie, their texts, and the models that were trained on them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from seenat.registry.errors import SeenatError
from seenat.service.pages.asking import Asked
from seenat.service.pages.page import Page
from seenat.service.pages.views.batch import ON_A_HUB
from seenat.service.pages.views.empty import Missing, missing

__all__ = [
    "ORDER_BATCH_PAGE",
    "ORDER_SEQUENCE_PAGE",
    "OrderBatchView",
    "OrderSequenceView",
    "order_batch_view",
    "order_sequence_view",
]

_BATCH = "/orders/{order}/batches/{batch}"
_SEQUENCE = "/orders/{order}/sequences/{sequence}"
_ROWS = 32
"""Sequences whose texts a page shows."""


@dataclass(frozen=True, kw_only=True)
class OrderBatchView:
    """A batch of an order as its page shows it."""

    batch: dict[str, Any]
    texts: list[tuple[int, str | None]] | Missing
    models: list[str]


@dataclass(frozen=True, kw_only=True)
class OrderSequenceView:
    """A sequence of an order as its page shows it."""

    sequence: dict[str, Any]
    text: str | Missing
    models: list[str]


def order_batch_view(asked: Asked) -> OrderBatchView:
    """The page of a batch of an order."""
    batch = asked.ask(_BATCH, order=asked.get("order"), batch=asked.get("batch"))
    return OrderBatchView(batch=batch, texts=_texts(asked, batch), models=_models(asked))


def order_sequence_view(asked: Asked) -> OrderSequenceView:
    """The page of a sequence of an order."""
    sequence = asked.ask(_SEQUENCE, order=asked.get("order"), sequence=asked.get("sequence"))
    return OrderSequenceView(sequence=sequence, text=_text(asked, sequence), models=_models(asked))


def _models(asked: Asked) -> list[str]:
    return [model["name"] for model in asked.look_up("/models", order=asked.get("order"))]


def _texts(asked: Asked, batch: Mapping[str, Any]) -> list[tuple[int, str | None]] | Missing:
    order, first, stop = batch["order"], batch["sequences"]["start"], batch["sequences"]["stop"]
    found = _decoded(asked, _BATCH, f"seenat batch {order} {batch['batch']} --decode", batch=batch["batch"])
    if isinstance(found, Missing):
        return found
    return list(zip(range(first, min(stop, first + _ROWS)), found, strict=False))


def _text(asked: Asked, sequence: Mapping[str, Any]) -> str | Missing:
    index = sequence["sequence"]
    found = _decoded(asked, _SEQUENCE, f"seenat sequence {sequence['order']} {index} --decode", sequence=index)
    return found if isinstance(found, Missing) else str(found[0])


def _decoded(asked: Asked, path: str, command: str, **place: int) -> list[str | None] | Missing:
    """The texts of an answer of an order, or why there are none; `command` reads them where no page does."""
    order = asked.get("order")
    if not asked.shows_text:
        return Missing("This service shows no training data.")
    if "://" in asked.look_up("/orders/{order}", order=order)["location"]:
        return Missing(ON_A_HUB, command)
    try:
        texts: list[str | None] = asked.ask(path, order=order, **place, decode=True)["texts"]
    except SeenatError as error:
        return missing(error)
    return texts


ORDER_BATCH_PAGE = Page(
    path=_BATCH,
    template="order-batch.html",
    view=order_batch_view,
    shows=(_BATCH, "/models", "/orders/{order}"),
    is_slow=True,
)
ORDER_SEQUENCE_PAGE = Page(
    path=_SEQUENCE,
    template="order-sequence.html",
    view=order_sequence_view,
    shows=(_SEQUENCE, "/models", "/orders/{order}"),
    is_slow=True,
)
