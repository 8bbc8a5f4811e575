"""Losses against transformers' forward pass in float64, on models that know some rows by heart, and on the pocket suite."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
import transformers

from seenat.memorization.engine.losses import GenericLosses
from seenat.memorization.engine.scorer import JointScorer, Scorer
from seenat.memorization.engine.transformers.loading import load_checkpoint
from seenat.memorization.engine.transformers.reference import ReferenceLosses, reference_losses, reference_scores
from seenat.memorization.protocol.protocol import Protocol
from seenat.memorization.queries.trajectories import measured_values, trajectory
from seenat.registry.catalog.catalog import Catalog
from seenat.registry.errors import InvalidValue
from seenat.registry.hub.location import CheckpointLocation

LOSS = Protocol.default_for(0, "loss")
PROTOCOLS = [
    LOSS,
    Protocol.default_for(0, "loss", prompt=8, continuation=20, offset=3),
    Protocol.default_for(0, "loss", prompt=1, continuation=1, offset=40),
    Protocol.default_for(0, "loss", prompt=1, continuation=71),
]
ROUNDING = 2e-5
"""Nats: what rounding in float32 moved a surprisal by was at most 4e-6 here, and sums of up to 71 of them by 1.5e-5."""


def window(rows: npt.NDArray[Any], protocol: Protocol) -> npt.NDArray[Any]:
    return rows[:, slice(*protocol.window)]


def check(found: npt.NDArray[Any], expected: ReferenceLosses, protocol: Protocol) -> None:
    """Sums and means within rounding; ranks too, of which one id may count the other way where two logits are equal in rounding."""
    assert found.dtype == np.float32
    assert found.shape == expected.quantities.shape == (len(found), 4)
    np.testing.assert_allclose(found[:, :3], expected.quantities[:, :3], rtol=1e-6, atol=5 * ROUNDING)
    moved = np.abs(found[:, 3] - expected.quantities[:, 3]) * protocol.continuation
    assert (moved < 1.01).all()
    assert (moved > 0.01).mean() < 0.02


@pytest.mark.parametrize("name", ["neox_97", "neox_700", "llama", "bert"])
@pytest.mark.parametrize("protocol", PROTOCOLS, ids=lambda protocol: protocol.id)
def test_losses_equal_those_of_all_logits(name: str, protocol: Protocol, request: pytest.FixtureRequest) -> None:
    trained = request.getfixturevalue(name)
    tokens = window(trained.rows, protocol)
    expected = reference_losses(trained.model, tokens, protocol)
    check(Scorer(trained.model, protocol, "cpu").measure(tokens), expected, protocol)
    check(GenericLosses(trained.model, [protocol]).losses(tokens.astype(np.int64))[0], expected, protocol)


@pytest.mark.parametrize("name", ["neox_700", "llama"])
def test_several_lengths_have_the_losses_of_each_alone(name: str, request: pytest.FixtureRequest) -> None:
    trained = request.getfixturevalue(name)
    protocols = [
        Protocol.default_for(0, "loss", prompt=prompt, continuation=ids)
        for prompt, ids in ((8, 40), (32, 32), (1, 5), (40, 1))
    ]
    joint = JointScorer(trained.model, protocols, "cpu")
    together = joint.measure(window(trained.rows, joint.longest))
    for protocol, found in zip(protocols, together, strict=True):
        check(found, reference_losses(trained.model, window(trained.rows, protocol), protocol), protocol)


def test_a_protocol_of_another_measure_is_refused(neox_97: Any) -> None:
    with pytest.raises(InvalidValue, match="measure 'loss' decodes nothing"):
        Scorer(neox_97.model, LOSS, "cpu").prefixes(window(neox_97.rows, LOSS))
    with pytest.raises(InvalidValue, match="not measured by a protocol of measure 'prefix'"):
        Scorer(neox_97.model, Protocol(), "cpu").losses(window(neox_97.rows, LOSS))


def test_rank_0_is_memorized_where_nothing_is_banned(neox_97: Any) -> None:
    tokens = window(neox_97.rows, LOSS)
    rank = Scorer(neox_97.model, LOSS, "cpu").measure(tokens)[:, 3]
    memorized = reference_scores(neox_97.model, tokens, Protocol(eos="allowed")).memorized
    np.testing.assert_array_equal(rank == 0, memorized)
    assert 20 <= memorized.sum() < len(tokens)


def test_the_reference_is_cross_entropy(neox_700: Any) -> None:
    tokens = window(neox_700.rows, LOSS)
    expected = reference_losses(neox_700.model, tokens, LOSS, batch=7)
    ids = torch.from_numpy(tokens.astype(np.int64))
    with torch.inference_mode():
        told = [neox_700.model(row[None], labels=row[None]).loss.item() for row in ids]
    # Its mean over a row's 63 ids is added up in float32.
    np.testing.assert_allclose(expected.quantities[:, :2].sum(axis=1) / 63, told, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(expected.surprisals.mean(axis=1), told, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("rows", [0, 1, 63, 65, 700])
def test_a_row_has_the_same_loss_in_every_company(neox_97: Any, rows: int, threads: int) -> None:
    tokens = window(neox_97.rows, LOSS)
    alone = Scorer(neox_97.model, LOSS, "cpu").measure(tokens)
    chosen = np.resize(np.arange(len(tokens)), rows)
    torch.set_num_threads(threads)
    try:
        together = Scorer(neox_97.model, LOSS, "cpu").measure(tokens[chosen])
    finally:
        torch.set_num_threads(1)
    np.testing.assert_allclose(together, alone[chosen], rtol=1e-6, atol=ROUNDING)


def test_a_model_that_gives_no_numbers_is_refused() -> None:
    """Its weights are finite, but the sum of the first row's squares is not, and so is no state after its id."""
    tokens = np.random.default_rng(3).integers(0, 90, (9, LOSS.length))
    tokens[5, 7] = 95
    model = numberless(95, 3e38)
    with pytest.raises(InvalidValue, match="Row 5 has no finite loss"):
        Scorer(model, LOSS, "cpu").measure(tokens)
    for decoded in ("prefix", "score"):
        scorer = Scorer(model, Protocol(measure=decoded, eos_id=95), "cpu")  # Which is so never chosen.
        scorer.measure(tokens[:5])
        with pytest.raises(InvalidValue, match="makes no numbers of some sequence"):
            scorer.measure(tokens)


