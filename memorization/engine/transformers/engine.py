"""Any causal language model of transformers, on any device, by its own forward pass.

One pass over prompt and continuation, its last id left out, gives every hidden state that greedy decoding could need. A
prefix ends at its first mistake, so from there the work follows the sequences that are still right, and stays exact:

* The output matrix is applied position by position, to the sequences without a mistake so far. In a small model it is
  most of the work: 6.4 of 7.6 million multiplications an id in Pythia-14m, whose vocabulary is 50,304. `Head` is that matrix
  where it is all that stands between states and logits; elsewhere logits take the place of states, and `Logits` reads
  them (`capabilities`).
* The pass is made over `prompt + 4` ids first; only sequences that got all 4 right are passed in full.

Where one pass does not give what `generate` gives (`rotary`, `capabilities`), prefixes are taken from `generate` itself. So
are all scores; `losses` has the losses.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import torch

from seenat.memorization.engine.kernels.devices import RowsPerPass
from seenat.memorization.engine.kernels.output_head import Head, Logits, Matrix, NextTokenCheck
from seenat.memorization.engine.kernels.prefix_state import Pairs, PrefixState
from seenat.memorization.engine.kernels.rechecking import BoundedCheck
from seenat.memorization.engine.kernels.threads import blocks_of, map_blocks
from seenat.memorization.engine.transformers.capabilities import probe_model
from seenat.memorization.engine.transformers.reference import ReferenceScores, reference_scores
from seenat.memorization.engine.transformers.rotary import rotates_differently
from seenat.memorization.protocol.protocol import Protocol

__all__ = ["GenericEngine"]

# Ids of the continuation that the first pass decides: most sequences have a mistake in the first four.
_FIRST_LOOK = 4

# Rows in a block: 64 x 35 ids keep a layer's activations within a processor's caches.
_ROWS = {"cpu": 64}
_ROWS_ELSEWHERE = 1024

# Most bytes of logits held at a time, where they take the place of states.
_LOGIT_BYTES = {"cpu": 64 << 20}
_LOGIT_BYTES_ELSEWHERE = 4 << 30

_Tokens = npt.NDArray[np.int64]
_Values = npt.NDArray[np.uint8]
_Made = TypeVar("_Made")


class GenericEngine:
    """One model under protocols that differ in prompt and continuation alone.

    `module` is on its device and has the type to compute in.
    """

    def __init__(self, module: Any, protocols: Sequence[Protocol]) -> None:
        protocol = protocols[0]
        self._protocols = tuple(protocols)
        self._pairs = Pairs([(each.prompt, each.continuation) for each in protocols])
        self._device: torch.device = module.device
        probed = probe_model(module, self._pairs.length, decodes=True)
        self._module, self._states, is_apart = probed.model, probed.states, probed.is_apart
        self._is_alike = probed.is_generating_alike
        self.must_generate = not self._is_alike or rotates_differently(
            module, self._pairs.first, self._pairs.length - 1
        )
        """Whether prefixes have to be generated, since one pass gives others."""
        banned = protocol.eos_id if protocol.eos == "banned" else None
        self._head: Matrix = _matrix(module, banned) if is_apart else Logits(banned)
        self._workers = torch.get_num_threads() if self._device.type == "cpu" else 1
        self._rows = RowsPerPass(_rows(module, self._pairs.length, is_apart), self._device)

    @property
    def rows(self) -> int:
        """Rows of a pass."""
        return self._rows.count

    def prefixes(self, tokens: _Tokens) -> _Values:
        """Prefixes, uint8 [protocols, n], of int64 ids [n, the longest prompt + continuation]."""
        if self.must_generate:
            return np.stack([made.prefix for made in self._generated(tokens)])
        return self._decided(tokens, self._head)[0]

    def screened(self, tokens: _Tokens, bound: float) -> tuple[_Values, npt.NDArray[np.bool_]]:
        """Prefixes, and which sequences are unsure because two logits were nearer than `bound`: bool [n]."""
        return self._decided(tokens, BoundedCheck(self._head, bound))

    def margins(self, tokens: _Tokens) -> npt.NDArray[np.float32]:
        """By how much the true id's logit exceeds the largest other one: [n, ids]; minus infinity for the banned id."""
        return np.concatenate(self._passed(tokens, self._margins))

    def scores(self, tokens: _Tokens) -> _Values:
        """Scores, uint8 [protocols, n]; every protocol decodes separately."""
        return np.stack([made.score for made in self._generated(tokens)])

    def _decided(self, tokens: _Tokens, check: NextTokenCheck) -> tuple[_Values, npt.NDArray[np.bool_]]:
        result = np.zeros((len(tokens), len(self._protocols)), dtype=np.uint8)
        unsure, left = np.zeros(len(tokens), dtype=np.bool_), np.arange(len(tokens))
        for stop in sorted({min(self._pairs.longest + _FIRST_LOOK, self._pairs.length), self._pairs.length}):
            if len(left):
                made = self._passed(tokens[left, :stop], partial(self._prefixes, check))
                result[left], unsure[left], going_on = (np.concatenate(parts) for parts in zip(*made, strict=True))
                left = left[going_on & ~unsure[left]]
        return result.T, unsure

    def _generated(self, tokens: _Tokens) -> Iterator[ReferenceScores]:
        """The results of `generate`, protocol by protocol."""
        for protocol in self._protocols:
            generated = partial(self._generated_by, protocol, tokens[:, : protocol.length])
            yield self._rows.fit(generated)

    def _generated_by(self, protocol: Protocol, tokens: _Tokens, rows: int) -> ReferenceScores:
        return reference_scores(self._module, tokens, protocol, batch=rows if self._is_alike else 1)

    def _passed(self, tokens: _Tokens, work: Callable[[_Tokens], _Made]) -> list[_Made]:
        """The result of `work` for every block, of as many rows as fit."""
        return self._rows.fit(lambda rows: map_blocks(blocks_of(tokens, rows), work, self._workers))

    @torch.inference_mode()
    def _prefixes(
        self, check: NextTokenCheck, block: _Tokens
    ) -> tuple[_Values, npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
        """Prefixes [n, protocols], which sequences are unsure, and which are not done."""
        states, truth = self._after_prompts(block)
        state = PrefixState(self._pairs, len(truth), self._device)
        left = torch.arange(len(truth), device=self._device)
        for column in range(truth.shape[1]):
            here = states[left, column : column + 1], truth[left, column : column + 1]
            left = left[state.take(check, *here, left, self._pairs.first + column)]
            if not len(left):
                break
        going_on = torch.zeros_like(state.unsure)
        going_on[left] = True
        return state.prefixes.T.cpu().numpy(), state.unsure.cpu().numpy(), going_on.cpu().numpy()

    @torch.inference_mode()
    def _margins(self, block: _Tokens) -> npt.NDArray[np.float32]:
        states, truth = self._after_prompts(block)
        flat = states.flatten(0, 1), truth.flatten()
        margins: npt.NDArray[np.float32] = (self._head.own(*flat) - self._head.largest_other(*flat)).cpu().numpy()
        return margins.reshape(truth.shape)

    def _after_prompts(self, block: _Tokens) -> tuple[torch.Tensor, torch.Tensor]:
        """The states from which the ids after the shortest prompts follow, [n, ids, width], and those ids [n, ids]."""
        ids = torch.from_numpy(block).to(self._device)
        return self._states(ids[:, :-1])[:, self._pairs.first - 1 :], ids[:, self._pairs.first :]


def _rows(module: Any, length: int, is_apart: bool) -> int:
    """As many rows as suit the device, unless their logits at every position would be too many."""
    device = module.device.type
    suiting = _ROWS.get(device, _ROWS_ELSEWHERE)
    if is_apart:
        return suiting
    row: int = module.dtype.itemsize * len(module.get_input_embeddings().weight) * (length - 1)
    return max(1, min(suiting, _LOGIT_BYTES.get(device, _LOGIT_BYTES_ELSEWHERE) // row))


def _matrix(module: Any, banned: int | None) -> Head:
    linear = module.get_output_embeddings()
    weight = linear.weight.detach()
    bias = weight.new_zeros(len(weight)) if linear.bias is None else linear.bias.detach()
    with torch.inference_mode():
        return Head(weight, bias, banned)
