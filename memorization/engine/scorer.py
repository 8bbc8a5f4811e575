"""Scoring: what a protocol measures of each sequence, by the definitions in `protocol`.

GPT-NeoX has an engine of its own; every other causal language model goes through transformers' forward pass. In float32
both give what transformers' `generate` gives, id for id, unless two logits are so near to each other that the order of
additions decides. In 16 bits they give what a model loaded in that type may give: where two logits are within that type's
rounding of each other, batch sizes, devices and kernels decide differently, `generate`'s own included.

Memory does not depend on the number of sequences: they go in chunks, and a chunk in blocks of rows.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch

from seenat.memorization.engine.kernels.devices import device_name, exact_products, report_out_of_memory
from seenat.memorization.engine.kernels.rechecking import RecheckedEngine
from seenat.memorization.engine.kernels.stages import Stages
from seenat.memorization.engine.losses import GenericLosses, NeoxLosses
from seenat.memorization.engine.neox.engine import NeoxEngine
from seenat.memorization.engine.neox.forward import is_supported
from seenat.memorization.engine.transformers.engine import GenericEngine
from seenat.memorization.protocol.measures import Values
from seenat.memorization.protocol.protocol import RECHECKED, Protocol
from seenat.registry.errors import InvalidValue

if TYPE_CHECKING:
    from transformers import PreTrainedModel

__all__ = ["JointScorer", "Scorer", "default_device", "in_type", "kind_of_device"]

# Ids given to an engine at a time, 8 MiB of int64, or more where its blocks are large. So memory does not grow with the
# number of sequences; an engine splits a chunk further.
_CHUNK_IDS = 1 << 20

# Blocks in a call. The last passes of a call are over blocks that are not full; of 16 blocks that is a small part.
_BLOCKS = 16

_Tokens = npt.NDArray[np.integer[Any]]
_Engine = NeoxEngine | GenericEngine | RecheckedEngine
_Reader = NeoxLosses | GenericLosses


class JointScorer:
    """One model under several protocols that differ in prompt and continuation alone, on one device.

    Prefixes of all of them come from the same passes; a sequence is dropped when all its prefixes are known. The model is
    taken over: set to evaluate, and moved where needed. `device` is `cpu`, `cuda`, `cuda:1`, `mps`, ...; None is
    `default_device()`. `stages` are those of the checkpoint that was measured before, to begin with its best ones.
    Raises `InvalidValue` when the protocols differ in more, the model's vocabulary or positions cannot hold one of them, its
    weights are not all finite in the protocols' type, or it is not causal, and `OutOfMemory` when the device cannot hold it.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        protocols: Sequence[Protocol],
        device: str | None = None,
        stages: Stages | None = None,
    ) -> None:
        self.protocols = tuple(protocols)
        _check_alike(self.protocols)
        self.longest = max(self.protocols, key=lambda protocol: protocol.length)
        """The protocol whose `window` is measured."""
        self.device = torch.device(device or default_device())
        module: Any = model
        module = in_type(module.eval(), getattr(torch, self.longest.weights))
        self.vocab_size = int(module.get_input_embeddings().weight.shape[0])
        _check_finite(module)
        _check_positions(module, self.longest)
        self.longest.check_fits(self.longest.window[1], self.vocab_size)
        with report_out_of_memory(self.device), exact_products():
            self._engine = _engine(module, self.protocols, self.device, stages)

    @property
    def device_name(self) -> str:
        """What computes: `cpu x86_64`, `cuda NVIDIA H200`."""
        return device_name(self.device)

    @property
    def at_once(self) -> int:
        """Sequences that a call should have at least, for the device to be busy."""
        return _BLOCKS * self._engine.rows

    def measure(self, tokens: _Tokens) -> Values:
        """What the protocols measure of each sequence: `prefixes`, `scores` or `losses`."""
        by_measure = {"prefix": self.prefixes, "score": self.scores, "loss": self.losses}
        return by_measure[self.longest.measure](tokens)

    def prefixes(self, tokens: _Tokens) -> Values:
        """The prefixes of each sequence, 0 to `continuation`: uint8 [protocols, n], for integer ids [n, longest.length].

        `tokens` are the columns `longest.window` of an order. Raises `InvalidValue` for another shape, for an id that the
        model's vocabulary does not hold, and where a logit that has to be known is not a number.
        """
        return self._in_chunks(self._decoder.prefixes, tokens)

    def scores(self, tokens: _Tokens) -> Values:
        """The score of each sequence, as `prefixes`: at how many positions the freely decoded id is the true one."""
        decoder = self._decoder
        if isinstance(decoder, RecheckedEngine) or self.longest.dtype == RECHECKED:
            raise InvalidValue(f"Scores are not measured in {RECHECKED}; choose a protocol of float32 or bfloat16.")
        return self._in_chunks(decoder.scores, tokens)

    def losses(self, tokens: _Tokens) -> Values:
        """The quantities of each sequence's loss, as `prefixes`: float32 [protocols, n, 4].

        Raises `InvalidValue` also where one is not a finite number: weights or activations of the model overflow.
        """
        if not isinstance(self._engine, _Reader):
            raise InvalidValue(f"Losses are not measured by a protocol of measure {self.longest.measure!r}.")
        losses = self._in_chunks(self._engine.losses, tokens)
        is_odd = ~np.isfinite(losses).all(axis=(0, 2))
        if is_odd.any():
            raise InvalidValue(
                f"Row {is_odd.argmax()} has no finite loss; the model's weights are not all numbers, or too large for "
                f"{self.longest.dtype}."
            )
        return losses

    @property
    def _decoder(self) -> _Engine:
        if isinstance(self._engine, _Reader):
            raise InvalidValue("A protocol of measure 'loss' decodes nothing; choose one of measure prefix or score.")
        return self._engine

    def _in_chunks(self, measured: Callable[[npt.NDArray[np.int64]], Values], tokens: _Tokens) -> Values:
        if tokens.ndim != 2 or tokens.shape[1] != self.longest.length:
            raise InvalidValue(
                f"Scoring needs {self.longest.length} ids of each sequence, not an array {tokens.shape}."
            )
        result = self.longest.value_type.empty(len(self.protocols), len(tokens))
        size = max(1, _CHUNK_IDS // self.longest.length, self.at_once)
        for start in range(0, len(tokens), size):
            chunk = tokens[start : start + size]
            self._check_ids(chunk, start)
            with exact_products():
                result[:, start : start + size] = measured(np.ascontiguousarray(chunk, dtype=np.int64))
        return result

    def _check_ids(self, chunk: npt.NDArray[np.integer[Any]], start: int) -> None:
        wrong = (chunk < 0) | (chunk >= self.vocab_size)
        if wrong.any():
            row, column = np.argwhere(wrong)[0]
            raise InvalidValue(
                f"Row {start + row} holds id {chunk[row, column]}, but the model's vocabulary is {self.vocab_size}; "
                "check that the order and the model belong together."
            )


class Scorer:
    """One model under one protocol: a `JointScorer` of one, whose arrays have no axis of protocols."""

    def __init__(self, model: PreTrainedModel, protocol: Protocol, device: str | None = None) -> None:
        self.protocol = protocol
        self._joint = JointScorer(model, [protocol], device)
        self.device, self.vocab_size = self._joint.device, self._joint.vocab_size

    @property
    def at_once(self) -> int:
        """Sequences that a call should have at least, for the device to be busy."""
        return self._joint.at_once

    def measure(self, tokens: _Tokens) -> Values:
        """What the protocol measures of each sequence: `prefixes`, `scores` or `losses`."""
        measured: Values = self._joint.measure(tokens)[0]
        return measured

    def prefixes(self, tokens: _Tokens) -> Values:
        """The prefix of each sequence: uint8 [n], 0 to `continuation`, for integer ids [n, prompt + continuation].

        `tokens` are the columns `protocol.window` of an order. Raises `InvalidValue` as `JointScorer.prefixes` does.
        """
        prefixes: Values = self._joint.prefixes(tokens)[0]
        return prefixes

    def scores(self, tokens: _Tokens) -> Values:
        """The score of each sequence, as `prefixes`: at how many positions the freely decoded id is the true one."""
        scores: Values = self._joint.scores(tokens)[0]
        return scores

    def losses(self, tokens: _Tokens) -> Values:
        """The quantities of each sequence's loss: float32 [n, 4]; raises as `JointScorer.losses` does."""
        losses: Values = self._joint.losses(tokens)[0]
        return losses


def default_device() -> str:
    """`cuda` where there is one, else `cpu`."""
    return "cuda" if torch.cuda.is_available() else "cpu"


def kind_of_device(device: str | None) -> str:
    """What computes on a device, or on the default one, as blocks have it: `cpu x86_64`, `cuda NVIDIA H200`."""
    return device_name(torch.device(device or default_device()))


def _engine(
    module: Any, protocols: Sequence[Protocol], device: torch.device, stages: Stages | None
) -> _Engine | _Reader:
    """The engine of a module that has the type of the protocols' weights."""
    if not protocols[0].value_type.decodes:
        is_plain = device.type == "cpu" and module.dtype == torch.float32
        if is_supported(module) and is_plain:
            return NeoxLosses(module.to(device), protocols)
        return GenericLosses(module.to(device), protocols)
    if protocols[0].dtype != RECHECKED:
        return _in_type(module, protocols, device, module.dtype, stages)
    screen = _in_type(module, protocols, device, torch.bfloat16, stages)
    exact = _in_type(module, protocols, device, torch.float32)
    if isinstance(exact, GenericEngine) and exact.must_generate:
        return exact  # Generating gives ids, not the distances of logits by which rechecking decides.
    return RecheckedEngine(screen, exact)


def _in_type(
    module: Any, protocols: Sequence[Protocol], device: torch.device, dtype: torch.dtype, stages: Stages | None = None
) -> NeoxEngine | GenericEngine:
    if is_supported(module):
        return NeoxEngine(module, protocols, device=device, dtype=dtype, stages=stages)
    return GenericEngine(in_type(module, dtype).to(device), protocols)


def in_type(module: Any, dtype: torch.dtype) -> Any:
    """The module, or a copy with parameters of this type where they have another.

    In 16 bits its buffers stay as they are, which is what transformers does on loading: rotary frequencies must not be rounded.
    """
    if module.dtype == dtype:
        return module
    parameters = {id(weight): torch.nn.Parameter(weight.detach().to(dtype), False) for weight in module.parameters()}
    copied = copy.deepcopy(module, parameters)
    return copied.float() if dtype == torch.float32 else copied


def _check_alike(protocols: Sequence[Protocol]) -> None:
    if not protocols:
        raise InvalidValue("There is no protocol to measure; give at least one.")
    first = protocols[0]
    for other in protocols[1:]:
        if not other.is_measured_with(first):
            raise InvalidValue(
                f"Protocols {first.id} and {other.id} differ in more than prompt and continuation; measure them one by one."
            )


@torch.inference_mode()
def _check_finite(module: Any) -> None:
    # A sum is finite only if all its terms are. Sums take 3 ms for Pythia-14m and 14 for -70m, a tenth of asking every
    # weight. The sum of finite weights may still overflow, so what is not finite is looked at weight by weight.
    sums = torch.stack([weight.sum(dtype=torch.float32) for weight in module.parameters()])
    if sums.isfinite().all():
        return
    for name, parameter in module.named_parameters():
        if not parameter.isfinite().all():
            dtype = str(parameter.dtype).removeprefix("torch.")
            raise InvalidValue(
                f"The model's {name} holds weights that are no finite {dtype}; its training went wrong, its files are "
                "damaged, or another --dtype is needed."
            )


def _check_positions(model: Any, protocol: Protocol) -> None:
    positions = getattr(model.config.get_text_config(decoder=True), "max_position_embeddings", None)
    if positions is not None and protocol.length - 1 > positions:
        raise InvalidValue(
            f"This protocol reads {protocol.length - 1} ids at once, but the model has {positions} positions; "
            "choose a shorter prompt or continuation."
        )
