"""The engine off the CPU: every type runs there, on one device alone, with the same numbers, and seldom waits."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
import transformers
from support.remote_device import elsewhere

from seenat.memorization.engine.kernels.stages import Stages
from seenat.memorization.engine.neox.engine import NeoxEngine
from seenat.memorization.engine.scorer import Scorer, in_type
from seenat.memorization.engine.transformers.reference import generate_continuations, reference_scores
from seenat.memorization.protocol.protocol import RECHECKED, Protocol

ROWS = 300
_Rows = npt.NDArray[np.int64]


@pytest.fixture(scope="module")
def planted() -> tuple[Any, _Rows, _Rows]:
    """A random model whose vocabulary takes three tiles, rows that follow its decoding, and how long they do."""
    torch.manual_seed(0)
    config = transformers.GPTNeoXConfig(
        vocab_size=20_000, hidden_size=64, num_hidden_layers=2, num_attention_heads=4, intermediate_size=256,
        max_position_embeddings=64,
    )  # fmt: skip
    model: Any = transformers.GPTNeoXForCausalLM(config).eval()
    generator = np.random.default_rng(0)
    prompts, lengths = generator.integers(1, 20_000, (ROWS, 32)), generator.integers(0, 33, ROWS)
    lengths[: ROWS // 2] = 0
    rows = np.concatenate([prompts, generate_continuations(model, prompts, Protocol())], axis=1)
    left = np.flatnonzero(lengths < 32)
    rows[left, 32 + lengths[left]] = rows[left, 32 + lengths[left]] % 19_999 + 1
    return model, rows, lengths


@pytest.mark.parametrize("dtype", ["float32", RECHECKED])
def test_prefixes_are_those_of_generate(planted: tuple[Any, _Rows, _Rows], dtype: str) -> None:
    model, rows, lengths = planted
    with elsewhere() as device:
        np.testing.assert_array_equal(Scorer(model, Protocol(dtype=dtype), str(device.device)).prefixes(rows), lengths)
        assert device.waits > 0


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_16_bits_are_those_of_generate_where_rounding_does_not_decide(neox_700: Any, dtype: str) -> None:
    tokens, protocol = neox_700.rows[:, :64].astype(np.int64), Protocol(dtype=dtype)
    expected = reference_scores(in_type(neox_700.model, getattr(torch, dtype)), tokens, protocol)
    clear = np.abs(NeoxEngine(neox_700.model, [Protocol()]).margins(tokens)).min(axis=1) > 0.5
    with elsewhere() as device:
        scorer = Scorer(neox_700.model, protocol, str(device.device))
        np.testing.assert_array_equal(scorer.prefixes(tokens)[clear], expected.prefix[clear])
    assert clear.sum() >= 20


def test_scores_are_those_of_generate_and_wait_for_the_last_id_alone(neox_700: Any) -> None:
    tokens = neox_700.rows[:, :64].astype(np.int64)
    with elsewhere() as device:
        scorer = Scorer(neox_700.model, Protocol(measure="score"), str(device.device))
        device.waits = 0
        found = scorer.scores(tokens)
        assert device.waits == 1
    np.testing.assert_array_equal(found, reference_scores(neox_700.model, tokens, Protocol()).score)


def test_a_pass_waits_for_its_decisions_alone(planted: tuple[Any, _Rows, _Rows]) -> None:
    """One learns what is open, what a few ids leave, which rows ended and which go on; results are read at the end."""
    model, rows, lengths = planted
    with elsewhere() as device:
        stages = Stages()
        engine = NeoxEngine(model, [Protocol()], device=device.device, stages=stages)
        engine.prefixes(rows[:20])
        passes, device.waits = len(stages.best), 0
        np.testing.assert_array_equal(engine.prefixes(rows)[0], lengths)
        assert device.waits <= 4 * passes + 4
