"""Any causal language model of transformers, on any device, by its own forward pass.

One pass over prompt and continuation, its last id left out, gives every hidden state that greedy decoding could need. A
prefix ends at its first mistake, so from there the work follows the sequences that are still right, and stays exact:

* The output matrix is applied position by position, to the sequences without a mistake so far. In a small model it is
  most of the work: 6.4 of 7.6 million multiplications an id in Pythia-14m, whose vocabulary is 50,304.
* The pass is made over `prompt + 4` ids first; only sequences that got all 4 right are passed in full.

Scores are taken from transformers' `generate`. Losses take one pass and the output matrix at every position.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from seenat.memorization.engine.losses import quantities
from seenat.memorization.engine.surprisal import of_logits
from seenat.memorization.packing import packed_copy
from seenat.memorization.protocol import Protocol
from seenat.memorization.reference import reference_scores

__all__ = ["GenericEngine"]

_FIRST_LOOK = 4
"""Ids of the continuation that the first pass decides."""
_ROWS = {"cpu": 64}
"""Rows in a block: 64 x 35 ids keep a layer's activations within a processor's caches."""
_ROWS_ELSEWHERE = 1024
_IDS = 64
"""Ids of a row up to which a block has so many rows; of longer ones, which are passed in full, it has fewer."""
_LOGIT_BYTES = 64 << 20
"""Most bytes of logits held at a time."""

_States = Callable[[torch.Tensor], torch.Tensor]
_Tokens = npt.NDArray[np.int64]
_Values = npt.NDArray[np.uint8]


class GenericEngine:
    """One model under one protocol; `module` is float32 and on its device."""

    def __init__(self, module: Any, protocol: Protocol) -> None:
        self._protocol = protocol
        self._device: torch.device = module.device
        self._vocab_size = int(module.get_input_embeddings().weight.shape[0])
        self._module = packed_copy(module) if self._device.type == "cpu" else module
        self._states, self._head = _split(self._module, self._device)
        self._workers = torch.get_num_threads() if self._device.type == "cpu" else 1
        self._rows = self._rows_per_block()

    def prefixes(self, tokens: _Tokens) -> _Values:
        """Prefixes, uint8 [n], of int64 ids [n, prompt + continuation]."""
        result = np.zeros(len(tokens), dtype=np.uint8)
        alive = np.arange(len(tokens))
        for depth in sorted({min(_FIRST_LOOK, self._protocol.continuation), self._protocol.continuation}):
            blocks = [alive[start : start + self._rows] for start in range(0, len(alive), self._rows)]
            looks = [tokens[block, : self._protocol.prompt + depth] for block in blocks]
            for block, prefixes in zip(blocks, self._map(self._prefixes_of_block, looks), strict=True):
                result[block] = prefixes
            alive = alive[result[alive] == depth]
        return result

    def scores(self, tokens: _Tokens) -> _Values:
        """Scores, uint8 [n], of int64 ids [n, prompt + continuation]."""
        return reference_scores(self._module, tokens, self._protocol, batch=self._rows).score

    def losses(self, tokens: _Tokens) -> npt.NDArray[np.float32]:
        """The quantities of `protocol`, float32 [n, 4], of int64 ids [n, prompt + continuation]."""
        rows = max(1, self._rows * _IDS // max(_IDS, self._protocol.length))
        blocks = [tokens[start : start + rows] for start in range(0, len(tokens), rows)]
        return np.concatenate([*self._map(self._losses_of_block, blocks)])

    def _map(self, work: Callable[[_Tokens], npt.NDArray[Any]], looks: list[_Tokens]) -> Iterable[npt.NDArray[Any]]:
        """`work` on every block, one thread each: threads that share a block spend their time waiting for each other.

        On two cores of which other programs had a part, sharing took 5 to 8 seconds where one thread alone took 3.3.
        """
        if self._workers == 1 or len(looks) == 1:
            return map(work, looks)
        threads = torch.get_num_threads()
        try:
            with ThreadPoolExecutor(self._workers, initializer=torch.set_num_threads, initargs=(1,)) as pool:
                return list(pool.map(work, looks))
        finally:
            torch.set_num_threads(threads)

    @torch.inference_mode()
    def _prefixes_of_block(self, block: _Tokens) -> _Values:
        ids = torch.from_numpy(block).to(self._device)
        states = self._states(ids[:, :-1])[:, self._protocol.prompt - 1 :]
        truth = ids[:, self._protocol.prompt :]
        prefix = torch.zeros(len(ids), dtype=torch.uint8, device=self._device)
        alive = torch.arange(len(ids), device=self._device)
        for position in range(truth.shape[1]):
            alive = alive[self._choices(states[alive, position]) == truth[alive, position]]
            if not len(alive):
                break
            prefix[alive] = position + 1
        return prefix.cpu().numpy()

    @torch.inference_mode()
    def _losses_of_block(self, block: _Tokens) -> npt.NDArray[np.float32]:
        ids = torch.from_numpy(block).to(self._device)
        states, truth = self._states(ids[:, :-1]).flatten(0, 1), ids[:, 1:].flatten()
        most = max(1, _LOGIT_BYTES // (4 * self._vocab_size))
        pieces = zip(torch.split(states, most), torch.split(truth, most), strict=True)
        found = [of_logits(self._head(some), true) for some, true in pieces]
        surprisals, ranks = (torch.cat(part).view(len(ids), -1).cpu() for part in zip(*found, strict=True))
        return quantities(surprisals, ranks[:, self._protocol.prompt - 1 :], self._protocol.prompt).numpy()

    def _choices(self, states: torch.Tensor) -> torch.Tensor:
        """What greedy decoding would choose after each hidden state; the lowest id where logits are equal."""
        logits: torch.Tensor = self._head(states)
        if self._protocol.eos == "banned":
            logits[:, self._protocol.eos_id] = -torch.inf
        return logits.argmax(dim=-1)

    def _rows_per_block(self) -> int:
        """As many rows as suit the device, unless their logits would be too many."""
        positions = self._protocol.length - 1 if isinstance(self._head, torch.nn.Identity) else 1
        most = _LOGIT_BYTES // (4 * self._vocab_size * positions)
        return max(1, min(most, _ROWS.get(self._device.type, _ROWS_ELSEWHERE)))


def _split(model: Any, device: torch.device) -> tuple[_States, torch.nn.Module]:
    """The model as hidden states and the matrix that makes logits of them.

    Some architectures put a scale, a cap or a layer between the two. So the halves are compared with the whole on a few
    ids, and where they differ the logits themselves serve as states.
    """
    body, head = model.base_model, model.get_output_embeddings()

    def states(ids: torch.Tensor) -> torch.Tensor:
        return body(ids, use_cache=False).last_hidden_state  # type: ignore[no-any-return]

    def logits(ids: torch.Tensor) -> torch.Tensor:
        return model(ids, use_cache=False).logits  # type: ignore[no-any-return]

    if head is not None and body is not model:
        with torch.inference_mode():
            few = torch.arange(8, device=device).remainder(model.config.vocab_size)[None]
            if torch.allclose(head(states(few)), logits(few), equal_nan=True):
                return states, head
    return logits, torch.nn.Identity()
