"""Derivatives against gradients of single sequences, on a trained checkpoint. 6 seconds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch

from seenat.attribution.influence.derivatives import WAYS, Derivatives
from seenat.attribution.influence.gradients import (
    Direction,
    gradient,
    id_losses,
    norm,
    parameters_of,
    preconditioned,
    second_moment,
)
from seenat.memorization.engine.transformers.loading import load_checkpoint
from seenat.registry.hub.location import CheckpointLocation

Rows = npt.NDArray[np.int64]


@pytest.fixture(scope="module", params=[64, 384])
def trained(request: pytest.FixtureRequest, pocket_manifest: Path) -> Any:
    """The smallest pocket model in the middle of its training and after it."""
    folder = pocket_manifest.parent / "models" / "pocket-230k" / f"step{request.param}"
    model: Any = load_checkpoint(CheckpointLocation.local(folder))
    model.set_attn_implementation("eager")
    return model.eval()


def by_backward(model: Any, rows: Rows, direction: Direction) -> npt.NDArray[np.float64]:
    """Of each sequence: the sum over its ids, by a plain loop of backward passes."""
    found = []
    for row in torch.from_numpy(rows):
        model.zero_grad()
        logits = model(row[None, :-1]).logits[0]
        torch.nn.functional.cross_entropy(logits, row[1:], reduction="sum").backward()
        found.append(
            sum(float((part.grad.double() * direction[name]).sum()) for name, part in model.named_parameters())
        )
    model.zero_grad()
    return np.array(found)


@pytest.mark.parametrize(("way", "most"), [("differences", 1e-4), ("jvp", 1e-5)])
def test_derivatives_are_products_with_gradients_of_single_sequences(
    trained: Any, rows: Rows, way: str, most: float
) -> None:
    """Relative to the largest, which is that of a planted repetition of the query."""
    query, among = rows[34], np.concatenate([rows[200:231], rows[34:35]])
    direction = gradient(trained, torch.from_numpy(query[None]))
    exact = by_backward(trained, among, direction)
    found = Derivatives(trained, direction, way, query[None]).of(among)
    assert found.shape == (32, 64)
    assert np.abs(found.sum(axis=1) - exact).max() < most * np.abs(exact).max()
    assert exact.argmax() == found.sum(axis=1).argmax() == 31


def test_the_own_pass_gives_the_differences_of_the_other(trained: Any, rows: Rows) -> None:
    direction = gradient(trained, torch.from_numpy(rows[34:35]))
    own, other = (Derivatives(trained, direction, own_pass=one).of(rows[30:40]) for one in (True, False))
    assert np.abs(own - other).max() < 5e-4 * np.abs(other).max()
    assert not (own == other).all()


def test_of_unrelated_sequences_the_error_is_what_the_page_says(trained: Any, rows: Rows) -> None:
    """None of these repeats a query, so that all derivatives are small, and their rounding is not."""
    among, worst = rows[200:232], 0.0
    for query in rows[[3100, 3200, 3300]]:
        direction = gradient(trained, torch.from_numpy(query[None]))
        exact = Derivatives(trained, direction, "jvp").of(among).sum(axis=1)
        found = Derivatives(trained, direction, probe=query[None]).of(among).sum(axis=1)
        worst = max(worst, float(np.abs(found - exact).max() / np.abs(exact).max()))
    assert worst < 2e-3


def test_parts_are_derivatives_of_single_ids(trained: Any, rows: Rows) -> None:
    direction = gradient(trained, torch.from_numpy(rows[34:35]))
    found = Derivatives(trained, direction, "jvp").of(rows[300:301])[0]
    for place in (0, 31, 63):
        slopes = gradient(trained, torch.from_numpy(rows[300:301]), lambda losses, at=place: losses[0, at])
        exact = sum(float((slopes[name].double() * part).sum()) for name, part in direction.items())
        assert found[place] == pytest.approx(exact, rel=1e-4, abs=1e-5 * np.abs(found).max())


def test_the_gradient_is_that_of_the_loss(trained: Any, rows: Rows) -> None:
    ids = torch.from_numpy(rows[40:42])
    found = gradient(trained, ids, lambda losses: losses[:, 31:].mean())
    logits = trained(ids[:, :-1]).logits
    torch.nn.functional.cross_entropy(logits[:, 31:].flatten(0, 1), ids[:, 32:].flatten()).backward()
    for name, parameter in trained.named_parameters():
        torch.testing.assert_close(found[name], parameter.grad, rtol=1e-3, atol=1e-6)
    trained.zero_grad()


def test_the_second_moment_is_the_mean_square_of_groups(trained: Any, rows: Rows) -> None:
    ids = torch.from_numpy(rows[40:46])
    moment = second_moment(trained, ids, 3)
    squares = [gradient(trained, ids[start : start + 2]) for start in (0, 2, 4)]
    for name, part in moment.items():
        due = torch.stack([one[name] ** 2 for one in squares]).mean(dim=0)
        torch.testing.assert_close(part, due)
    scaled = preconditioned(squares[0], moment)
    for name, part in scaled.items():
        root = moment[name].sqrt()
        torch.testing.assert_close(part, squares[0][name] / (root + 0.1 * moment[name].mean().sqrt()))
    assert norm(scaled) == pytest.approx(float(torch.cat([part.flatten() for part in scaled.values()]).double().norm()))


def test_what_plays_no_part_moves_nothing(trained: Any, rows: Rows) -> None:
    zero = {name: torch.zeros_like(part) for name, part in parameters_of(trained).items()}
    for way in WAYS:
        assert (Derivatives(trained, zero, way).of(rows[:2]) == 0).all()
    assert all((part == 0).all() for part in preconditioned(zero, zero).values())


def test_weights_are_left_as_they_were(trained: Any, rows: Rows) -> None:
    before = {name: part.clone() for name, part in parameters_of(trained).items()}
    direction = gradient(trained, torch.from_numpy(rows[:1]))
    for way in WAYS:
        Derivatives(trained, direction, way).of(rows[:2])
    assert all(part.equal(before[name]) for name, part in parameters_of(trained).items())


def test_tied_embeddings_are_one_parameter() -> None:
    import transformers

    torch.manual_seed(5)
    config = transformers.LlamaConfig(
        vocab_size=61, hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64,
        tie_word_embeddings=True, attn_implementation="eager",
    )  # fmt: skip
    model: Any = transformers.LlamaForCausalLM(config).eval()
    among = np.random.default_rng(1).integers(0, 61, (5, 20))
    direction = gradient(model, torch.from_numpy(among[:1]))
    assert "lm_head.weight" not in direction
    exact = by_backward(model, among, direction)
    for way, most in (("differences", 1e-3), ("jvp", 1e-5)):
        found = Derivatives(model, direction, way).of(among).sum(axis=1)
        assert np.abs(found - exact).max() < most * np.abs(exact).max()


def test_losses_are_surprisals(trained: Any, rows: Rows) -> None:
    ids = torch.from_numpy(rows[:3])
    with torch.no_grad():
        found = id_losses(trained, parameters_of(trained), ids)
        chances = trained(ids[:, :-1]).logits.softmax(dim=-1).gather(2, ids[:, 1:, None])[..., 0]
    torch.testing.assert_close(found, -chances.log(), rtol=1e-4, atol=1e-5)
