"""Models that turn positions by other frequencies beyond a length, against `generate` and one pass."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
import transformers

from seenat.memorization.engine.scorer import JointScorer, Scorer
from seenat.memorization.engine.transformers.reference import generate_continuations, reference_losses, reference_scores
from seenat.memorization.engine.transformers.rotary import rotates_differently
from seenat.memorization.protocol.protocol import Protocol

WINDOW = Protocol(prompt=12, continuation=12)
SHAPE = {
    "vocab_size": 97, "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 16,
    "max_position_embeddings": 64,
}  # fmt: skip


def longrope(border: int) -> dict[str, Any]:
    return {
        "rope_type": "longrope", "rope_theta": 1e4, "factor": 4.0, "original_max_position_embeddings": border,
        "short_factor": [1.0] * 4, "long_factor": [4.0] * 4, "partial_rotary_factor": 1.0,
    }  # fmt: skip


def neox(border: int) -> Any:
    return transformers.GPTNeoXForCausalLM(transformers.GPTNeoXConfig(**SHAPE, rope_parameters=longrope(border)))


def phi3(border: int) -> Any:
    config = transformers.Phi3Config(
        **SHAPE, num_key_value_heads=2, original_max_position_embeddings=border, pad_token_id=0, bos_token_id=0,
        eos_token_id=0, rope_parameters=longrope(border),
    )  # fmt: skip
    return transformers.Phi3ForCausalLM(config)


def dynamic(border: int) -> Any:
    parameters = {"rope_type": "dynamic", "rope_theta": 1e4, "factor": 4.0, "partial_rotary_factor": 1.0}
    config = transformers.GPTNeoXConfig(**{**SHAPE, "max_position_embeddings": 23}, rope_parameters=parameters)
    return transformers.GPTNeoXForCausalLM(config)


def model_of(make: Any, border: int) -> Any:
    torch.manual_seed(3)
    model = make(border).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim > 1:
                parameter.normal_(std=1.5 * parameter.shape[-1] ** -0.5)
    return model


def rows_of(model: Any) -> npt.NDArray[np.int64]:
    """What the model goes on with itself, every third row with a mistake in it."""
    prompts = np.random.default_rng(0).integers(1, 97, (30, WINDOW.prompt))
    rows = np.concatenate([prompts, generate_continuations(model, prompts, WINDOW)], axis=1)
    rows[::3, 20] = 96
    return rows


@pytest.mark.parametrize("make", [neox, phi3, dynamic])
@pytest.mark.parametrize("border", [11, 12, 15, 22, 23, 40])
def test_prefix_and_score_are_those_of_generation_on_either_side_of_a_border_and_across(make: Any, border: int) -> None:
    model = model_of(make, border)
    rows = rows_of(model)
    expected = reference_scores(model, rows, WINDOW)
    scorer = Scorer(model, WINDOW, "cpu")
    np.testing.assert_array_equal(scorer.prefixes(rows), expected.prefix)
    np.testing.assert_array_equal(scorer.scores(rows), expected.score)
    assert expected.memorized.sum() >= 15


@pytest.mark.parametrize("dtype", ["float32", "bfloat16-rechecked"])
def test_several_lengths_have_the_prefixes_of_each_alone(dtype: str) -> None:
    """(4, 6) and (12, 12) lie on two sides of the border, so that one pass over both has the wrong frequencies for one."""
    model = model_of(phi3, 10)
    rows = rows_of(model)
    protocols = [WINDOW, Protocol(prompt=4, continuation=6)]
    rows[:, 4:10] = generate_continuations(model, rows[:, :4], protocols[1])
    rows[:, 12:] = generate_continuations(model, rows[:, :12], WINDOW)
    joint = JointScorer(model, [Protocol(**{**one.to_json(), "dtype": dtype}) for one in protocols], "cpu")
    long, short = joint.prefixes(np.resize(rows, (300, 24)))
    assert (long == 12).all()
    assert (short == 6).all()


def test_several_lengths_have_the_losses_of_each_alone() -> None:
    model = model_of(phi3, 15)
    rows = rows_of(model)
    protocols = [Protocol.default_for(0, "loss", prompt=12, continuation=ids) for ids in (12, 3, 4)]
    for protocol, found in zip(protocols, JointScorer(model, protocols, "cpu").losses(rows), strict=True):
        expected = reference_losses(model, rows[:, : protocol.length], protocol)
        np.testing.assert_allclose(found, expected.quantities, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize(
    ("shortest", "longest", "expected"), [(5, 20, False), (5, 21, True), (20, 21, True), (21, 90, False)]
)
def test_a_pass_of_as_many_ids_as_the_border_lies_before_it(shortest: int, longest: int, expected: bool) -> None:
    assert rotates_differently(neox(20), shortest, longest) is expected
    assert not rotates_differently(dynamic(20), shortest, longest)
