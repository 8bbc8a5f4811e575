"""Several pairs of prompt and continuation from the same passes: each gets what it gets alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from seenat.memorization.engine.kernels.prefix_state import Pairs, PrefixState
from seenat.memorization.engine.neox.engine import NeoxEngine
from seenat.memorization.engine.scorer import JointScorer, Scorer
from seenat.memorization.engine.transformers.engine import GenericEngine
from seenat.memorization.engine.transformers.loading import load_checkpoint
from seenat.memorization.engine.transformers.reference import reference_scores
from seenat.memorization.protocol.protocol import RECHECKED, Protocol
from seenat.registry.errors import InvalidValue
from seenat.registry.hub.location import CheckpointLocation

PAIRS = st.lists(st.tuples(st.integers(1, 40), st.integers(1, 24)), min_size=1, max_size=4)
RIGHT, REFUTED, WRONG, UNSURE = range(4)


class Told:
    """A judge whose states are the verdicts; it counts what it is asked."""

    def __init__(self) -> None:
        self.asked = 0

    def quick_reject(self, states: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
        return states == REFUTED

    def decide(self, states: torch.Tensor, truth: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        assert not (states == REFUTED).any()
        self.asked += len(states)
        return states == RIGHT, states == UNSURE


def passed(judge: Told, pairs: Pairs, verdicts: npt.NDArray[np.int64], widths: list[int]) -> PrefixState:
    """Take all ids in passes, the first through the longest prompt and an id more, each after it of the next width."""
    found, states = PrefixState(pairs, len(verdicts), torch.device("cpu")), torch.from_numpy(verdicts)
    numbers, start, stop = torch.arange(len(states)), pairs.first, pairs.longest + 1
    while len(numbers) and start < pairs.length:
        here = states[numbers, start:stop]
        numbers = numbers[found.take(judge, here, here, numbers, start)]
        start, stop = stop, min(pairs.length, stop + widths[stop % len(widths)])
    return found


@given(PAIRS, st.integers(0, 2**32 - 1), st.floats(0.02, 0.6), st.lists(st.integers(1, 30), min_size=1, max_size=4))
def test_a_prefix_ends_at_the_first_mistake(
    pairs: list[tuple[int, int]], seed: int, wrong: float, widths: list[int]
) -> None:
    random = np.random.default_rng(seed)
    verdicts = np.where(random.random((8, 64)) < wrong, random.integers(1, 3, (8, 64)), RIGHT)
    found = passed(Told(), Pairs(pairs), verdicts, widths)
    for (prompt, continuation), prefixes in zip(pairs, found.prefixes, strict=True):
        right = verdicts[:, prompt : prompt + continuation] == RIGHT
        np.testing.assert_array_equal(prefixes, np.cumprod(right, axis=1).sum(axis=1))
    assert not found.unsure.any()


@given(PAIRS, st.integers(0, 2**32 - 1))
def test_what_was_undecided_before_every_mistake_is_told(pairs: list[tuple[int, int]], seed: int) -> None:
    random = np.random.default_rng(seed)
    verdicts = np.where(random.random((8, 64)) < 0.1, random.integers(1, 4, (8, 64)), RIGHT)
    found = passed(Told(), Pairs(pairs), verdicts, [3])
    for (prompt, continuation), prefixes in zip(pairs, found.prefixes.numpy(), strict=True):
        of_pair = verdicts[:, prompt : prompt + continuation]
        ends = np.append(of_pair, np.full((8, 1), WRONG), axis=1) != RIGHT
        first = of_pair[np.arange(8), np.minimum(ends.argmax(axis=1), continuation - 1)]
        assert found.unsure.numpy()[first == UNSURE].all()
        sure = ~found.unsure.numpy()
        np.testing.assert_array_equal(prefixes[sure], np.cumprod(of_pair == RIGHT, axis=1).sum(axis=1)[sure])


def test_no_id_is_judged_that_no_pair_needs() -> None:
    """The second id after the prompt of 4 is wrong, and the first after the prompt of 9: only the id before them is asked for."""
    verdicts = np.full((1, 12), RIGHT)
    verdicts[0, [5, 9]] = REFUTED
    judge = Told()
    assert passed(judge, Pairs([(4, 5), (9, 3)]), verdicts, [3]).prefixes.tolist() == [[1], [0]]
    assert judge.asked == 1


@pytest.fixture(scope="module")
def tokens(neox_700: Any) -> npt.NDArray[np.int64]:
    """Learnt rows, the same with a change, and rows that the model never saw."""
    return np.concatenate([neox_700.rows[:, :64], np.random.default_rng(5).integers(1, 700, (60, 64))]).astype(np.int64)


@pytest.mark.parametrize("eos", ["banned", "allowed"])
@pytest.mark.parametrize("engine", [NeoxEngine, GenericEngine])
@settings(max_examples=8, deadline=None)
@given(pairs=PAIRS)
def test_every_pair_gets_what_it_gets_alone(
    neox_700: Any, tokens: npt.NDArray[np.int64], engine: Any, eos: str, pairs: list[tuple[int, int]]
) -> None:
    protocols = [Protocol(prompt=prompt, continuation=length, eos=eos, eos_id=7) for prompt, length in pairs]
    longest = max(protocol.length for protocol in protocols)
    together = engine(neox_700.model, protocols).prefixes(tokens[:, :longest])
    for protocol, found in zip(protocols, together, strict=True):
        alone = engine(neox_700.model, [protocol]).prefixes(tokens[:, : protocol.length])
        np.testing.assert_array_equal(found, alone[0])


@pytest.mark.parametrize("eos", ["banned", "allowed"])
@pytest.mark.parametrize("measure", ["prefix", "score"])
def test_pairs_equal_generation_on_the_pocket_suite(pocket_manifest: Path, measure: str, eos: str) -> None:
    suite = pocket_manifest.parent
    rows = np.fromfile(suite / "document.bin", np.uint16).reshape(-1, 65)[::40]
    model = load_checkpoint(CheckpointLocation.local(suite / "models" / "pocket-2m" / "step384"))
    pairs = [(32, 32), (32, 8), (8, 16), (50, 12), (1, 5)]
    protocols = [
        Protocol(measure=measure, prompt=prompt, continuation=length, offset=1, eos=eos) for prompt, length in pairs
    ]
    scorer = JointScorer(model, protocols, "cpu")
    assert scorer.longest.window == (1, 65)
    found = scorer.measure(rows[:, 1:])
    for protocol, values in zip(protocols, found, strict=True):
        expected = reference_scores(model, rows[:, slice(*protocol.window)], protocol, batch=128)
        np.testing.assert_array_equal(values, expected.prefix if measure == "prefix" else expected.score)
    if measure == "prefix":
        assert len(set(found[0].tolist())) > 5
        np.testing.assert_array_equal(found[1], np.minimum(found[0], 8))


def test_pairs_are_rechecked_together(neox_700: Any, tokens: npt.NDArray[np.int64]) -> None:
    protocols = [Protocol(prompt=prompt, continuation=24, dtype=RECHECKED) for prompt in (8, 32, 20)]
    rows = np.tile(tokens, (2, 1))[:, :56]
    found = JointScorer(neox_700.model, protocols, "cpu").prefixes(rows)
    exact = JointScorer(neox_700.model, [Protocol(prompt=one.prompt, continuation=24) for one in protocols], "cpu")
    np.testing.assert_array_equal(found, exact.prefixes(rows))


def test_one_protocol_is_a_joint_scorer_of_one(neox_700: Any, tokens: npt.NDArray[np.int64]) -> None:
    joint = JointScorer(neox_700.model, [Protocol()], "cpu")
    assert (joint.protocols, joint.longest) == ((Protocol(),), Protocol())
    np.testing.assert_array_equal(joint.measure(tokens)[0], Scorer(neox_700.model, Protocol(), "cpu").measure(tokens))
    assert joint.measure(tokens[:0]).shape == (1, 0)


@pytest.mark.parametrize("other", [Protocol(offset=1), Protocol(eos="allowed"), Protocol(measure="score")])
def test_protocols_that_differ_in_more_are_refused(neox_700: Any, other: Protocol) -> None:
    with pytest.raises(InvalidValue, match=f"{Protocol().id} and {other.id} differ in more than prompt and"):
        JointScorer(neox_700.model, [Protocol(), other], "cpu")
    with pytest.raises(InvalidValue, match="no protocol to measure"):
        JointScorer(neox_700.model, [], "cpu")
