"""Part `loss`: losses against the pass that they need.

The plain pass is what nothing exact can do without: seenat's own forward pass over the first 63 ids of a row and the packed
output matrix after each, in products of 128 positions, the fastest here of 40 to 160; its logits are thrown away. The
reference is `reference_losses`, transformers' forward pass by torch's own products, with logits and float64 after it; `forward`
is that pass without what comes after.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.machine import say
from benchmarks.material.shapes import SHAPES, Shape
from benchmarks.page import Figure, figures, table
from benchmarks.rounds import Rows, Variant, ratio
from seenat.memorization.engine.kernels.linear import Linear
from seenat.memorization.engine.neox.forward import Body, NewKeys, fold_norm
from seenat.memorization.engine.scorer import Scorer
from seenat.memorization.engine.transformers.reference import reference_losses
from seenat.memorization.protocol.protocol import Protocol

__all__ = ["section"]

_PROTOCOL = Protocol.default_for(0, "loss")
_ROUNDS = 5
_POSITIONS = 128
_BLOCK = 64
_ROWS = {"14m": (128, 16), "70m": (64, 8)}
"""Of a round: for seenat and the plain pass, and for transformers."""
_TEXT = """## Losses against the pass that they need

Losses come from one pass over the 64 ids of a row. The *plain pass* is seenat's own forward pass and the packed output
matrix after each of 63 ids, whose logits are thrown away: what nothing exact can do without. *Forward* is transformers' pass
with all logits; the reference goes on from there in float64. Rows of a round are new to all; {rounds} rounds after one.
"""


def section(page: Path) -> str:
    """Measure both shapes."""
    return "\n".join([_TEXT.format(rounds=_ROUNDS), *(_measure(shape) for shape in SHAPES.values())])


def _measure(shape: Shape) -> str:
    model, (many, few) = shape.model(), _ROWS[shape.name]
    first, *rounds = np.array_split(shape.rows(model, (1 + _ROUNDS) * many), 1 + _ROUNDS)
    scorer = Scorer(model, _PROTOCOL, "cpu")
    ours = Variant(name="seenat, loss", rows=many, run=lambda rows: {"loss": scorer.losses(rows)})
    theirs = [
        Variant(name="plain pass", rows=many, run=_plain_pass(model)),
        Variant(name="transformers, forward", rows=few, run=lambda rows: _forward(model, rows)),
        Variant(name="reference", rows=few, run=lambda rows: {"loss": _reference(model, rows)}),
    ]
    ours.run(first)
    for rows in rounds:
        for variant in (ours, *theirs):
            variant.take(rows)
    say(f"{shape.name}: losses")
    rates = table(
        ("", "rows/s", "rows a round"), [(one.name, f"{one.rate:,.1f}", f"{one.rows}") for one in [ours, *theirs]]
    )
    return "\n".join([f"### {shape.title}\n", rates, figures(_figures(ours, theirs))])


def _figures(ours: Variant, theirs: list[Variant]) -> list[Figure]:
    plain, *others = theirs
    cost = ratio(ours, plain)
    shown = [
        Figure(what="seenat's time, of the plain pass", value=cost.median, text=f"{cost:.2f}", most=1.15, unit="x")
    ]
    for other in others:
        times = ratio(other, ours)
        shown.append(Figure(what=f"against {other.name}", value=times.median, text=str(times), unit="x"))
    apart = np.max([_apart(*pair) for pair in zip(ours.values, others[-1].values, strict=True)], axis=0)
    for name, value in zip(_PROTOCOL.value_type.quantities, apart, strict=True):
        shown.append(Figure(what=f"largest difference of `{name}` from float64", value=value, text=f"{value:.1e}"))
    return shown


def _apart(mine: dict[str, Any], other: dict[str, Any]) -> Any:
    return np.abs(mine["loss"][: len(other["loss"])] - other["loss"]).max(axis=0)


def _plain_pass(model: Any) -> Callable[[Rows], dict[str, Any]]:
    with torch.inference_mode():
        body, head = Body(model), Linear(*fold_norm(model.lm_head, model.base_model.final_layer_norm))

    @torch.inference_mode()
    def run(rows: Rows) -> dict[str, Any]:
        for some in torch.split(torch.from_numpy(rows[:, :-1]), _BLOCK):
            for states in torch.split(body.states(some, NewKeys()).flatten(0, 1), _POSITIONS):
                head(states)
        return {}

    return run


@torch.inference_mode()
def _forward(model: Any, rows: Rows) -> dict[str, Any]:
    for some in torch.split(torch.from_numpy(rows[:, :-1]), 8):
        model(some, use_cache=False)
    return {}


def _reference(model: Any, rows: Rows) -> Any:
    return reference_losses(model, rows, _PROTOCOL, batch=8).quantities
