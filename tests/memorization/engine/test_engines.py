"""Both engines against `generate`, whatever the stages and blocks."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch

from seenat.memorization.engine.kernels.output_head import Head
from seenat.memorization.engine.kernels.prefix_state import Pairs
from seenat.memorization.engine.kernels.stages import Stages, usual_stages
from seenat.memorization.engine.neox.early_exit import EarlyExit
from seenat.memorization.engine.neox.engine import NeoxEngine
from seenat.memorization.engine.neox.forward import Body, fold_norm
from seenat.memorization.engine.neox.greedy import greedy_scores
from seenat.memorization.engine.scorer import JointScorer
from seenat.memorization.engine.transformers.engine import GenericEngine
from seenat.memorization.engine.transformers.reference import ReferenceScores, reference_scores
from seenat.memorization.protocol.protocol import Protocol


@pytest.fixture(scope="module")
def tokens(neox_700: Any) -> npt.NDArray[np.int64]:
    """200 rows of 64 ids: learnt ones, ones with a change, and ones that the model never saw."""
    unknown = np.random.default_rng(5).integers(1, 700, (100, 64))
    return np.concatenate([neox_700.rows[:, :64].astype(np.int64), unknown])


@pytest.fixture(scope="module")
def expected(neox_700: Any, tokens: npt.NDArray[np.int64]) -> ReferenceScores:
    return reference_scores(neox_700.model, tokens, Protocol())


@pytest.fixture(scope="module")
def halves(neox_700: Any) -> tuple[Body, Head]:
    with torch.inference_mode():
        head = Head(*fold_norm(neox_700.model.lm_head, neox_700.model.gpt_neox.final_layer_norm), 0)
        return Body(neox_700.model), head


@pytest.mark.parametrize("block", [1, 3, 8, 64, 500])
@pytest.mark.parametrize("stages", [(32,), (1,) * 32, (1, 1, 2, 4, 8, 16), (2, 2, 4, 8, 16), (31, 1), (1, 31)])
@torch.inference_mode()
def test_stages_and_blocks_never_change_a_prefix(
    halves: tuple[Body, Head],
    tokens: npt.NDArray[np.int64],
    expected: ReferenceScores,
    stages: tuple[int, ...],
    block: int,
) -> None:
    found = EarlyExit(*halves, torch.from_numpy(tokens), Pairs([(32, 32)]), stages, block).run()
    np.testing.assert_array_equal(found.prefixes[0].numpy(), expected.prefix)
    assert not found.unsure.any()


@pytest.mark.parametrize("block", [1, 7, 64, 500])
@torch.inference_mode()
def test_blocks_never_change_a_score(
    halves: tuple[Body, Head], tokens: npt.NDArray[np.int64], expected: ReferenceScores, block: int
) -> None:
    found = greedy_scores(*halves, torch.from_numpy(tokens), 32, block)
    np.testing.assert_array_equal(found.numpy(), expected.score)
    assert (expected.score > expected.prefix).sum() >= 30


@pytest.mark.parametrize("engine", ["packed", "plain", "generic"])
def test_every_engine_equals_generation(
    neox_700: Any, tokens: npt.NDArray[np.int64], expected: ReferenceScores, engine: str
) -> None:
    made: NeoxEngine | GenericEngine
    if engine == "generic":
        made = GenericEngine(neox_700.model, [Protocol()])
    else:
        made = NeoxEngine(neox_700.model, [Protocol()], packed=None if engine == "packed" else False)
    np.testing.assert_array_equal(made.prefixes(tokens)[0], expected.prefix)
    np.testing.assert_array_equal(made.scores(tokens)[0], expected.score)


def test_stages_follow_the_prefixes_that_were_seen_and_go_on_at_the_next_checkpoint(
    neox_700: Any, tokens: npt.NDArray[np.int64]
) -> None:
    stages = Stages()
    engine, following = (NeoxEngine(neox_700.model, [Protocol()], stages=stages) for _ in range(2))
    learnt = np.resize(tokens[:20], (400, 64))
    first = engine.prefixes(learnt)
    learned = stages.best
    assert learned != usual_stages(32)
    np.testing.assert_array_equal(engine.prefixes(learnt), first)
    assert stages.best == learned
    np.testing.assert_array_equal(following.prefixes(learnt[:20]), first[:, :20])
    assert stages.best == learned


def test_threads_share_sequences(neox_700: Any, tokens: npt.NDArray[np.int64], expected: ReferenceScores) -> None:
    torch.set_num_threads(3)
    try:
        engine = NeoxEngine(neox_700.model, [Protocol()])
        for _ in range(2):
            np.testing.assert_array_equal(engine.prefixes(tokens)[0], expected.prefix)
        np.testing.assert_array_equal(engine.scores(tokens)[0], expected.score)
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(1)


@pytest.mark.parametrize("measure", ["prefix", "loss"])
def test_a_scorer_that_is_dropped_is_gone_at_once(neox_700: Any, measure: str) -> None:
    """What waits for Python to look for cycles keeps a checkpoint's weights until then."""
    scorer: Any = JointScorer(neox_700.model, [Protocol.default_for(0, measure)], "cpu")
    scorer.measure(neox_700.rows[:, :64])
    held = [weakref.ref(scorer), weakref.ref(scorer._engine._body)]
    gc.disable()
    try:
        del scorer
        assert [one() for one in held] == [None, None]
    finally:
        gc.enable()
