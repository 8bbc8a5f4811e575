"""Scoring: how many ids of each sequence's continuation a model reproduces, by the definition in `protocol`.

One forward pass over prompt and continuation, its last id left out, gives every hidden state that greedy decoding could
need. A prefix ends at its first mistake, so from there the work follows the sequences that are still right, and stays
exact:

* The output matrix is applied position by position, to the sequences without a mistake so far. In a small model it is
  most of the work: 6.4 of 7.6 million multiplications an id in Pythia-14m, whose vocabulary is 50,304.
* The pass is made over `prompt + 4` ids first; only sequences that got all 4 right are passed in full.

Memory does not depend on the number of sequences: they go in chunks of 1,024, and a chunk in blocks of rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch

from seenat.memorization.packing import packed_copy
from seenat.memorization.protocol import Protocol
from seenat.registry.errors import InvalidValue

if TYPE_CHECKING:
    from transformers import PreTrainedModel

__all__ = ["Scorer", "default_device"]

_CHUNK = 1024
"""Sequences whose survivors share blocks; the copies made of them are 1,024 rows at most."""
_FIRST_LOOK = 4
"""Ids of the continuation that the first pass decides."""
_ROWS = {"cpu": 64}
"""Rows in a block: 64 x 35 ids keep a layer's activations within a processor's caches."""
_ROWS_ELSEWHERE = 1024
_LOGIT_BYTES = 64 << 20
"""Most bytes of logits held at a time."""

_States = Callable[[torch.Tensor], torch.Tensor]
_Look = npt.NDArray[np.integer[Any]]
_Prefixes = npt.NDArray[np.uint8]


class Scorer:
    """One model under one protocol, on one device; the model is taken over: moved, made float32 and set to evaluate.

    `device` is `cpu`, `cuda`, `cuda:1`, `mps`, ...; None is `default_device()`. Raises `InvalidValue` when the model's
    vocabulary or positions cannot hold the protocol.
    """

    def __init__(self, model: PreTrainedModel, protocol: Protocol, device: str | None = None) -> None:
        self.protocol = protocol
        self.device = torch.device(device or default_device())
        module: Any = model
        module.to(device=self.device, dtype=torch.float32).eval()
        self.vocab_size = int(module.get_input_embeddings().weight.shape[0])
        _check_positions(module, protocol)
        protocol.check_fits(protocol.window[1], self.vocab_size)
        if self.device.type == "cpu":
            module = packed_copy(module)
        self._states, self._head = _split(module, self.device)
        self._workers = torch.get_num_threads() if self.device.type == "cpu" else 1
        self._rows = self._rows_per_block()

    def prefixes(self, tokens: npt.NDArray[np.integer[Any]]) -> npt.NDArray[np.uint8]:
        """The prefix of each sequence: uint8 [n], 0 to `continuation`, for integer ids [n, prompt + continuation].

        `tokens` are the columns `protocol.window` of an order. Raises `InvalidValue` for another shape and for an id
        that the model's vocabulary does not hold.
        """
        if tokens.ndim != 2 or tokens.shape[1] != self.protocol.length:
            raise InvalidValue(
                f"Scoring needs {self.protocol.length} ids of each sequence, not an array {tokens.shape}."
            )
        result = np.zeros(len(tokens), dtype=np.uint8)
        for start in range(0, len(tokens), _CHUNK):
            chunk = tokens[start : start + _CHUNK]
            self._check_ids(chunk, start)
            result[start : start + _CHUNK] = self._prefixes_of_chunk(chunk)
        return result

    def _prefixes_of_chunk(self, chunk: npt.NDArray[np.integer[Any]]) -> npt.NDArray[np.uint8]:
        result = np.zeros(len(chunk), dtype=np.uint8)
        alive = np.arange(len(chunk))
        for depth in sorted({min(_FIRST_LOOK, self.protocol.continuation), self.protocol.continuation}):
            blocks = [alive[start : start + self._rows] for start in range(0, len(alive), self._rows)]
            looks = [chunk[block, : self.protocol.prompt + depth] for block in blocks]
            for block, prefixes in zip(blocks, self._map(looks), strict=True):
                result[block] = prefixes
            alive = alive[result[alive] == depth]
        return result

    def _map(self, looks: list[_Look]) -> Iterable[_Prefixes]:
        """The prefixes of every block, one thread each: threads that share a block spend their time waiting for each other.

        On two cores of which other programs had a part, sharing took 5 to 8 seconds where one thread alone took 3.3.
        """
        if self._workers == 1 or len(looks) == 1:
            return map(self._prefixes_of_block, looks)
        threads = torch.get_num_threads()
        try:
            with ThreadPoolExecutor(self._workers, initializer=torch.set_num_threads, initargs=(1,)) as pool:
                return list(pool.map(self._prefixes_of_block, looks))
        finally:
            torch.set_num_threads(threads)

    @torch.inference_mode()
    def _prefixes_of_block(self, block: _Look) -> _Prefixes:
        ids = torch.from_numpy(block.astype(np.int64)).to(self.device)
        states = self._states(ids[:, :-1])[:, self.protocol.prompt - 1 :]
        truth = ids[:, self.protocol.prompt :]
        prefix = torch.zeros(len(ids), dtype=torch.uint8, device=self.device)
        alive = torch.arange(len(ids), device=self.device)
        for position in range(truth.shape[1]):
            alive = alive[self._choices(states[alive, position]) == truth[alive, position]]
            if not len(alive):
                break
            prefix[alive] = position + 1
        return prefix.cpu().numpy()

    def _choices(self, states: torch.Tensor) -> torch.Tensor:
        """What greedy decoding would choose after each hidden state; the lowest id where logits are equal."""
        logits: torch.Tensor = self._head(states)
        if self.protocol.eos == "banned":
            logits[:, self.protocol.eos_id] = -torch.inf
        return logits.argmax(dim=-1)

    def _rows_per_block(self) -> int:
        """As many rows as suit the device, unless their logits would be too many."""
        positions = self.protocol.length - 1 if isinstance(self._head, torch.nn.Identity) else 1
        most = _LOGIT_BYTES // (4 * self.vocab_size * positions)
        return max(1, min(most, _ROWS.get(self.device.type, _ROWS_ELSEWHERE)))

    def _check_ids(self, chunk: npt.NDArray[np.integer[Any]], start: int) -> None:
        wrong = (chunk < 0) | (chunk >= self.vocab_size)
        if wrong.any():
            row, column = np.argwhere(wrong)[0]
            raise InvalidValue(
                f"Row {start + row} holds id {chunk[row, column]}, but the model's vocabulary is {self.vocab_size}; "
                "check that the order and the model belong together."
            )


def default_device() -> str:
    """`cuda` where there is one, else `cpu`."""
    return "cuda" if torch.cuda.is_available() else "cpu"


def _check_positions(model: Any, protocol: Protocol) -> None:
    positions = getattr(model.config, "max_position_embeddings", None)
    if positions is not None and protocol.length - 1 > positions:
        raise InvalidValue(
            f"This protocol reads {protocol.length - 1} ids at once, but the model has {positions} positions; "
            "choose a shorter prompt or continuation."
        )


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
