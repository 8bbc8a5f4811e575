"""Scores: greedy decoding of many sequences at once, and at how many positions it meets the truth.

All rows of a block stand at the same position, so a step is one pass over one id of each, with no mask and no padding.
Nothing can be left out here: each of the `prompt + continuation - 1` ids has to be passed once, and each of the
continuation's positions needs all logits. Nothing is asked of the device before the last id, so it never waits.
"""

from __future__ import annotations

import torch

from seenat.memorization.engine.kernels.devices import BlockTransfer
from seenat.memorization.engine.kernels.output_head import Head, check_numbers
from seenat.memorization.engine.neox.forward import Body, StoredKeys

__all__ = ["greedy_scores"]


def greedy_scores(body: Body, head: Head, tokens: torch.Tensor, prompt: int, block: int) -> torch.Tensor:
    """The scores of int64 sequences [n, prompt + continuation] in the host's memory, `block` rows a pass: uint8 [n]."""
    store = body.store(min(block, len(tokens)), tokens.shape[1] - 1)
    transfer = BlockTransfer(tokens, body.device, block)
    return torch.cat([_decoded(body, head, transfer.tokens[some], prompt, store) for some in transfer])


def _decoded(body: Body, head: Head, tokens: torch.Tensor, prompt: int, store: list[torch.Tensor]) -> torch.Tensor:
    layers = [layer[: len(tokens)] for layer in store]
    states = body.states(tokens[:, :prompt], StoredKeys(layers, 0), asked=1)
    chosen = head.choices(states[:, 0])
    score = (chosen == tokens[:, prompt]).to(torch.uint8)
    for position in range(prompt, tokens.shape[1] - 1):
        states = body.states(chosen[:, None], StoredKeys(layers, position), start=position)
        chosen = head.choices(states[:, 0])
        score += chosen == tokens[:, position + 1]
    check_numbers(states)  # What is no number stays in a row's keys, so the last states tell of all.
    return score
