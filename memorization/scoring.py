"""Scoring: what a protocol measures of each sequence, by the definitions in `protocol`.

GPT-NeoX has an engine of its own; every other causal language model goes through transformers' forward pass. In float32
both give what transformers' `generate` gives, id for id, unless two logits are so near to each other that the order of
additions decides. In 16 bits they give what a model loaded in that type may give: where two logits are within that type's
rounding of each other, batch sizes, devices and kernels decide differently, `generate`'s own included.

Memory does not depend on the number of sequences: they go in chunks, and a chunk in blocks of rows.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch

from seenat.memorization.engine.devices import exact, fitting
from seenat.memorization.engine.for_neox import NeoxEngine
from seenat.memorization.engine.generic import GenericEngine
from seenat.memorization.engine.neox import suits
from seenat.memorization.engine.rechecking import RecheckedEngine
from seenat.memorization.protocol import RECHECKED, Protocol
from seenat.registry.errors import InvalidValue

if TYPE_CHECKING:
    from transformers import PreTrainedModel

__all__ = ["Scorer", "default_device", "in_type"]

_CHUNK = 4096
"""Sequences given to an engine at a time, or more where its blocks are large; it splits further as it likes."""
_BLOCKS = 16
"""Blocks in a call for which the few that are not full do not matter."""

_Tokens = npt.NDArray[np.integer[Any]]
_Values = npt.NDArray[np.uint8]


class Scorer:
    """One model under one protocol, on one device; the model is taken over: set to evaluate, and moved if need be.

    `device` is `cpu`, `cuda`, `cuda:1`, `mps`, ...; None is `default_device()`. Raises `InvalidValue` when the model's
    vocabulary or positions cannot hold the protocol, and `OutOfMemory` when the device cannot hold the model.
    """

    def __init__(self, model: PreTrainedModel, protocol: Protocol, device: str | None = None) -> None:
        self.protocol = protocol
        self.device = torch.device(device or default_device())
        module: Any = model
        module = in_type(module.eval(), getattr(torch, protocol.weights))
        self.vocab_size = int(module.get_input_embeddings().weight.shape[0])
        _check_positions(module, protocol)
        protocol.check_fits(protocol.window[1], self.vocab_size)
        with fitting(self.device), exact():
            self._engine = _engine(module, protocol, self.device)

    @property
    def at_once(self) -> int:
        """How many sequences a call should have at least for the device to be busy."""
        return _BLOCKS * self._engine.rows

    def measure(self, tokens: _Tokens) -> _Values:
        """What the protocol measures of each sequence: `prefixes` or `scores`."""
        return self.scores(tokens) if self.protocol.measure == "score" else self.prefixes(tokens)

    def prefixes(self, tokens: _Tokens) -> _Values:
        """The prefix of each sequence: uint8 [n], 0 to `continuation`, for integer ids [n, prompt + continuation].

        `tokens` are the columns `protocol.window` of an order. Raises `InvalidValue` for another shape and for an id
        that the model's vocabulary does not hold.
        """
        return self._in_chunks(self._engine.prefixes, tokens)

    def scores(self, tokens: _Tokens) -> _Values:
        """The score of each sequence, likewise: at how many positions the freely decoded id is the true one."""
        if isinstance(self._engine, RecheckedEngine):
            raise InvalidValue(f"Scores are not measured in {RECHECKED}; choose a protocol of float32 or bfloat16.")
        return self._in_chunks(self._engine.scores, tokens)

    def _in_chunks(self, measured: Callable[[npt.NDArray[np.int64]], _Values], tokens: _Tokens) -> _Values:
        if tokens.ndim != 2 or tokens.shape[1] != self.protocol.length:
            raise InvalidValue(
                f"Scoring needs {self.protocol.length} ids of each sequence, not an array {tokens.shape}."
            )
        result = np.zeros(len(tokens), dtype=np.uint8)
        size = max(_CHUNK, self.at_once)
        for start in range(0, len(tokens), size):
            chunk = tokens[start : start + size]
            self._check_ids(chunk, start)
            with exact():
                result[start : start + size] = measured(np.ascontiguousarray(chunk, dtype=np.int64))
        return result

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


def _engine(module: Any, protocol: Protocol, device: torch.device) -> NeoxEngine | GenericEngine | RecheckedEngine:
    """The engine of a module that has the type of the protocol's weights."""
    if protocol.dtype != RECHECKED:
        return _in_type(module, protocol, device, module.dtype)
    return RecheckedEngine(
        _in_type(module, protocol, device, torch.bfloat16), _in_type(module, protocol, device, torch.float32)
    )


def _in_type(module: Any, protocol: Protocol, device: torch.device, dtype: torch.dtype) -> NeoxEngine | GenericEngine:
    if suits(module):
        return NeoxEngine(module, protocol, device=device, dtype=dtype)
    return GenericEngine(in_type(module, dtype).to(device), protocol)


def in_type(module: Any, dtype: torch.dtype) -> Any:
    """The module, or a copy with parameters of this type where they have another.

    In 16 bits its buffers stay as they are, which is what transformers does on loading: rotary frequencies must not be rounded.
    """
    if module.dtype == dtype:
        return module
    parameters = {id(one): torch.nn.Parameter(one.detach().to(dtype), False) for one in module.parameters()}
    copied = copy.deepcopy(module, parameters)
    return copied.float() if dtype == torch.float32 else copied


def _check_positions(model: Any, protocol: Protocol) -> None:
    positions = getattr(model.config, "max_position_embeddings", None)
    if positions is not None and protocol.length - 1 > positions:
        raise InvalidValue(
            f"This protocol reads {protocol.length - 1} ids at once, but the model has {positions} positions; "
            "choose a shorter prompt or continuation."
        )
