"""The models: GPT-NeoX as Pythia uses it, with weights drawn from numpy, so that torch's generators play no part.

Parallel residual, rotary embeddings on a quarter of each head, untied embeddings, gelu, no dropout. Weights are
small_init, sqrt(2 / 5d), and wang_init, 2 / (L sqrt(d)), where a block writes to the residual (GPT-NeoX's names and
formulas); biases are 0, norms 1.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from seenat.memorization.pocket.config import PocketConfig, PocketModel
from seenat.memorization.pocket.text.tokenizer import END_OF_TEXT_ID, PADDING_ID
from seenat.registry.errors import SeenatError

if TYPE_CHECKING:
    from transformers import GPTNeoXForCausalLM

__all__ = ["new_network"]

_WRITES_TO_RESIDUAL = ("attention.dense.weight", "mlp.dense_4h_to_h.weight")


def new_network(model: PocketModel, config: PocketConfig, seed: int) -> GPTNeoXForCausalLM:
    """A model in float32 at step 0.

    Raises `SeenatError` where this transformers builds a model with other than `model.parameters` parameters.
    """
    from transformers import GPTNeoXConfig, GPTNeoXForCausalLM

    network = GPTNeoXForCausalLM(
        GPTNeoXConfig(
            vocab_size=config.vocab_size,
            hidden_size=model.width,
            num_hidden_layers=model.layers,
            num_attention_heads=model.heads,
            intermediate_size=4 * model.width,
            max_position_embeddings=config.tokens_per_sequence - 1,
            rope_parameters={"rope_type": "default", "rope_theta": 10_000.0, "partial_rotary_factor": 0.25},
            # transformers' own default is 2, an ordinary id of this tokenizer.
            eos_token_id=END_OF_TEXT_ID,
            bos_token_id=END_OF_TEXT_ID,
            pad_token_id=PADDING_ID,
        )
    )
    counted = sum(parameter.numel() for parameter in network.parameters())
    if counted != model.parameters(config.vocab_size):
        raise SeenatError(
            f"This transformers builds {model.name} with {counted:,} parameters instead of "
            f"{model.parameters(config.vocab_size):,}; install another version of it."
        )
    _draw_weights(network, model, seed)
    return network


def _draw_weights(network: GPTNeoXForCausalLM, model: PocketModel, seed: int) -> None:
    import torch

    generator = np.random.Generator(np.random.PCG64([seed, model.layers, model.width]))
    small = math.sqrt(2 / (5 * model.width))
    wang = 2 / (model.layers * math.sqrt(model.width))
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if parameter.ndim < 2:
                parameter.fill_(0.0 if name.endswith("bias") else 1.0)
                continue
            scale = wang if name.endswith(_WRITES_TO_RESIDUAL) else small
            drawn = generator.normal(0.0, scale, tuple(parameter.shape)).astype(np.float32)
            parameter.copy_(torch.from_numpy(drawn))
