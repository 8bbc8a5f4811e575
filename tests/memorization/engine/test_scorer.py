"""The engine against the published procedure, row by row, on models that know some rows by heart."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
import transformers
from torch.utils._python_dispatch import TorchDispatchMode

from seenat.memorization.engine.kernels.packed_linear import packed_copy
from seenat.memorization.engine.scorer import Scorer, default_device
from seenat.memorization.engine.transformers.reference import reference_scores
from seenat.memorization.protocol.protocol import Protocol
from seenat.registry.errors import InvalidValue

MODELS = ["neox_97", "neox_700", "llama", "bert"]
PROTOCOLS = [
    Protocol(),
    Protocol(eos="allowed"),
    Protocol(eos_id=7),
    Protocol(prompt=8, continuation=20, offset=3),
    Protocol(prompt=40, continuation=3),
    Protocol(prompt=1, continuation=1, offset=40),
    Protocol(prompt=5, continuation=67),
]


def _window(rows: npt.NDArray[np.uint16], protocol: Protocol) -> npt.NDArray[np.uint16]:
    return rows[:, slice(*protocol.window)]


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("protocol", PROTOCOLS, ids=lambda protocol: protocol.id)
def test_prefix_and_score_equal_generation(name: str, protocol: Protocol, request: pytest.FixtureRequest) -> None:
    trained = request.getfixturevalue(name)
    tokens = _window(trained.rows, protocol)
    reference = reference_scores(trained.model, tokens, protocol)
    scorer = Scorer(trained.model, protocol, "cpu")
    measured, score = scorer.prefixes(tokens), scorer.scores(tokens)
    assert measured.dtype == score.dtype == np.uint8
    np.testing.assert_array_equal(measured, reference.prefix)
    np.testing.assert_array_equal(score, reference.score)
    np.testing.assert_array_equal(measured == protocol.continuation, reference.memorized)
    np.testing.assert_array_equal(score == protocol.continuation, reference.memorized)


@pytest.mark.parametrize("name", MODELS)
def test_rows_show_every_kind_of_prefix(name: str, request: pytest.FixtureRequest) -> None:
    """Otherwise the comparison with generation would say little."""
    trained, protocol = request.getfixturevalue(name), Protocol(eos="allowed")
    measured = Scorer(trained.model, protocol, "cpu").prefixes(_window(trained.rows, protocol))
    assert (measured == 32).sum() >= 20
    assert len(set(measured.tolist())) >= 15


def test_banned_id_ends_a_prefix_that_the_model_would_go_on_with(neox_97: Any) -> None:
    protocol = Protocol(eos="allowed")
    tokens = _window(neox_97.rows, protocol)
    truth = tokens[:, protocol.prompt :]
    with_zero = (truth == 0).any(axis=1)
    wanted = with_zero & (Scorer(neox_97.model, protocol, "cpu").prefixes(tokens) == protocol.continuation)
    assert wanted.sum() >= 5
    banned = Scorer(neox_97.model, Protocol(), "cpu").prefixes(tokens)
    np.testing.assert_array_equal(banned[wanted], (truth[wanted] == 0).argmax(axis=1))


@pytest.mark.parametrize("rows", [0, 1, 63, 64, 65, 1023, 1025, 2100])
def test_a_row_counts_the_same_in_every_company(neox_97: Any, rows: int) -> None:
    protocol = Protocol()
    tokens = _window(neox_97.rows, protocol)
    scorer = Scorer(neox_97.model, protocol, "cpu")
    repeated = np.resize(np.arange(len(tokens)), rows)
    np.testing.assert_array_equal(scorer.prefixes(tokens[repeated]), scorer.prefixes(tokens)[repeated])


@pytest.mark.parametrize("dtype", [np.uint16, np.int32, np.int64, ">u2"])
def test_every_integer_type_and_layout_is_read(neox_97: Any, dtype: Any) -> None:
    protocol = Protocol()
    scorer = Scorer(neox_97.model, protocol, "cpu")
    tokens = _window(neox_97.rows, protocol)
    np.testing.assert_array_equal(scorer.prefixes(np.asfortranarray(tokens.astype(dtype))), scorer.prefixes(tokens))


@pytest.mark.parametrize(("eos", "lowest"), [("allowed", 0), ("banned", 1)])
def test_equal_logits_choose_the_lowest_id(eos: str, lowest: int) -> None:
    model = _untrained()
    torch.nn.init.zeros_(model.get_output_embeddings().weight)
    protocol = Protocol(eos=eos)
    tokens = np.full((3, protocol.length), 5, dtype=np.int64)
    tokens[1, protocol.prompt :] = lowest
    tokens[2, protocol.prompt : -1] = lowest
    expected = [0, protocol.continuation, protocol.continuation - 1]
    assert Scorer(model, protocol, "cpu").prefixes(tokens).tolist() == expected
    assert reference_scores(model, tokens, protocol).prefix.tolist() == expected


def test_half_precision_weights_are_computed_in_single(neox_97: Any) -> None:
    stored = _untrained()
    stored.load_state_dict(neox_97.model.state_dict())
    protocol = Protocol()
    prefixes = Scorer(stored.half(), protocol, "cpu").prefixes(tokens := _window(neox_97.rows, protocol))
    assert {parameter.dtype for parameter in stored.parameters()} == {torch.float16}  # It stays as it was.
    np.testing.assert_array_equal(prefixes, reference_scores(stored.float(), tokens, protocol).prefix)


class _Logits(TorchDispatchMode):
    """Notes the bytes of every tensor that an operator makes with more columns than a state has."""

    def __init__(self) -> None:
        super().__init__()
        self.sizes: list[int] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = func(*args, **(kwargs or {}))
        if isinstance(made, torch.Tensor) and made.ndim > 1 and made.shape[-1] >= 1000:
            self.sizes.append(4 * made.numel())
        return made


@pytest.mark.parametrize("measure", ["prefix", "score", "loss"])
@pytest.mark.parametrize(("architecture", "most"), [("gpt_neox", 8 << 20), ("bert", 64 << 20)])
def test_logits_held_at_once_are_bounded(architecture: str, most: int, measure: str) -> None:
    """1,100 rows of a vocabulary of 50,304 would be 7 GB of logits."""
    model = _untrained(50_304) if architecture == "gpt_neox" else _untrained_bert(50_304)
    rows = 1100 if (architecture, measure) == ("gpt_neox", "prefix") else 20
    scorer = Scorer(model, Protocol.default_for(0, measure, prompt=60, continuation=4), "cpu")
    with _Logits() as logits:
        scorer.measure(np.full((rows, 64), 9))
    assert 0 < max(logits.sizes) <= most


@pytest.mark.parametrize(
    ("tokens", "message"),
    [
        (np.full((2, 64), 97), "id 97, but the model's vocabulary is 97"),
        (np.full((2, 64), -1), "id -1, but"),
        (np.zeros((2, 63), dtype=np.uint16), "needs 64 ids of each sequence"),
        (np.zeros(64, dtype=np.uint16), "needs 64 ids of each sequence"),
    ],
)
def test_ids_that_cannot_be_scored_are_refused(tokens: npt.NDArray[Any], message: str) -> None:
    with pytest.raises(InvalidValue, match=message):
        Scorer(_untrained(), Protocol(), "cpu").prefixes(tokens)


def test_the_row_of_a_wrong_id_is_named() -> None:
    tokens = np.ones((1500, 64), dtype=np.uint16)
    tokens[1234, 60] = 40_000
    with pytest.raises(InvalidValue, match="Row 1234 holds id 40000"):
        Scorer(_untrained(), Protocol(), "cpu").prefixes(tokens)


def test_a_protocol_the_model_cannot_hold_is_refused() -> None:
    with pytest.raises(InvalidValue, match="bans id 97"):
        Scorer(_untrained(), Protocol(eos_id=97), "cpu")
    with pytest.raises(InvalidValue, match="reads 129 ids at once, but the model has 128 positions"):
        Scorer(_untrained(), Protocol(prompt=66, continuation=64), "cpu")
    Scorer(_untrained(), Protocol(prompt=65, continuation=64), "cpu").prefixes(np.ones((1, 129), dtype=np.uint16))


def test_default_device_is_one_torch_has() -> None:
    assert torch.zeros(1, device=default_device()).device.type in ("cpu", "cuda")


# -- the reference itself


@pytest.mark.parametrize("use_cache", [True, False])
@pytest.mark.parametrize("batch", [1, 7, 1024])
def test_reference_does_not_depend_on_batch_or_cache(neox_97: Any, batch: int, use_cache: bool) -> None:
    protocol = Protocol()
    tokens = _window(neox_97.rows, protocol)[:40]
    first = reference_scores(neox_97.model, tokens, protocol)
    again = reference_scores(neox_97.model, tokens, protocol, batch=batch, use_cache=use_cache)
    for one, other in zip(first, again, strict=True):
        np.testing.assert_array_equal(one, other)


def test_reference_counts_positions_and_the_run_before_the_first_mistake(neox_700: Any) -> None:
    protocol = Protocol()
    tokens = _window(neox_700.rows, protocol).copy()
    known = tokens[reference_scores(neox_700.model, tokens, protocol).memorized][0]
    wrong = known.copy()
    wrong[[32 + 3, 32 + 9]] ^= 1
    score, prefix, memorized = reference_scores(neox_700.model, np.stack([known, wrong]), protocol)
    assert score.tolist() == [32, 30]
    assert prefix.tolist() == [32, 3]
    assert memorized.tolist() == [True, False]


ODD_FILES: list[dict[str, Any]] = [
    {"eos_token_id": 9, "do_sample": True, "temperature": 9.0, "repetition_penalty": 3.0, "pad_token_id": 4},
    {"guidance_scale": 2.0},
    {"watermarking_config": {"greenlist_ratio": 0.25, "bias": 9.0}},
    {"max_new_tokens": 3},
    {"max_time": 1e-9},
    {"stop_strings": ["a"]},
    {"penalty_alpha": 0.6, "top_k": 4},
    {"prompt_lookup_num_tokens": 3},
    {"forced_eos_token_id": 2},
    {"suppress_tokens": list(range(50))},
    {"num_beams": 3, "num_return_sequences": 2},
    {"return_dict_in_generate": True},
]


@pytest.mark.parametrize("odd", ODD_FILES, ids=lambda odd: next(iter(odd)))
def test_reference_ignores_what_the_model_says_of_generation(neox_97: Any, odd: dict[str, Any]) -> None:
    """A default GPT-NeoX bans id 2 and lets 0 pass; other files ask for sampling, penalties, an end and much more."""
    protocol = Protocol()
    tokens = _window(neox_97.rows, protocol)[::4]
    expected = reference_scores(neox_97.model, tokens, protocol)
    kept = neox_97.model.generation_config
    assert kept.eos_token_id == 2
    own = neox_97.model.generation_config = transformers.GenerationConfig(**odd)
    try:
        found = reference_scores(neox_97.model, tokens, protocol)
        assert neox_97.model.generation_config is own  # The model itself stays as it was.
    finally:
        neox_97.model.generation_config = kept
    for one, other in zip(expected, found, strict=True):
        np.testing.assert_array_equal(one, other)


def _untrained(vocab_size: int = 97) -> Any:
    config = transformers.GPTNeoXConfig(
        vocab_size=vocab_size, hidden_size=64, num_hidden_layers=2, num_attention_heads=4, intermediate_size=256,
        max_position_embeddings=128,
    )  # fmt: skip
    return transformers.GPTNeoXForCausalLM(config)


def _untrained_bert(vocab_size: int) -> Any:
    config = transformers.BertConfig(
        vocab_size=vocab_size, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16,
        is_decoder=True,
    )  # fmt: skip
    return transformers.BertLMHeadModel(config).eval()


def test_several_threads_give_what_one_gives(neox_700: Any) -> None:
    protocol = Protocol()
    tokens = np.concatenate([_window(neox_700.rows, protocol)] * 8)
    alone = Scorer(neox_700.model, protocol, "cpu").prefixes(tokens)
    torch.set_num_threads(3)
    try:
        together = Scorer(neox_700.model, protocol, "cpu")
        np.testing.assert_array_equal(together.prefixes(tokens), alone)
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(1)


def test_packed_layers_multiply_as_linear_layers_do() -> None:
    model = _untrained()
    ids = torch.arange(24).reshape(2, 12) % 97
    with torch.inference_mode():
        expected, packed = model(ids).logits, packed_copy(model)
        torch.testing.assert_close(packed(ids).logits, expected, rtol=1e-4, atol=1e-5)
    assert all(type(module) is not torch.nn.Linear for module in packed.modules())
    assert any(type(module) is torch.nn.Linear for module in model.modules())  # The model itself stays as it was.
