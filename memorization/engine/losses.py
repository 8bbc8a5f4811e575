"""Losses of many sequences: one pass over each, and four quantities of its surprisals and ranks.

GPT-NeoX on CPU in float32 uses the forward pass of `neox` and the tiles of `surprisal`; everything else uses transformers'
own pass. Protocols that differ only in prompt and continuation share one pass over the longest window, unless the number of
ids in a pass changes what the model makes of the first ones (`rotary`): then each protocol has a pass of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from seenat.memorization.engine.kernels.devices import RowsPerPass
from seenat.memorization.engine.kernels.prefix_state import Pairs
from seenat.memorization.engine.kernels.surprisal import SurprisalHead, surprisals_of_logits
from seenat.memorization.engine.kernels.threads import blocks_of, map_blocks, share_over_threads
from seenat.memorization.engine.neox.forward import Body, NewKeys, fold_norm
from seenat.memorization.engine.transformers.capabilities import probe_model
from seenat.memorization.engine.transformers.rotary import rotates_differently
from seenat.memorization.protocol.protocol import Protocol

__all__ = ["GenericLosses", "NeoxLosses", "quantities"]

# About this many positions a pass: 4,096 states of 512 float32 are 8 MiB, so what a layer makes of them stays in a
# processor's caches. A GPU needs more to be busy.
_STATES = 4096
_STATES_ELSEWHERE = 1 << 16

# Most bytes of logits held at a time, by type of device.
_LOGIT_BYTES = {"cpu": 64 << 20}
_LOGIT_BYTES_ELSEWHERE = 1 << 30

_Tokens = npt.NDArray[np.int64]
_Losses = npt.NDArray[np.float32]


class NeoxLosses:
    """One model under protocols that differ in prompt and continuation alone.

    `module` is a supported model of transformers (`is_supported`), float32, on CPU; it is not changed. `packed` says whether
    matrices are packed for oneDNN; None packs where torch can.
    """

    def __init__(self, module: Any, protocols: Sequence[Protocol], *, packed: bool | None = None) -> None:
        self._pairs = _pairs(protocols)
        self._rows = RowsPerPass(max(1, _STATES // self._pairs.length), torch.device("cpu"))
        with torch.inference_mode():
            self._body = Body(module, packed=packed)
            self._head = SurprisalHead(*fold_norm(module.lm_head, module.base_model.final_layer_norm), packed=packed)
        self._threads = torch.get_num_threads()

    @property
    def rows(self) -> int:
        """Rows of a pass."""
        return self._rows.count

    def losses(self, tokens: _Tokens) -> _Losses:
        """The quantities, float32 [protocols, n, 4], of int64 ids [n, the longest prompt + continuation]."""
        made: _Losses = self._rows.fit(
            lambda rows: share_over_threads(tokens, lambda share: (self._losses(share, rows),), self._threads)
        )[0]
        return made.swapaxes(0, 1)

    def _losses(self, tokens: torch.Tensor, rows: int) -> torch.Tensor:
        return torch.cat([self._block(block) for block in torch.split(tokens, rows)])

    def _block(self, tokens: torch.Tensor) -> torch.Tensor:
        # Ranks are only defined for continuations. Counting larger logits takes longer than summing powers, so ids that
        # every protocol has in its prompt get surprisals alone.
        states, first, rows = self._body.states(tokens[:, :-1], NewKeys()), self._pairs.first, len(tokens)
        before = self._head.surprisals(states[:, : first - 1].flatten(0, 1), tokens[:, 1:first].flatten())
        after, ranks = self._head.surprisals_and_ranks(
            states[:, first - 1 :].flatten(0, 1), tokens[:, first:].flatten()
        )
        surprisals = torch.cat([before.view(rows, -1), after.view(rows, -1)], dim=1)
        return quantities(surprisals, ranks.view(rows, -1), self._pairs)


class GenericLosses:
    """The same for any causal language model; `module` is on its device and has the type to compute in."""

    def __init__(self, module: Any, protocols: Sequence[Protocol]) -> None:
        lengths = [protocol.length for protocol in protocols]
        is_one_pass = not rotates_differently(module, min(lengths) - 1, max(lengths) - 1)
        self._passes = [_pairs(protocols)] if is_one_pass else [_pairs([protocol]) for protocol in protocols]
        self._device: torch.device = module.device
        probed = probe_model(module, max(lengths), decodes=False)
        self._states, is_apart = probed.states, probed.is_apart
        self._logits = probed.model.get_output_embeddings() if is_apart else torch.nn.Identity()
        on_cpu = self._device.type == "cpu"
        self._workers = torch.get_num_threads() if on_cpu else 1
        most = _LOGIT_BYTES.get(self._device.type, _LOGIT_BYTES_ELSEWHERE)
        self._positions = max(1, most // (4 * len(module.get_input_embeddings().weight)))
        states = _STATES if on_cpu else _STATES_ELSEWHERE
        self._rows = RowsPerPass(max(1, (states if is_apart else self._positions) // max(lengths)), self._device)

    @property
    def rows(self) -> int:
        """Rows of a pass."""
        return self._rows.count

    def losses(self, tokens: _Tokens) -> _Losses:
        """The quantities, float32 [protocols, n, 4], of int64 ids [n, the longest prompt + continuation]."""
        return np.concatenate([self._passed(tokens[:, : pairs.length], pairs) for pairs in self._passes])

    def _passed(self, tokens: _Tokens, pairs: Pairs) -> _Losses:
        work = partial(self._block, pairs)
        made = self._rows.fit(lambda rows: map_blocks(blocks_of(tokens, rows), work, self._workers))
        return np.concatenate(made).swapaxes(0, 1)

    @torch.inference_mode()
    def _block(self, pairs: Pairs, block: _Tokens) -> _Losses:
        ids = torch.from_numpy(block).to(self._device)
        states, truth = self._states(ids[:, :-1]).flatten(0, 1), ids[:, 1:].flatten()
        pieces = zip(torch.split(states, self._positions), torch.split(truth, self._positions), strict=True)
        results = [surprisals_of_logits(self._logits(piece), true) for piece, true in pieces]
        surprisals, ranks = (torch.cat(part).view(len(ids), -1).cpu() for part in zip(*results, strict=True))
        losses: _Losses = quantities(surprisals, ranks[:, pairs.first - 1 :], pairs).numpy()
        return losses


def _pairs(protocols: Sequence[Protocol]) -> Pairs:
    return Pairs([(protocol.prompt, protocol.continuation) for protocol in protocols])


def quantities(surprisals: torch.Tensor, ranks: torch.Tensor, pairs: Pairs) -> torch.Tensor:
    """`prompt`, `continuation`, `min_k` and `rank` of each pair, float32 [n, pairs, 4], as `protocol` defines them.

    `surprisals` [n, length - 1] are those of a window's ids but its first, `ranks` [n, length - first] those of the ids that
    follow the shortest prompt.
    """
    made = []
    for prompt, continuation in pairs.pairs:
        # Sums in float64: a window has up to 2,048 surprisals, and what is stored is float32.
        values = surprisals[:, : prompt + continuation - 1].double()
        least_likely = values.topk(max(1, values.shape[1] // 5), dim=1).values
        placed = ranks[:, prompt - pairs.first : prompt + continuation - pairs.first].double()
        parts = [values[:, : prompt - 1].sum(dim=1), values[:, prompt - 1 :].sum(dim=1), least_likely.mean(dim=1)]
        made.append(torch.stack([*parts, placed.mean(dim=1)], dim=1))
    return torch.stack(made, dim=1).float()
