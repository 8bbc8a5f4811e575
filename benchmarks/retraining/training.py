"""A run of a pocket model in which some sequences have no loss.

What is left out stays in its place: no batch shifts, and every other sequence keeps its weight, since the loss is still divided
by all ids of the batch. So a run without sequences differs from the whole run by exactly their part of each gradient.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from seenat.memorization.pocket.config import PocketConfig, PocketModel
from seenat.memorization.pocket.training.architecture import new_network
from seenat.memorization.pocket.training.train_model import new_optimizer

__all__ = ["losses_after"]

_Rows = npt.NDArray[np.int64]


def losses_after(
    rows: _Rows, config: PocketConfig, model: PocketModel, seed: int, without: Sequence[int], queries: _Rows
) -> list[float]:
    """Train from the weights of a seed on `rows`, int64 [trained, T], `without` some; the mean loss of each query then."""
    network = new_network(model, config, seed)
    optimizer = new_optimizer(network, config)
    kept = torch.ones(len(rows))
    kept[list(without)] = 0
    size = config.sequences_per_batch
    for batch in range(config.steps):
        for group in optimizer.param_groups:
            group["lr"] = config.learning_rate(model, batch)
        place = slice(batch * size, (batch + 1) * size)
        losses = _losses(network, torch.from_numpy(rows[place]))
        (losses * kept[place, None]).mean().backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(network.parameters(), config.gradient_clipping)
        optimizer.step()
        optimizer.zero_grad()
    with torch.no_grad():
        return [float(loss) for loss in _losses(network, torch.from_numpy(queries)).double().mean(dim=1)]


def _losses(network: Any, ids: torch.Tensor) -> torch.Tensor:
    logits = network(input_ids=ids[:, :-1], use_cache=False).logits
    losses = torch.nn.functional.cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten(), reduction="none")
    return losses.view(len(ids), -1)
