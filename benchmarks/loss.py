"""Losses against the pass that they need: `python -m benchmarks.loss`, or `loss_table` for one case.

The plain pass is what nothing exact can do without: seenat's own forward pass over the first 63 ids of a row and the packed
output matrix after each, in products of 128 positions, the fastest here of 40 to 160; its logits are thrown away. The
reference is `reference_losses`, transformers' forward pass by torch's own products, with logits and float64 after it; `forward`
is that pass without what comes after.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from benchmarks.cases import Case, pythia_case
from seenat.memorization.engine.linear import Linear
from seenat.memorization.engine.neox import Body, NewKeys, folded
from seenat.memorization.protocol import Protocol
from seenat.memorization.reference import reference_losses
from seenat.memorization.scoring import Scorer

__all__ = ["loss_table"]

_PROTOCOL = Protocol.usual(0, "loss")
_POSITIONS = 128
_ROWS = 64
_Rows = npt.NDArray[np.int64]


def loss_table(case: Case) -> str:
    """A Markdown table of CPU time a row, each round's variants in turn, and the largest differences from the reference."""
    scorer = Scorer(case.model, _PROTOCOL, "cpu")
    plain = _plain_pass(case.model)
    few = slice(0, max(8, len(case.rows[0]) // 8))
    variants: dict[str, tuple[Callable[[_Rows], Any], slice]] = {
        "seenat, loss": (scorer.losses, slice(None)),
        "plain pass, packed": (plain, slice(None)),
        "transformers' forward": (lambda rows: _forward(case.model, rows), few),
        "reference, float64": (lambda rows: reference_losses(case.model, rows, _PROTOCOL, batch=8), few),
    }
    spent: dict[str, list[float]] = {name: [] for name in variants}
    for rows in case.rows:
        for name, (run, chosen) in variants.items():
            began = time.thread_time()
            run(rows[chosen])
            spent[name].append((time.thread_time() - began) / len(rows[chosen]))
    lines = [f"## Loss, {case.name}\n", "| | rows/s | x the time of seenat |", "|---|---:|---:|"]
    for name, seconds in spent.items():
        ratios = [other / own for other, own in zip(seconds[1:], spent["seenat, loss"][1:], strict=True)]
        told = f"{statistics.median(ratios):.2f} [{min(ratios):.2f}, {max(ratios):.2f}]"
        lines.append(f"| {name} | {1 / statistics.median(seconds[1:]):,.1f} | {told} |")
    return "\n".join([*lines, "", _differences(scorer, case, few), ""])


def _plain_pass(model: Any) -> Callable[[_Rows], None]:
    with torch.inference_mode():
        body, head = Body(model), Linear(*folded(model.lm_head, model.base_model.final_layer_norm))

    @torch.inference_mode()
    def run(rows: _Rows) -> None:
        for some in torch.split(torch.from_numpy(rows[:, :-1]), _ROWS):
            for states in torch.split(body.states(some, NewKeys()).flatten(0, 1), _POSITIONS):
                head(states)

    return run


@torch.inference_mode()
def _forward(model: Any, rows: _Rows) -> None:
    for some in torch.split(torch.from_numpy(rows[:, :-1]), 8):
        model(some, use_cache=False)


def _differences(scorer: Scorer, case: Case, few: slice) -> str:
    rows = np.concatenate([some[few] for some in case.rows])
    expected = reference_losses(case.model, rows, _PROTOCOL, batch=8).quantities
    apart = np.abs(scorer.losses(rows) - expected).max(axis=0)
    told = ", ".join(f"{name} {value:.1e}" for name, value in zip(_PROTOCOL.kept.quantities, apart, strict=True))
    return f"Largest differences of {len(rows):,} rows from float64: {told}."


if __name__ == "__main__":
    torch.set_num_threads(1)
    for width, heads, count in ((128, 4, 128), (512, 8, 64)):
        print(loss_table(pythia_case(width, heads, 5, rows=count, cached=0, uncached=0)), flush=True)
