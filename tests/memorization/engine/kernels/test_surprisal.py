"""Surprisals and ranks from tiles of the output matrix, against all logits in float64."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_numpy

from seenat.memorization.engine.kernels.output_head import Head
from seenat.memorization.engine.kernels.prefix_state import Pairs
from seenat.memorization.engine.kernels.surprisal import SurprisalHead, surprisals_of_logits
from seenat.memorization.engine.losses import quantities

WIDTH = 32


def made_up(vocab_size: int, rows: int = 1500) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Normalized states, weight, bias, and true ids, some of them those with the largest logits."""
    generator = torch.Generator().manual_seed(vocab_size)
    states = torch.nn.functional.layer_norm(torch.randn(rows, WIDTH, generator=generator), (WIDTH,))
    weight = torch.randn(vocab_size, WIDTH, generator=generator) / 2
    bias = torch.randn(vocab_size, generator=generator)
    truth = torch.randint(0, vocab_size, (rows,), generator=generator)
    truth[::3] = (states @ weight.T + bias).argmax(dim=1)[::3]
    return states, weight, bias, truth


@pytest.mark.parametrize("packed", [None, False])
@pytest.mark.parametrize("vocab_size", [1, 7, 1024, 1025, 5000])
@torch.inference_mode()
def test_tiles_give_what_all_logits_give(vocab_size: int, packed: bool | None) -> None:
    states, weight, bias, truth = made_up(vocab_size)
    logits = states.double() @ weight.double().T + bias.double()
    own = logits.gather(1, truth[:, None])
    expected = torch.logsumexp(logits, dim=1) - own[:, 0]
    head = SurprisalHead(weight, bias, packed=packed)
    surprisals, ranks = head.surprisals_and_ranks(states, truth)
    # A logit is a sum of 33 products of up to 20; its rounding, some 1e-6, is the surprisal's.
    torch.testing.assert_close(surprisals.double(), expected, rtol=0, atol=2e-5)
    assert torch.equal(head.surprisals(states, truth), surprisals)
    # Beyond what rounding can turn round, every id counts as it must.
    above, not_below = ((logits > own + bound).sum(dim=1) for bound in (2e-5, -2e-5))
    assert (ranks >= above).all()
    assert (ranks <= not_below - 1).all()
    assert (surprisals >= 0).all()


@pytest.mark.parametrize("vocab_size", [1, 97, 1024, 3000])
@torch.inference_mode()
def test_of_equal_logits_the_lower_ids_come_first(vocab_size: int) -> None:
    head = SurprisalHead(torch.zeros(vocab_size, WIDTH), torch.zeros(vocab_size))
    truth = torch.arange(vocab_size).flip(0)
    surprisals, ranks = head.surprisals_and_ranks(torch.ones(vocab_size, WIDTH), truth)
    assert torch.equal(ranks, truth.float())
    torch.testing.assert_close(surprisals, torch.full((vocab_size,), float(np.log(vocab_size))), rtol=1e-6, atol=0)
    assert torch.equal(surprisals_of_logits(torch.zeros(vocab_size, vocab_size), truth)[1], truth.float())


@torch.inference_mode()
def test_rank_0_is_what_greedy_decoding_chooses() -> None:
    states, weight, bias, truth = made_up(5000)
    ranks = SurprisalHead(weight, bias).surprisals_and_ranks(states, truth)[1]
    assert torch.equal(ranks == 0, Head(weight, bias, None).choices(states) == truth)
    assert 500 <= (ranks == 0).sum() < 600


@pytest.mark.parametrize("shift", [-3000.0, -100.0, 0.0, 100.0, 3000.0])
@torch.inference_mode()
def test_logits_of_any_size_are_added_up(shift: float) -> None:
    """A power of 2 by itself would be nothing or infinity."""
    states, weight, bias, truth = made_up(2000)
    found = SurprisalHead(weight, bias + shift).surprisals(states, truth)
    expected = SurprisalHead(weight, bias).surprisals(states, truth)
    # float32 knows a logit to 6e-8 of it, and a dozen are added up or subtracted.
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-5 + 1e-6 * abs(shift))


@torch.inference_mode()
def test_no_number_gives_no_number() -> None:
    states, weight, bias, truth = made_up(2000, 8)
    states[3] = torch.nan
    found = SurprisalHead(weight, bias).surprisals(states, truth)
    assert found.isfinite().tolist() == [True, True, True, False, True, True, True, True]


@given(
    st_numpy.arrays(np.float32, st.tuples(st.integers(1, 4), st.integers(1, 40)), elements=st.floats(0, 50, width=32)),
    st.data(),
)
@settings(deadline=None)
def test_quantities_are_sums_and_means_of_what_they_say(surprisals: np.ndarray, data: st.DataObject) -> None:
    ids = surprisals.shape[1]
    prompt = data.draw(st.integers(1, ids))
    ranks = torch.arange(float(len(surprisals) * (ids - prompt + 1))).view(len(surprisals), -1)
    found = quantities(torch.from_numpy(surprisals), ranks, Pairs([(prompt, ids - prompt + 1)])).numpy()[:, 0]
    for row, told, positions in zip(surprisals.astype(float), found, ranks.numpy(), strict=True):
        fifth = sorted(row, reverse=True)[: max(1, ids // 5)]
        expected = [sum(row[: prompt - 1]), sum(row[prompt - 1 :]), sum(fifth) / len(fifth), positions.mean()]
        np.testing.assert_allclose(told, expected, rtol=1e-6, atol=1e-30)
