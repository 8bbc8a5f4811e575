"""Scoring: what a protocol measures of each sequence, by the definitions in `protocol`.

GPT-NeoX on CPU has an engine of its own; every other causal language model, and every other device, goes through
transformers' forward pass. Both give what transformers' `generate` gives, id for id, and losses within rounding of float32.

Memory does not depend on the number of sequences: they go in chunks of 4,096, and a chunk in blocks of rows.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch

from seenat.memorization.engine.for_neox import NeoxEngine
from seenat.memorization.engine.generic import GenericEngine
from seenat.memorization.engine.losses import NeoxLosses
from seenat.memorization.engine.neox import suits
from seenat.memorization.measures import MEASURES, Values
from seenat.memorization.protocol import Protocol
from seenat.registry.errors import InvalidValue

if TYPE_CHECKING:
    from transformers import PreTrainedModel

__all__ = ["Scorer", "default_device"]

_CHUNK = 4096
"""Sequences given to an engine at a time; it splits further as it likes."""

_Tokens = npt.NDArray[np.integer[Any]]


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
        self._module = module

    def measure(self, tokens: _Tokens) -> Values:
        """What the protocol measures of each sequence: `prefixes`, `scores` or `losses`."""
        by_measure = {"prefix": self.prefixes, "score": self.scores, "loss": self.losses}
        return by_measure[self.protocol.measure](tokens)

    def prefixes(self, tokens: _Tokens) -> Values:
        """The prefix of each sequence: uint8 [n], 0 to `continuation`, for integer ids [n, prompt + continuation].

        `tokens` are the columns `protocol.window` of an order. Raises `InvalidValue` for another shape and for an id
        that the model's vocabulary does not hold.
        """
        return self._in_chunks(self._decoder.prefixes, tokens, "prefix")

    def scores(self, tokens: _Tokens) -> Values:
        """The score of each sequence, likewise: at how many positions the freely decoded id is the true one."""
        return self._in_chunks(self._decoder.scores, tokens, "score")

    def losses(self, tokens: _Tokens) -> Values:
        """The quantities of each sequence's loss, likewise: float32 [n, 4].

        Raises `InvalidValue` also where one is not a finite number, which is the model's doing.
        """
        found = self._in_chunks(self._reader.losses, tokens, "loss")
        odd = ~np.isfinite(found).all(axis=1)
        if odd.any():
            raise InvalidValue(
                f"Row {odd.argmax()} has no finite loss; the model's weights are not all numbers, or too large for {self.protocol.dtype}."
            )
        return found

    @cached_property
    def _decoder(self) -> NeoxEngine | GenericEngine:
        return NeoxEngine(self._module, self.protocol) if suits(self._module) else self._generic

    @cached_property
    def _reader(self) -> NeoxLosses | GenericEngine:
        return NeoxLosses(self._module, self.protocol) if suits(self._module) else self._generic

    @cached_property
    def _generic(self) -> GenericEngine:
        return GenericEngine(self._module, self.protocol)

    def _in_chunks(self, measured: Callable[[npt.NDArray[np.int64]], Values], tokens: _Tokens, measure: str) -> Values:
        if tokens.ndim != 2 or tokens.shape[1] != self.protocol.length:
            raise InvalidValue(
                f"Scoring needs {self.protocol.length} ids of each sequence, not an array {tokens.shape}."
            )
        result = MEASURES[measure].empty(len(tokens))
        for start in range(0, len(tokens), _CHUNK):
            chunk = tokens[start : start + _CHUNK]
            self._check_ids(chunk, start)
            result[start : start + _CHUNK] = measured(np.ascontiguousarray(chunk, dtype=np.int64))
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


def _check_positions(model: Any, protocol: Protocol) -> None:
    positions = getattr(model.config, "max_position_embeddings", None)
    if positions is not None and protocol.length - 1 > positions:
        raise InvalidValue(
            f"This protocol reads {protocol.length - 1} ids at once, but the model has {positions} positions; "
            "choose a shorter prompt or continuation."
        )
