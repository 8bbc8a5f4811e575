"""GPT-NeoX: the forward pass, the output matrix, and what shares the sequences.

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

_KEY_BYTES = 100 << 20
"""Most bytes that the keys and values of a block take, of which a thread holds two for each stage."""
_BLOCK = 64
"""Rows of a pass over prompts: 64 x 33 states and what a layer makes of them stay in a processor's caches."""
_DECODING_BLOCK = 128
"""Rows of a pass over one id each, where more rows make larger products."""
_BLOCK_ELSEWHERE = 4096
"""Rows of either on a GPU: 135,000 ids, whose products last much longer than their calls."""
_SHARE_OF_MEMORY = 16
"""Of a GPU's free memory a block's keys and values take so small a part; there are two for each stage, and the pass itself."""
_LEAST_BLOCK = 8
"""Blocks are multiples of it, which oneDNN likes."""

_Tokens = npt.NDArray[np.int64]
_Values = npt.NDArray[np.uint8]


class NeoxEngine:
    """One model under protocols that differ in prompt and continuation alone.

    `module` is transformers' own and `suits` it; it stays as it is, where it is.

    `device` and `dtype` are where and in which type this engine computes; None: where and as the module does. `packed` says
    whether matrices are packed for oneDNN; None: where torch can. `stages` are those of the checkpoint before, or new ones.
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
        self._pairs = Pairs([(one.prompt, one.continuation) for one in protocols])
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
        """As `rechecking.ScreeningEngine` says."""
        return self._with_early_exit(tokens, BoundedCheck(self._head, bound))

    def margins(self, tokens: _Tokens) -> npt.NDArray[np.float32]:
        """As `rechecking.PrefixEngine` says; infinite where the true id is banned."""
        made = self._rows.fit(
            lambda rows: share_over_threads(tokens, lambda some: (self._margins(some, rows),), self._threads)
        )
        margins: npt.NDArray[np.float32] = made[0]
        return margins

    def _with_early_exit(self, tokens: _Tokens, check: NextTokenCheck) -> tuple[_Values, npt.NDArray[np.bool_]]:
        if not self._began:
            self._begin(tokens)
        stages = self._stages.best

        def work(some: torch.Tensor, rows: int) -> tuple[torch.Tensor, ...]:
            state = EarlyExit(self._body, check, some, self._pairs, stages, rows).run()
            return state.prefixes.T, state.unsure

        values, unsure = self._rows.fit(
            lambda rows: share_over_threads(tokens, lambda some: work(some, rows), self._threads)
        )
        ends = (values + np.array([prompt for prompt, _ in self._pairs.pairs])).max(axis=1) - self._pairs.longest
        self._stages.learn(ends)
        return values.T, unsure

    def _begin(self, tokens: _Tokens) -> None:
        """Only now: this engine may have been made while the one before it was still at work."""
        with torch.inference_mode():
            self._head.set_frequencies(np.bincount(tokens.ravel(), minlength=self._head.vocab_size))
        self._stages.begin(self._pairs.length - self._pairs.longest)
        self._began = True

    def scores(self, tokens: _Tokens) -> _Values:
        """Scores, likewise; every protocol decodes for itself."""
        return np.stack([self._scores(tokens[:, : sum(pair)], pair[0]) for pair in self._pairs.pairs])

    def _scores(self, tokens: _Tokens, prompt: int) -> _Values:
        body, head = self._body, self._head
        made = self._decoding_rows.fit(
            lambda rows: share_over_threads(
                tokens, lambda some: (greedy_scores(body, head, some, prompt, rows),), self._threads
            )
        )
        values: _Values = made[0]
        return values

    def _margins(self, tokens: torch.Tensor, rows: int) -> torch.Tensor:
        """The margins of int64 sequences in the host's memory, float32 [n, ids from the shortest prompt's end on]."""
        transfer, asked = BlockTransfer(tokens, self._device, rows), self._pairs.length - self._pairs.first
        found = [torch.empty(0, asked, device=self._device)]
        for block in transfer:
            ids = transfer.tokens[block]
            truth = ids[:, self._pairs.first :].reshape(-1)
            states = self._body.states(ids[:, :-1], NewKeys(), asked=asked).flatten(0, 1)
            margins = self._head.own(states, truth) - self._head.largest_other(states, truth)
            found.append(margins.view(len(ids), -1))
        return torch.cat(found)

    def _block(self, most: int, budget: int) -> int:
        row = self._body.key_bytes * self._pairs.length
        return max(_LEAST_BLOCK, min(most, budget // row // _LEAST_BLOCK * _LEAST_BLOCK))
