"""GPT-NeoX on CPU: the forward pass, the output matrix, and the threads that share the sequences."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from seenat.memorization.engine.cascade import Cascade
from seenat.memorization.engine.decoding import scores
from seenat.memorization.engine.head import Head
from seenat.memorization.engine.neox import Body, folded
from seenat.memorization.engine.schedule import best_stages, usual_stages
from seenat.memorization.engine.sharing import shared
from seenat.memorization.protocol import Protocol

__all__ = ["NeoxEngine"]

_KEY_BYTES = 100 << 20
"""Most bytes that the keys and values of a block take, of which a thread holds two for each stage."""
_BLOCK = 64
"""Rows of a pass over prompts: 64 x 33 states and what a layer makes of them stay in a processor's caches."""
_DECODING_BLOCK = 128
"""Rows of a pass over one id each, where more rows make larger products."""
_LEAST_BLOCK = 8
"""Blocks are multiples of it, which oneDNN likes."""
_ENOUGH = 256
"""Sequences whose prefixes say how those of the others fall off."""

_Tokens = npt.NDArray[np.int64]
_Values = npt.NDArray[np.uint8]


class NeoxEngine:
    """One model under one protocol. `module` is transformers' own, float32, on CPU, and `suits` it; it stays as it is.

    `packed` says whether matrices are packed for oneDNN; None: where torch can.
    """

    def __init__(self, module: Any, protocol: Protocol, *, packed: bool | None = None) -> None:
        self._protocol = protocol
        with torch.inference_mode():
            self._body = Body(module, packed=packed)
            weight, bias = folded(module.lm_head, module.base_model.final_layer_norm)
            self._head = Head(weight, bias, protocol.eos_id if protocol.eos == "banned" else None, packed=packed)
        self._threads = torch.get_num_threads()
        self._knows_ids = False
        self._prefixes = np.zeros(protocol.continuation + 1, dtype=np.int64)
        self._due = _ENOUGH
        self.stages = usual_stages(protocol.continuation)
        """The stages of the next call."""

    def prefixes(self, tokens: _Tokens) -> _Values:
        """Prefixes, uint8 [n], of int64 ids [n, prompt + continuation]."""
        if not self._knows_ids:
            with torch.inference_mode():
                self._head.ask_first(np.bincount(tokens.ravel(), minlength=self._head.vocab_size))
            self._knows_ids = True
        prompt, stages, block = self._protocol.prompt, self.stages, self._block(_BLOCK)
        values = shared(
            tokens, lambda some: Cascade(self._body, self._head, some, prompt, stages, block).run(), self._threads
        )
        self._learn(values)
        return values

    def _learn(self, values: _Values) -> None:
        """Choose the stages again whenever twice as many prefixes are known: every choice has code compiled for it."""
        self._prefixes += np.bincount(values, minlength=len(self._prefixes))
        if (known := int(self._prefixes.sum())) >= self._due:
            self._due = 2 * known
            self.stages = best_stages(self._prefixes)

    def scores(self, tokens: _Tokens) -> _Values:
        """Scores, uint8 [n], of int64 ids [n, prompt + continuation]."""
        prompt, block = self._protocol.prompt, self._block(_DECODING_BLOCK)
        return shared(tokens, lambda some: scores(self._body, self._head, some, prompt, block), self._threads)

    def _block(self, most: int) -> int:
        row = self._body.key_bytes * self._protocol.length
        return max(_LEAST_BLOCK, min(most, _KEY_BYTES // row // _LEAST_BLOCK * _LEAST_BLOCK))
