"""What a model writes after some ids: the most probable id again and again, or ids drawn with a seed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch

from seenat.memorization.engine.kernels.devices import exact_products, report_out_of_memory
from seenat.memorization.engine.transformers.reference import generating_by
from seenat.registry.errors import InvalidValue

if TYPE_CHECKING:
    from transformers import PreTrainedModel

__all__ = ["continued"]


@torch.inference_mode()
def continued(
    model: PreTrainedModel,
    prompt: Sequence[int],
    *,
    length: int,
    temperature: float,
    seed: int,
    eos_id: int | None,
    device: str | None,
) -> tuple[int, ...]:
    """At most `length` ids after a prompt; the end of a document ends them. At temperature 0 nothing is drawn.

    Raises `InvalidValue` for ids that the model does not know and more than it has positions for, `OutOfMemory`.
    """
    module: Any = model
    vocab_size = int(module.get_input_embeddings().weight.shape[0])
    _check(module, prompt, length, vocab_size)
    place = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
    settings = _settings(length, temperature, vocab_size if eos_id is None else eos_id)
    with report_out_of_memory(place), exact_products(), torch.random.fork_rng(), generating_by(module, settings):
        torch.manual_seed(seed)
        ids = torch.tensor([list(prompt)], device=place)
        made = module.to(place).generate(ids, attention_mask=torch.ones_like(ids), generation_config=settings)
    return tuple(made[0, len(prompt) :].tolist())


def _check(module: Any, prompt: Sequence[int], length: int, vocab_size: int) -> None:
    wrong = next((id_ for id_ in prompt if not 0 <= id_ < vocab_size), None)
    if wrong is not None:
        raise InvalidValue(f"{wrong} is not an id of this model, which has {vocab_size}; give ids from 0.")
    positions = getattr(module.config, "max_position_embeddings", None)
    if positions is not None and len(prompt) + length > positions:
        raise InvalidValue(
            f"A prompt of {len(prompt)} ids and {length} more do not fit into the {positions} positions of the model; give fewer."
        )


def _settings(length: int, temperature: float, eos_id: int) -> Any:
    import transformers

    settings: Any = transformers.GenerationConfig
    drawn = {"do_sample": True, "temperature": temperature, "top_k": 0, "top_p": 1.0} if temperature > 0 else {}
    return settings(max_new_tokens=length, eos_token_id=eos_id, pad_token_id=eos_id, num_beams=1, **drawn)