@pytest.mark.parametrize("measure", ["prefix", "score", "loss"])
@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_weights_that_are_not_finite_are_refused(measure: str, value: float, dtype: str) -> None:
    protocol = Protocol.default_for(0, measure, dtype=dtype)
    with pytest.raises(InvalidValue, match=f"gpt_neox.embed_in.weight holds weights that are no finite {dtype}"):
        Scorer(numberless(95, value), protocol, "cpu")


def test_weights_too_large_for_a_type_are_refused_in_it_alone() -> None:
    model = numberless(95, 1e30)
    Scorer(model, Protocol(), "cpu")
    with pytest.raises(InvalidValue, match="no finite float16"):
        Scorer(model, Protocol(dtype="float16"), "cpu")


def test_finite_weights_whose_sum_is_not_are_measured() -> None:
    model = numberless(95, 1e37)
    Scorer(model, Protocol(), "cpu")


def numberless(id_: int, value: float) -> Any:
    """A GPT-NeoX in which one id's states are made of this value."""
    config = transformers.GPTNeoXConfig(
        vocab_size=97, hidden_size=64, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64,
        max_position_embeddings=128,
    )  # fmt: skip
    model: Any = transformers.GPTNeoXForCausalLM(config).eval()
    with torch.no_grad():
        model.get_input_embeddings().weight[id_] = value
    return model


def test_a_job_stores_the_losses_of_seen_and_unseen_sequences(with_losses: Catalog) -> None:
    """The pocket suite from files to a trajectory: what was repeated has fallen further than what was never seen."""
    model = with_losses.model("pocket-230k")
    found = measured_values(with_losses, model, model.order.sequences, LOSS.id)
    assert (found.steps, found.values.shape) == (model.schedule.saved, (13, 3584, 4))
    assert np.isfinite(found.values).all()
    rows = model.order.source().tokens(model.order.sequences)[::9]
    assert model.folder is not None
    expected = _reference(model.folder.replace("{step}", "384"), rows[:, :64])
    check(found.values[-1, ::9], expected, LOSS)
    assert not found.memorized.any()
    untrained, trained = found.values[0, :, 1].mean(), found.values[-1, :, 1]
    assert trained[:3072].mean() < 0.6 * trained[3072:].mean() < trained[3072:].mean() < untrained
    points = trajectory(with_losses, model, 3583, LOSS.id).trajectory.points
    assert [point.seen for point in points] == [False] * 13
    assert [list(point.values.values()) for point in points] == found.values[:, 3583].tolist()


def _reference(folder: str, rows: npt.NDArray[Any]) -> ReferenceLosses:
    return reference_losses(load_checkpoint(CheckpointLocation.local(Path(folder))), rows, LOSS)
