"""The forward pass against transformers' own, and which models it is for."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import transformers

from seenat.memorization.engine.kernels.output_head import Head
from seenat.memorization.engine.neox.forward import Body, NewKeys, StoredKeys, fold_norm, is_supported

SHAPES: list[dict[str, Any]] = [
    {},
    {"rotary_pct": 1.0},
    {"rotary_pct": 0.5, "num_attention_heads": 2},
    {"hidden_size": 36, "rotary_pct": 0.25},  # A head of 9, of which 2 are turned.
    {"num_hidden_layers": 1},
    {"attention_bias": False, "num_hidden_layers": 3},
    {"rope_parameters": {"rope_type": "default", "rope_theta": 500.0, "partial_rotary_factor": 0.25}},
]


def model_of(**changes: Any) -> Any:
    shape = {
        "vocab_size": 300, "hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 256,
        "max_position_embeddings": 64,
    }  # fmt: skip
    torch.manual_seed(1)
    made: Any = transformers.GPTNeoXForCausalLM(transformers.GPTNeoXConfig(**{**shape, **changes})).eval()
    with torch.no_grad():
        for parameter in made.parameters():  # A new model's norms and biases are ones and zeros, which hide mistakes.
            parameter.add_(0.1 * torch.randn_like(parameter))
    return made


def logits_of(model: Any, states: torch.Tensor) -> torch.Tensor:
    weight, bias = fold_norm(model.lm_head, model.gpt_neox.final_layer_norm)
    return states @ weight.T + bias


@pytest.mark.parametrize("packed", [None, False])
@pytest.mark.parametrize("shape", SHAPES)
@torch.inference_mode()
def test_states_make_the_logits_of_transformers(shape: dict[str, Any], packed: bool | None) -> None:
    model = model_of(**shape)
    ids = torch.randint(0, 300, (5, 40))
    expected = model(ids).logits
    body = Body(model, packed=packed)
    for asked in (None, 1, 3, 40):
        found = logits_of(model, body.states(ids, NewKeys(), last=asked))
        torch.testing.assert_close(found, expected[:, -(asked or 40) :], rtol=1e-3, atol=1e-4)


@torch.inference_mode()
def test_a_pass_goes_on_from_stored_keys() -> None:
    model = model_of()
    ids = torch.randint(0, 300, (6, 40))
    expected = model(ids).logits
    body = Body(model)
    store = body.store(6, 40)
    for start, stop in ((0, 20), (20, 21), (21, 33), (33, 40)):
        states = body.states(ids[:, start:stop], StoredKeys(store, start), start=start)
        torch.testing.assert_close(logits_of(model, states), expected[:, start:stop], rtol=1e-3, atol=1e-4)


@torch.inference_mode()
def test_the_model_itself_stays_as_it_was() -> None:
    model = model_of()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    Body(model).states(torch.arange(20)[None], NewKeys())
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())


@pytest.mark.parametrize(("dtype", "near"), [(torch.bfloat16, 0.05), (torch.float16, 0.006)])
@torch.inference_mode()
def test_states_in_16_bits_are_near_and_rotate_by_unrounded_angles(dtype: torch.dtype, near: float) -> None:
    """Rounding the frequencies would turn the last of 60 positions by up to a tenth, which is seen below."""
    model, ids = model_of(max_position_embeddings=64), torch.randint(0, 300, (5, 60))
    expected = Body(model).states(ids, NewKeys())
    found = Body(model, dtype=dtype).states(ids, NewKeys())
    assert found.dtype == dtype
    error = (found.float() - expected).norm(dim=-1) / expected.norm(dim=-1)
    assert near / 20 < error.max() < near
    kept = [Body(model, dtype=dtype).store(2, 3)[0].element_size(), Body(model, dtype=dtype).key_bytes]
    assert kept == [2, Body(model).key_bytes // 2]


@torch.inference_mode()
def test_a_pass_in_16_bits_goes_on_from_stored_keys() -> None:
    model, ids = model_of(), torch.randint(0, 300, (6, 40))
    body = Body(model, dtype=torch.bfloat16)
    whole, store = body.states(ids, NewKeys()), body.store(6, 40)
    for start, stop in ((0, 20), (20, 21), (21, 33), (33, 40)):
        states = body.states(ids[:, start:stop], StoredKeys(store, start), start=start)
        torch.testing.assert_close(states, whole[:, start:stop], rtol=0.05, atol=0.05)


@torch.inference_mode()
def test_another_device_s_pass_makes_the_same_shapes() -> None:
    """On `meta` there are no numbers, but every operator checks devices, types and shapes."""
    body = Body(model_of(), device=torch.device("meta"), dtype=torch.float16)
    keys, ids = NewKeys(), torch.zeros(5, 40, dtype=torch.int64, device="meta")
    states = body.states(ids, keys, last=3)
    assert (states.shape, states.dtype, states.device.type) == ((5, 3, 64), torch.float16, "meta")
    assert [layer.shape for layer in keys.layers] == [(5, 40, 2, 4, 16)] * 2
    head = Head(*fold_norm(model_of().lm_head, model_of().gpt_neox.final_layer_norm, body.device, body.dtype), 0)
    assert head.choices(states[:, 0]).shape == (5,)
    assert (head.choices(states[:, 0]) == ids[:, 0]).dtype == torch.bool


def test_only_models_that_it_computes_suit_it() -> None:
    assert is_supported(model_of())
    assert not is_supported(model_of(use_parallel_residual=False))
    assert not is_supported(model_of(hidden_act="relu"))
    llama = transformers.LlamaConfig(vocab_size=50, hidden_size=16, num_hidden_layers=1, num_attention_heads=2)
    assert not is_supported(transformers.LlamaForCausalLM(llama))
