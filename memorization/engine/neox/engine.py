"""The engine of GPT-NeoX: the forward pass, the output matrix, and how sequences are shared.

On CPU every thread works on sequences of its own. Another device works on all of them, in blocks as large as its memory
allows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from seenat.memorization.engine.kernels.devices import BlockTransfer, RowsPerPass, free_bytes
from seenat.memorization.engine.kernels.output_head import Head, NextTokenCheck
from seenat.memorization.engine.kernels.prefix_state import Pairs
from seenat.memorization.engine.kernels.rechecking import BoundedCheck
from seenat.memorization.engine.kernels.stages import Stages
from seenat.memorization.engine.kernels.threads import share_over_threads
from seenat.memorization.engine.neox.early_exit import EarlyExit
from seenat.memorization.engine.neox.forward import Body, NewKeys, fold_norm
from seenat.memorization.engine.neox.greedy import greedy_scores
from seenat.memorization.protocol.protocol import Protocol

__all__ = ["NeoxEngine"]

# Most bytes of the keys and values of a block on CPU; a thread holds two blocks for each stage.
_KEY_BYTES = 100 << 20

# Rows of a pass over prompts: 64 x 33 states, and what a layer makes of them, stay in a processor's caches.
_BLOCK = 64

# Rows of a pass over one id each, where more rows make larger products.
_DECODING_BLOCK = 128

# Rows of either on a GPU: 4,096 x 33 are 135,000 ids, whose products last much longer than it takes to launch them.
_BLOCK_ELSEWHERE = 4096

# A block's keys and values take 1/16 of a GPU's free memory: there are two blocks for each stage, and the pass itself.
_SHARE_OF_MEMORY = 16

# Rows of a block are a multiple of this; oneDNN is faster with such.
_LEAST_BLOCK = 8

_Tokens = npt.NDArray[np.int64]
_Values = npt.NDArray[np.uint8]


class NeoxEngine:
    """One model under protocols that differ in prompt and continuation alone.

    `module` is a supported model of transformers (`is_supported`); it is neither changed nor moved.

    `device` and `dtype` are where and in which type this engine computes; None means those of the module. `packed` says
    whether matrices are packed for oneDNN; None packs where torch can. `stages` are those of the checkpoint before, or new.
    """

    def __init__(
        self,
        module: Any,
        protocols: Sequence[Protocol],
        *,
        device: torch.device | None = None,
        dtype: torch.dtype | None = None,
        packed: bool | None = None,
        stages: Stages | None = None,
    ) -> None:
        protocol = protocols[0]
        self._pairs = Pairs([(each.prompt, each.continuation) for each in protocols])
        with torch.inference_mode():
            self._body = Body(module, device=device, dtype=dtype, packed=packed)
            self._device = self._body.device
            weight, bias = fold_norm(module.lm_head, module.base_model.final_layer_norm, self._device, self._body.dtype)
            self._head = Head(weight, bias, protocol.eos_id if protocol.eos == "banned" else None, packed=packed)
        on_cpu = self._device.type == "cpu"
        self._threads = torch.get_num_threads() if on_cpu else 1
        budget = _KEY_BYTES if on_cpu else free_bytes(self._device) // _SHARE_OF_MEMORY
        self._rows = RowsPerPass(self._block(_BLOCK if on_cpu else _BLOCK_ELSEWHERE, budget), self._device)
        self._decoding_rows = RowsPerPass(
            self._block(_DECODING_BLOCK if on_cpu else _BLOCK_ELSEWHERE, budget), self._device
        )
        self._stages = stages or Stages()
        self._began = False

    @property
    def rows(self) -> int:
        """Rows of a pass over prompts."""
        return self._rows.count

    def prefixes(self, tokens: _Tokens) -> _Values:
        """Prefixes, uint8 [protocols, n], of int64 ids [n, the longest prompt + continuation]."""
        return self._with_early_exit(tokens, self._head)[0]

    def screened(self, tokens: _Tokens, bound: float) -> tuple[_Values, npt.NDArray[np.bool_]]:
        """Prefixes, and which sequences are unsure because two logits were nearer than `bound`: bool [n]."""
        return self._with_early_exit(tokens, BoundedCheck(self._head, bound))

    def margins(self, tokens: _Tokens) -> npt.NDArray[np.float32]:
        """By how much the true id's logit exceeds the largest other one: [n, ids]; minus infinity for the banned id."""
        made = self._rows.fit(
            lambda rows: share_over_threads(tokens, lambda share: (self._margins(share, rows),), self._threads)
        )
        margins: npt.NDArray[np.float32] = made[0]
        return margins

    def _with_early_exit(self, tokens: _Tokens, check: NextTokenCheck) -> tuple[_Values, npt.NDArray[np.bool_]]:
        if not self._began:
            self._begin(tokens)
        stages = self._stages.best

        def work(share: torch.Tensor, rows: int) -> tuple[torch.Tensor, ...]:
            state = EarlyExit(self._body, check, share, self._pairs, stages, rows).run()
            return state.prefixes.T, state.unsure

        values, unsure = self._rows.fit(
            lambda rows: share_over_threads(tokens, lambda share: work(share, rows), self._threads)
        )
        # Stages count ids from the longest prompt on, and a sequence is done when the last of its prefixes has ended.
        ends = (values + np.array([prompt for prompt, _ in self._pairs.pairs])).max(axis=1) - self._pairs.longest
        self._stages.learn(ends)
        return values.T, unsure

    def _begin(self, tokens: _Tokens) -> None:
        """Choose frequent ids and stages: at the first call, since the engine may be built while the one before still works."""
        with torch.inference_mode():
            self._head.set_frequencies(np.bincount(tokens.ravel(), minlength=self._head.vocab_size))
        self._stages.begin(self._pairs.length - self._pairs.longest)
        self._began = True

    def scores(self, tokens: _Tokens) -> _Values:
        """Scores, uint8 [protocols, n]; every protocol decodes separately."""
        return np.stack([self._scores(tokens[:, : sum(pair)], pair[0]) for pair in self._pairs.pairs])

    def _scores(self, tokens: _Tokens, prompt: int) -> _Values:
        body, head = self._body, self._head
        made = self._decoding_rows.fit(
            lambda rows: share_over_threads(
                tokens, lambda share: (greedy_scores(body, head, share, prompt, rows),), self._threads
            )
        )
        values: _Values = made[0]
        return values

    def _margins(self, tokens: torch.Tensor, rows: int) -> torch.Tensor:
        """The margins of int64 sequences in the host's memory, float32 [n, ids from the shortest prompt's end on]."""
        transfer, last = BlockTransfer(tokens, self._device, rows), self._pairs.length - self._pairs.first
        margins = [torch.empty(0, last, device=self._device)]
        for block in transfer:
            ids = transfer.tokens[block]
            truth = ids[:, self._pairs.first :].reshape(-1)
            states = self._body.states(ids[:, :-1], NewKeys(), last=last).flatten(0, 1)
            block_margins = self._head.own(states, truth) - self._head.largest_other(states, truth)
            margins.append(block_margins.view(len(ids), -1))
        return torch.cat(margins)

    def _block(self, most: int, budget: int) -> int:
        row = self._body.key_bytes * self._pairs.length
        return max(_LEAST_BLOCK, min(most, budget // row // _LEAST_BLOCK * _LEAST_BLOCK))
