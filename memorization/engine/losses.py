"""Losses of many sequences: one pass over each, and what is kept of its surprisals and ranks.

For GPT-NeoX on CPU by the forward pass of `neox` and the tiles of `surprisal`; `generic` does it for every other model.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from seenat.memorization.engine.neox import Body, NewKeys, folded
from seenat.memorization.engine.sharing import shared
from seenat.memorization.engine.surprisal import SurprisalHead
from seenat.memorization.protocol import Protocol

__all__ = ["NeoxLosses", "quantities"]

_STATES = 4096
"""Positions of a pass, about: what a layer makes of them stays in a processor's caches."""

_Tokens = npt.NDArray[np.int64]
_Losses = npt.NDArray[np.float32]


class NeoxLosses:
    """One model under one protocol. `module` is transformers' own, float32, on CPU, and `suits` it; it stays as it is.

    `packed` says whether matrices are packed for oneDNN; None: where torch can.
    """

    def __init__(self, module: Any, protocol: Protocol, *, packed: bool | None = None) -> None:
        self._prompt = protocol.prompt
        self._rows = max(1, _STATES // (protocol.length - 1))
        with torch.inference_mode():
            self._body = Body(module, packed=packed)
            self._head = SurprisalHead(*folded(module.lm_head, module.base_model.final_layer_norm), packed=packed)
        self._threads = torch.get_num_threads()

    def losses(self, tokens: _Tokens) -> _Losses:
        """The quantities, float32 [n, 4], of int64 ids [n, prompt + continuation]."""
        return shared(tokens, self._losses, self._threads)

    def _losses(self, tokens: torch.Tensor) -> torch.Tensor:
        return torch.cat([self._block(some) for some in torch.split(tokens, self._rows)])

    def _block(self, tokens: torch.Tensor) -> torch.Tensor:
        states = self._body.states(tokens[:, :-1], NewKeys())
        given = self._prompt - 1
        prompt = self._head.surprisals(states[:, :given].flatten(0, 1), tokens[:, 1 : given + 1].flatten())
        after, ranks = self._head.surprisals_and_ranks(
            states[:, given:].flatten(0, 1), tokens[:, self._prompt :].flatten()
        )
        surprisals = torch.cat([prompt.view(len(tokens), -1), after.view(len(tokens), -1)], dim=1)
        return quantities(surprisals, ranks.view(len(tokens), -1), self._prompt)


def quantities(surprisals: torch.Tensor, ranks: torch.Tensor, prompt: int) -> torch.Tensor:
    """`prompt`, `continuation`, `min_k` and `rank`, float32 [n, 4], as `protocol` defines them.

    `surprisals` [n, ids] are those of a window's ids but its first, `ranks` [n, continuation] those of its continuation.
    """
    values = surprisals.double()
    least_likely = values.topk(max(1, values.shape[1] // 5), dim=1).values
    parts = [values[:, : prompt - 1].sum(dim=1), values[:, prompt - 1 :].sum(dim=1), least_likely.mean(dim=1)]
    return torch.stack([*parts, ranks.double().mean(dim=1)], dim=1).float()
