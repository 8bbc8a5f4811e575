"""Scores: greedy decoding of many sequences at once, and at how many positions it meets the truth.

All rows of a block stand at the same position, so a step is one pass over one id of each, with no mask and no padding.
No work can be skipped here: each of the `prompt + continuation - 1` ids has to be passed once, and each of the
continuation's positions needs all logits. The host asks the device for nothing before the last id, so neither waits.
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
    return torch.cat([_decoded(body, head, transfer.tokens[block_rows], prompt, store) for block_rows in transfer])


def _decoded(body: Body, head: Head, tokens: torch.Tensor, prompt: int, store: list[torch.Tensor]) -> torch.Tensor:
    layers = [layer[: len(tokens)] for layer in store]
    states = body.states(tokens[:, :prompt], StoredKeys(layers, 0), last=1)
    chosen = head.choices(states[:, 0])
    score = (chosen == tokens[:, prompt]).to(torch.uint8)
    for position in range(prompt, tokens.shape[1] - 1):
        states = body.states(chosen[:, None], StoredKeys(layers, position), start=position)
        chosen = head.choices(states[:, 0])
        score += chosen == tokens[:, position + 1]
    check_numbers(states)  # NaN stays in a row's keys and values, so it is still there in the last states.
    return score
