"""The output matrix: every proof of a mistake is one, and equal logits choose the lowest id."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from seenat.memorization.engine.kernels.output_head import Head, Logits
from seenat.registry.errors import InvalidValue

VOCABULARY = 20_000


@pytest.fixture(scope="module")
def weight() -> torch.Tensor:
    return torch.randn(VOCABULARY, 32, generator=torch.Generator().manual_seed(0))


def states_of(rows: int) -> torch.Tensor:
    return torch.nn.functional.layer_norm(torch.randn(rows, 32, generator=torch.Generator().manual_seed(rows)), (32,))


def right(head: Head, states: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
    """What a pass makes of both: which true ids no frequent id refutes, and all ids confirm."""
    refuted, (confirmed, unsure) = head.quick_reject(states, truth), head.decide(states, truth)
    assert unsure is None
    assert not (refuted & confirmed).any()
    return ~refuted & confirmed


@pytest.mark.parametrize("banned", [None, 0, 19_999])
@pytest.mark.parametrize("packed", [None, False])
@torch.inference_mode()
def test_looks_never_change_an_answer(weight: torch.Tensor, banned: int | None, packed: bool | None) -> None:
    states, bias = states_of(900), torch.linspace(-1, 1, VOCABULARY)
    logits = states @ weight.T + bias
    if banned is not None:
        logits[:, banned] = -torch.inf
    best, second = logits.topk(2).indices.T
    truth = torch.where(torch.arange(900) % 3 == 0, best, torch.where(torch.arange(900) % 3 == 1, second, 17))
    head = Head(weight, bias, banned, packed=packed)
    assert torch.equal(head.choices(states), best)
    for counts in (np.zeros(VOCABULARY, np.int64), np.bincount(best.numpy(), minlength=VOCABULARY)):
        head.set_frequencies(counts)
        assert torch.equal(right(head, states, truth), truth == best)


@torch.inference_mode()
def test_a_logit_that_beats_by_rounding_only_proves_nothing(weight: torch.Tensor) -> None:
    """The true id's own logit, added up in another order, is often a little larger."""
    twins = weight.clone()
    twins[5000:15_000] = twins[:1]
    states = states_of(600)
    states = states[(states @ twins[0]) > (states @ twins[1:5000].T).amax(dim=1) * 0.2]
    head = Head(twins, torch.zeros(VOCABULARY), None)
    head.set_frequencies(np.arange(VOCABULARY)[::-1].copy())
    chosen = head.choices(states)
    assert torch.equal(right(head, states, chosen), torch.ones(len(states), dtype=torch.bool))


@pytest.mark.parametrize("tile", [None, 128, 200])
@pytest.mark.parametrize("vocab_size", [1, 97, 128, 129, 700, 50_304])
@torch.inference_mode()
def test_the_lowest_of_equal_logits_is_chosen(vocab_size: int, tile: int | None) -> None:
    states = states_of(300)
    head = Head(torch.zeros(vocab_size, 32), torch.zeros(vocab_size), None, tile=tile)
    assert head.choices(states).tolist() == [0] * 300
    if vocab_size > 1:
        banned = Head(torch.zeros(vocab_size, 32), torch.zeros(vocab_size), 0, tile=tile)
        banned.set_frequencies(np.zeros(vocab_size, np.int64))
        assert banned.choices(states).tolist() == [1] * 300
        assert right(banned, states, torch.ones(300, dtype=torch.int64)).all()
        assert not right(banned, states, torch.zeros(300, dtype=torch.int64)).any()


@torch.inference_mode()
def test_logits_that_are_no_numbers_choose_as_argmax_does(weight: torch.Tensor) -> None:
    states = torch.full((3, 32), torch.nan)
    head = Head(weight, torch.zeros(VOCABULARY), 0)
    head.set_frequencies(np.zeros(VOCABULARY, np.int64))
    assert head.choices(states).tolist() == [1, 1, 1]
    with pytest.raises(
        InvalidValue, match="no numbers of some sequence; its weights are wrong, or too large for float32"
    ):
        right(head, states, torch.tensor([1, 2, 0]))
    with pytest.raises(InvalidValue, match="no numbers of some sequence"):
        Logits(0).decide(head.own(states, torch.arange(3))[:, None].expand(3, 5), torch.arange(3))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize(("tile", "banned"), [(128, None), (1000, 3), (8192, 19_999), (20_000, 0)])
@torch.inference_mode()
def test_tiles_choose_what_all_logits_at_once_choose(
    weight: torch.Tensor, dtype: torch.dtype, tile: int, banned: int | None
) -> None:
    """Rows that occur again in later tiles make ties between tiles; whole numbers make every sum exact in every type."""
    whole = weight[:400].mul(2).round()
    table = torch.cat([whole[torch.randperm(400, generator=torch.Generator().manual_seed(9))] for _ in range(50)]).to(
        dtype
    )
    states = torch.randint(-3, 4, (200, 32), generator=torch.Generator().manual_seed(3)).to(dtype)
    logits = (states.float() @ table.float().T).to(dtype)
    if banned is not None:
        logits[:, banned] = -torch.inf
    head = Head(table, torch.zeros(VOCABULARY, dtype=dtype), banned, tile=tile)
    best = logits.argmax(dim=-1)
    assert ((logits == logits.amax(dim=-1, keepdim=True)).sum(dim=-1) > 1).all()
    assert torch.equal(head.choices(states), best)
    for truth in (best, logits.flip(1).argmax(dim=-1), torch.full((200,), 7)):
        others = logits.scatter(1, truth[:, None], -torch.inf).amax(dim=-1).float()
        assert torch.equal(right(head, states, truth), truth == best)
        assert torch.equal(head.largest_other(states, truth), others)


@torch.inference_mode()
def test_no_number_in_any_tile_wins_as_it_does_in_argmax(weight: torch.Tensor) -> None:
    bias = torch.zeros(VOCABULARY)
    bias[[300, 9000]] = torch.nan
    head = Head(weight, bias, None, tile=256)
    assert head.choices(states_of(5)).tolist() == [300] * 5


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@torch.inference_mode()
def test_a_model_s_own_logits_are_compared_as_a_matrix_s_are(weight: torch.Tensor, dtype: torch.dtype) -> None:
    states = states_of(300).to(dtype)
    table, truth = weight.to(dtype), torch.arange(300) % 100
    head = Head(table, torch.zeros(VOCABULARY, dtype=dtype), 5, packed=False)
    plain, logits = Logits(5), torch.nn.functional.linear(states, table)
    for known in (truth, head.choices(states)):
        assert torch.equal(plain.decide(logits, known)[0], right(head, states, known))
        assert torch.equal(plain.largest_other(logits, known), head.largest_other(states, known))
        torch.testing.assert_close(plain.own(logits, known), head.own(states, known), rtol=2**-7, atol=1e-4)
    assert torch.equal(plain.unbeaten(logits, truth, plain.own(logits, truth), lambda *_: truth), torch.arange(300))
