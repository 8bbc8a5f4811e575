"""The numbers of a pocket suite, and the models that they make: some 4 seconds, nearly all for importing transformers."""

import dataclasses
import json

import numpy as np
import pytest

from seenat.memorization.pocket import POCKET, PocketConfig, RepetitionClass
from seenat.memorization.pocket.progress import PocketProgress
from seenat.memorization.pocket.training.architecture import new_network
from seenat.registry.errors import InvalidValue

PARAMETERS = {"pocket-230k": 231_168, "pocket-660k": 658_944, "pocket-2m": 2_104_320}


def test_the_pocket_suite_has_its_sizes():
    assert (POCKET.trained, POCKET.distinct, POCKET.unseen, POCKET.sequences, POCKET.steps) == (
        3072,
        760,
        512,
        3584,
        384,
    )
    assert POCKET.saved == (0, 1, 2, 4, 8, 16, 32, 64, 128, 192, 256, 320, 384)
    assert {model.name: model.parameters(POCKET.vocab_size) for model in POCKET.models} == PARAMETERS


@pytest.mark.needs_torch
@pytest.mark.parametrize("name", PARAMETERS)
def test_a_model_has_exactly_its_parameters(name):
    network = new_network(POCKET.model(name), POCKET, seed=1)
    assert sum(parameter.numel() for parameter in network.parameters()) == PARAMETERS[name]
    assert (network.config.eos_token_id, network.config.bos_token_id) == (0, 0)
    assert network.config.use_parallel_residual
    assert not network.config.tie_word_embeddings
    assert network.get_output_embeddings().weight.dtype.is_floating_point


@pytest.mark.needs_torch
def test_weights_depend_on_the_seed_alone_and_have_the_scales_of_small_and_wang_init():
    model = POCKET.model("pocket-2m")
    one, again, other = (dict(new_network(model, POCKET, seed).named_parameters()) for seed in (1, 1, 2))
    assert all(one[name].equal(again[name]) for name in one)
    embedding, dense = "gpt_neox.embed_in.weight", "gpt_neox.layers.1.attention.dense.weight"
    assert not one[embedding].equal(other[embedding])
    assert one[embedding].std().item() == pytest.approx((2 / (5 * 256)) ** 0.5, rel=0.02)
    assert one[dense].std().item() == pytest.approx(2 / (2 * 16), rel=0.02)
    assert one["gpt_neox.layers.0.attention.query_key_value.bias"].abs().max() == 0
    assert one["gpt_neox.final_layer_norm.weight"].min() == 1


def test_the_learning_rate_warms_up_and_falls_to_a_tenth():
    model = POCKET.models[0]
    rates = np.array([POCKET.learning_rate(model, step) for step in range(POCKET.steps)])
    assert rates.argmax() in (POCKET.warmup_steps - 1, POCKET.warmup_steps)
    assert rates.max() == model.learning_rate
    assert rates[0] > 0
    assert (np.diff(rates[POCKET.warmup_steps :]) < 0).all()
    assert rates[-1] == pytest.approx(0.1 * model.learning_rate, rel=0.01)


def test_a_configuration_survives_json():
    again = PocketConfig.from_json(json.loads(json.dumps(POCKET.to_json())))
    assert again == POCKET
    assert again.digest() == POCKET.digest()


@pytest.mark.parametrize("change", [{"weight_decay": 0.2}, {"unseen": 504}, {"models": POCKET.models[:2]}])
def test_every_change_changes_the_digest(change):
    assert dataclasses.replace(POCKET, **change).digest() != POCKET.digest()


@pytest.mark.parametrize(
    "change",
    [
        {"unseen": 511},
        {"repetitions": (RepetitionClass(3, 5),)},
        {"saved": ()},
        {"saved": (0, 320)},
        {"saved": (0, 64, 64, 384)},
        {"saved": (0, 384, 385)},
    ],
)
def test_a_configuration_that_does_not_add_up_is_refused(change):
    with pytest.raises(InvalidValue):
        dataclasses.replace(POCKET, **change)


@pytest.mark.parametrize("said", [PocketProgress("data"), PocketProgress("training", "pocket-2m", 7, 384, 0.1 + 0.2)])
def test_progress_survives_its_line(said):
    assert said.to_line().count("\n") == 1
    assert PocketProgress.from_line(said.to_line()) == said
