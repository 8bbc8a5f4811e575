"""16 bits: what `generate` says of a model in that type, wherever rounding to it cannot have decided."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch

from seenat.memorization.engine.neox.engine import NeoxEngine
from seenat.memorization.engine.scorer import Scorer, in_type
from seenat.memorization.engine.transformers.engine import GenericEngine
from seenat.memorization.engine.transformers.loading import load_checkpoint
from seenat.memorization.engine.transformers.reference import generate_continuations, reference_scores
from seenat.memorization.protocol.protocol import Protocol
from seenat.registry.hub.location import CheckpointLocation

NEAR = {"bfloat16": 0.5, "float16": 0.06}
"""More than any two logits' difference is off in that type, in these models: three times the largest error seen."""


def margins(model: Any, tokens: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
    """By how much the true ids' logits exceed all others in float32, [n, continuation]; below 0 where they do not."""
    return GenericEngine(model, [Protocol()]).margins(tokens)


@pytest.mark.parametrize("name", ["neox_97", "neox_700", "llama", "bert"])
@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_prefixes_and_scores_are_those_of_generate_in_the_type(
    name: str, dtype: str, request: pytest.FixtureRequest
) -> None:
    """A prefix is compared where no margin up to the first mistake is near; a score where none of what is generated is."""
    trained, protocol = request.getfixturevalue(name), Protocol(dtype=dtype)
    tokens = trained.rows[:, :64].astype(np.int64)
    model = in_type(trained.model, getattr(torch, dtype))
    expected = reference_scores(model, tokens, protocol)
    scorer = Scorer(trained.model, protocol, "cpu")
    assert trained.model.dtype == torch.float32

    found = margins(trained.model, tokens)
    decided = np.arange(32) <= np.where((found <= 0).any(axis=1), (found <= 0).argmax(axis=1), 31)[:, None]
    clear = (np.abs(found).min(axis=1, where=decided, initial=np.inf)) > NEAR[dtype]
    np.testing.assert_array_equal(scorer.prefixes(tokens)[clear], expected.prefix[clear])
    assert clear.mean() > 0.5

    made = generate_continuations(trained.model, tokens[:, :32], Protocol())
    clear = margins(trained.model, np.concatenate([tokens[:, :32], made], axis=1)).min(axis=1) > NEAR[dtype]
    np.testing.assert_array_equal(scorer.scores(tokens)[clear], expected.score[clear])
    assert clear.sum() >= 20


@pytest.mark.parametrize("engine", [NeoxEngine, GenericEngine])
@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_arithmetic_is_in_the_type_and_errors_are_of_its_size(neox_700: Any, engine: Any, dtype: str) -> None:
    tokens = neox_700.rows[:, :64].astype(np.int64)
    found = engine(in_type(neox_700.model, getattr(torch, dtype)), [Protocol(dtype=dtype)]).margins(tokens)
    error = np.abs(found - margins(neox_700.model, tokens)).max()
    assert NEAR[dtype] / 50 < error < NEAR[dtype] / 2


def test_files_loaded_in_the_type_count_as_weights_turned_into_it(pocket_manifest: Path) -> None:
    folder = CheckpointLocation.local(pocket_manifest.parent / "models" / "pocket-230k" / "step384")
    rows = np.fromfile(pocket_manifest.parent / "document.bin", np.uint16).reshape(-1, 65)[:600, :64]
    protocol = Protocol(dtype="bfloat16")
    loaded, turned = load_checkpoint(folder, dtype=protocol.weights), load_checkpoint(folder)
    assert loaded.base_model.rotary_emb.inv_freq.dtype == torch.float32
    np.testing.assert_array_equal(
        Scorer(loaded, protocol, "cpu").prefixes(rows), Scorer(turned, protocol, "cpu").prefixes(rows)
    )
