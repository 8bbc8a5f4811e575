"""What serves of architectures that treat their layers, their heads or earlier ids in their own way."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
import transformers

from seenat.memorization.engine.kernels.packed_linear import can_pack
from seenat.memorization.engine.scorer import Scorer
from seenat.memorization.engine.transformers.capabilities import probe_model
from seenat.memorization.engine.transformers.reference import generate_continuations, reference_losses, reference_scores
from seenat.memorization.protocol.protocol import Protocol
from seenat.registry.errors import InvalidValue

WINDOW = Protocol(prompt=6, continuation=6)
SHAPE = {"vocab_size": 97, "hidden_size": 16, "num_hidden_layers": 2, "bos_token_id": 0, "eos_token_id": 0}
ATTENTION = {"num_attention_heads": 2, "intermediate_size": 16, "max_position_embeddings": 64}


def mamba() -> Any:
    """Its code multiplies by a layer's weight itself."""
    return transformers.MambaForCausalLM(transformers.MambaConfig(**SHAPE, state_size=4))


def electra() -> Any:
    """Its head reads states of another width than the last hidden ones."""
    config = transformers.ElectraConfig(**SHAPE, **ATTENTION, embedding_size=8, is_decoder=True)
    return transformers.ElectraForCausalLM(config)


def rembert() -> Any:
    """Likewise."""
    config = transformers.RemBertConfig(
        **SHAPE, **ATTENTION, input_embedding_size=8, output_embedding_size=24, is_decoder=True
    )
    return transformers.RemBertForCausalLM(config)


def rwkv() -> Any:
    """It mixes rows up where it goes on from what it kept of earlier ids."""
    return transformers.RwkvForCausalLM(transformers.RwkvConfig(**SHAPE, intermediate_size=16))


def bart() -> Any:
    """Its files force the last id."""
    config = transformers.BartConfig(
        vocab_size=97, d_model=16, decoder_layers=2, decoder_attention_heads=2, decoder_ffn_dim=16, is_decoder=True,
        max_position_embeddings=64, bos_token_id=0, eos_token_id=2, forced_eos_token_id=2, is_encoder_decoder=False,
    )  # fmt: skip
    return transformers.BartForCausalLM(config)


def llama() -> Any:
    return transformers.LlamaForCausalLM(transformers.LlamaConfig(**SHAPE, **ATTENTION))


def bert(*, is_decoder: bool) -> Any:
    return transformers.BertLMHeadModel(transformers.BertConfig(**SHAPE, **ATTENTION, is_decoder=is_decoder))


def shaken(make: Callable[[], Any]) -> Any:
    torch.manual_seed(2)
    model = make().eval()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim > 1:
                parameter.normal_(std=1.5 * parameter.shape[-1] ** -0.5)
    model.tie_weights()
    return model


def rows_of(model: Any) -> npt.NDArray[np.int64]:
    """What the model goes on with itself, every third row with a mistake in it."""
    prompts = np.random.default_rng(0).integers(1, 97, (20, WINDOW.prompt))
    rows = np.concatenate([prompts, generate_continuations(model, prompts, WINDOW, batch=1)], axis=1)
    rows[::3, 8] = 96
    return rows


@pytest.mark.parametrize("make", [mamba, electra, rembert, rwkv, bart, llama])
def test_every_architecture_has_the_numbers_of_transformers(make: Callable[[], Any]) -> None:
    model = shaken(make)
    rows = rows_of(model)
    expected = reference_scores(model, rows, WINDOW, batch=1)
    scorer = Scorer(model, WINDOW, "cpu")
    np.testing.assert_array_equal(scorer.prefixes(rows), expected.prefix)
    np.testing.assert_array_equal(scorer.scores(rows), expected.score)
    assert expected.memorized.sum() >= 10
    loss = Protocol.default_for(0, "loss", prompt=6, continuation=6)
    quantities = reference_losses(model, rows, loss).quantities
    np.testing.assert_allclose(Scorer(model, loss, "cpu").losses(rows)[:, :3], quantities[:, :3], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("make", "is_packed", "is_apart", "is_alike"),
    [(mamba, False, True, True), (electra, True, False, True), (rwkv, True, True, False), (llama, True, True, True)],
)
def test_what_does_not_serve_is_left_to_the_model_itself(
    make: Callable[[], Any], is_packed: bool, is_apart: bool, is_alike: bool
) -> None:
    model = shaken(make)
    use = probe_model(model, 12, decodes=True)
    assert (use.model is not model) == (is_packed and can_pack(torch.float32))
    assert (use.is_apart, use.is_generating_alike) == (is_apart, is_alike)


class Particular(torch.nn.Module):
    """It knows torch's own layers, and does something else with any other."""

    def __init__(self, linear: torch.nn.Linear) -> None:
        super().__init__()
        self.linear = linear

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        made: torch.Tensor = self.linear(states)
        return made if type(self.linear) is torch.nn.Linear else 2 * made


def test_a_packed_copy_that_says_something_else_does_not_serve() -> None:
    model = shaken(llama)
    mlp = model.base_model.layers[0].mlp
    mlp.down_proj = Particular(mlp.down_proj)
    assert probe_model(model, 12, decodes=True).model is model


@pytest.mark.parametrize("length", [2, 3, 4, 64])
def test_windows_of_every_length_are_tried(length: int) -> None:
    assert probe_model(shaken(llama), length, decodes=True).is_generating_alike


@pytest.mark.parametrize("measure", ["prefix", "score", "loss"])
@pytest.mark.parametrize("change", [shaken, lambda make: make().eval()], ids=["shaken", "new"])
def test_a_model_that_reads_what_follows_is_refused(measure: str, change: Callable[..., Any]) -> None:
    protocol = Protocol.default_for(0, measure, prompt=6, continuation=6)
    Scorer(change(lambda: bert(is_decoder=True)), protocol, "cpu")
    with pytest.raises(InvalidValue, match="BertLMHeadModel is no causal language model: a later id changes"):
        Scorer(change(lambda: bert(is_decoder=False)), protocol, "cpu")
