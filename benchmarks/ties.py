"""Whether float32 can decide at all where results differ: the distance of the two largest logits, computed in float64."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from seenat.memorization.engine.transformers.reference import generate_continuations
from seenat.memorization.protocol.protocol import Protocol

__all__ = ["smallest_gaps", "ties"]


@torch.inference_mode()
def smallest_gaps(model: Any, rows: npt.NDArray[np.int64]) -> list[float]:
    """Along the reference's decoding of each row [n, 64], the smallest distance of the two largest logits."""
    if not len(rows):
        return []
    protocol = Protocol()
    prompts = rows[:, : protocol.prompt]
    ids = torch.from_numpy(np.concatenate([prompts, generate_continuations(model, prompts, protocol)], axis=1))
    logits = copy.deepcopy(model).double()(ids[:, :-1]).logits[:, protocol.prompt - 1 :]
    logits[:, :, protocol.eos_id] = -torch.inf
    two = logits.topk(2, dim=-1).values
    gaps: list[float] = (two[..., 0] - two[..., 1]).amin(dim=1).tolist()
    return gaps


def ties(gaps: Sequence[float]) -> str:
    """A sentence for the page; none where nothing differs."""
    if not gaps:
        return ""
    apart = ", ".join(f"{gap:.1e}" for gap in gaps)
    return f"Where numbers differ, the two largest logits come this near to each other, computed in float64: {apart}.\n"
