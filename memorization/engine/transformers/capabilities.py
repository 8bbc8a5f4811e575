"""What can be used of a model of transformers, tried on a few ids before anything is measured.

Architectures treat their own layers in their own ways, and no list of them stays complete. Two rows of 8 ids show:

* Whether packed layers work. Some code reads a layer's weight itself (Mamba's); where the packed copy raises, or gives other
  logits, the model itself is used.
* Whether the output matrix is all that stands between the last hidden states and the logits. Some put a scale, a cap or a
  layer there; then the logits themselves are used as states.
* Whether one pass gives what generating gives. Some keep something else of earlier ids than a pass makes of them (Dory), or mix
  rows up where they go on from what they kept (RWKV); then prefixes have to be generated too, and row by row.
* Whether the model is causal at all: a later id must not change the logits before it.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import torch

from seenat.memorization.engine.kernels.packed_linear import packed_copy
from seenat.memorization.engine.transformers.reference import generate_logits
from seenat.memorization.protocol.protocol import Protocol
from seenat.registry.errors import InvalidValue

__all__ = ["ProbedModel", "States", "probe_model"]

# Two rows of 8 ids, half of them alike: enough for a prompt, ids to generate, and ids that differ.
_IDS = 8

States = Callable[[torch.Tensor], torch.Tensor]


@dataclass(frozen=True, kw_only=True)
class ProbedModel:
    """A model, and what can be used of it."""

    model: Any
    """Packed, or the module itself."""
    states: States
    """From ids [n, ids] to the states that an output matrix reads, or to the logits themselves."""
    is_apart: bool
    """Whether states are hidden states, from which one matrix makes the logits."""
    is_generating_alike: bool
    """Whether generating for several rows gives the logits of one pass; True where `decodes` was False."""


@torch.inference_mode()
def probe_model(module: Any, length: int, *, decodes: bool) -> ProbedModel:
    """Try a module for windows of `length` ids, on its device and in its type; with `decodes` also whether generating is alike.

    Raises `InvalidValue` for a model that is not causal, or whose logits are not numbers.
    """
    few = _few(module, min(_IDS, length - 1))
    logits = _logits(module, few)
    _check(module, logits)
    packed = packed_copy(module)  # After the first pass, in which RWKV scales its weights.
    if packed is not module:
        with suppress(Exception):  # Architectures raise anything where they find a layer of another class.
            if _are_alike(_logits(packed, few), logits):
                return _probed(module, packed, few, not decodes or _generates_alike(packed, few))
    is_alike = True
    if decodes:
        # A model that cannot generate still has prefixes, by one pass; measuring its scores raises the error.
        with suppress(Exception):
            is_alike = _generates_alike(module, few)
    return _probed(module, module, few, is_alike)


def _few(module: Any, count: int) -> torch.Tensor:
    """Two rows of ids that begin alike and end differently."""
    vocab_size = len(module.get_input_embeddings().weight)
    ids = torch.arange(count, device=module.device)
    return torch.stack([ids, ids + (ids >= count // 2)]).remainder(vocab_size)


def _logits(model: Any, ids: torch.Tensor) -> torch.Tensor:
    return model(ids, use_cache=False).logits  # type: ignore[no-any-return]


def _check(module: Any, logits: torch.Tensor) -> None:
    if logits.isnan().any():
        raise InvalidValue(
            f"The logits of this {type(module).__name__} are not all numbers; its weights are too large for "
            f"{str(logits.dtype).removeprefix('torch.')}, or wrong."
        )
    before = logits[:, : logits.shape[1] // 2]
    if before.numel() and not _are_alike(before[0], before[1]):
        raise InvalidValue(
            f"This {type(module).__name__} is no causal language model: a later id changes what it says before it; "
            "choose another model, or its decoder (is_decoder in its config.json)."
        )


def _are_alike(actual: torch.Tensor, expected: torch.Tensor) -> bool:
    """Whether logits are equal within rounding: within half the digits of their type."""
    finite = expected[expected.isfinite()]
    largest = float(finite.abs().max()) if len(finite) else 0.0
    near = torch.finfo(expected.dtype).eps ** 0.5 * largest
    return actual.shape == expected.shape and torch.allclose(actual.to(expected.dtype), expected, rtol=0, atol=near)


def _generates_alike(model: Any, few: torch.Tensor) -> bool:
    given = few.shape[1] // 2
    if not given:
        return True
    protocol = Protocol(prompt=given, continuation=few.shape[1] + 1 - given, eos="allowed")
    ids, logits = generate_logits(model, few[:, -given:], protocol)
    return _are_alike(logits, _logits(model, ids[:, :-1])[:, given - 1 :])


def _probed(module: Any, model: Any, few: torch.Tensor, is_generating_alike: bool) -> ProbedModel:
    body, head, linear = model.base_model, model.get_output_embeddings(), module.get_output_embeddings()

    def states(ids: torch.Tensor) -> torch.Tensor:
        return body(ids, use_cache=False).last_hidden_state  # type: ignore[no-any-return]

    def logits(ids: torch.Tensor) -> torch.Tensor:
        return _logits(model, ids)

    is_apart = False
    if type(linear) is torch.nn.Linear and body is not model:
        hidden = states(few)
        is_apart = hidden.shape[-1] == linear.in_features and torch.allclose(head(hidden), logits(few), equal_nan=True)
    return ProbedModel(
        model=model,
        states=states if is_apart else logits,
        is_apart=is_apart,
        is_generating_alike=is_generating_alike,
    )
