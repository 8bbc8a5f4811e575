"""Scores against those that dattri-LLM makes, by hooks of its own, of the same checkpoints' gradients. 5 seconds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch

import seenat
from seenat.memorization.engine.transformers.loading import load_checkpoint
from seenat.memorization.pocket import POCKET
from seenat.registry.hub.location import CheckpointLocation

dattri_llm = pytest.importorskip("dattri_llm")

Rows = npt.NDArray[np.int64]
MODEL = "pocket-230k"


def gradients(model: Any, ids: torch.Tensor) -> Any:
    """dattri-LLM's: of the mean loss of each sequence, held as factors of each layer."""
    hooks = dattri_llm.HookManager(model)
    with hooks.collect(deregister_on_exit=True):
        logits = model(input_ids=ids[:, :-1], use_cache=False).logits
        # Every sequence has as many losses, so that the sum of their means is this.
        loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten()) * len(ids)
        loss.backward()
    return hooks.get_gradient()


def products(manifest: Path, step: int, among: Rows, queries: Rows) -> npt.NDArray[np.float64]:
    """dattri-LLM's products of gradients at a step, [queries, among]."""
    folder = manifest.parent / "models" / MODEL / f"step{step}"
    model: Any = load_checkpoint(CheckpointLocation.local(folder))
    of_queries, of_others = (gradients(model, torch.from_numpy(ids)) for ids in (queries, among))
    # From the factors: ten times as exact as from whole gradients, whose float32 sums are long.
    found: npt.NDArray[np.float64] = of_queries.similarity(of_others, reduce="all", mode="factorized").double().numpy()
    return found


# Of the embedding, whose input is ids.
@pytest.mark.filterwarnings("ignore:Full backward hook is firing")
@pytest.mark.parametrize(("way", "most"), [("jvp", 1e-5), ("differences", 5e-3)])
def test_scores_are_those_of_another_library(
    public: seenat.Catalog, rows: Rows, pocket_manifest: Path, way: str, most: float
) -> None:
    """TracIn at two checkpoints of three queries, the first of which stands among the candidates."""
    sequences, asked, steps = [*range(200, 231), 34], rows[[34, 3100, 3200]], (64, 384)
    rates = [POCKET.learning_rate(POCKET.model(MODEL), update) for update in (64, 383)]
    at_steps = [products(pocket_manifest, step, rows[sequences], asked) for step in steps]
    answers = public.influences(MODEL, asked.tolist(), sequences=sequences, steps=steps, way=way, top=32)
    for place, answer in enumerate(answers):
        scores = {row.sequence: [part.score for part in row.checkpoints] for row in answer.sequences}
        found = np.array([scores[sequence] for sequence in sequences])
        due = np.stack([rate * made[place] for rate, made in zip(rates, at_steps, strict=True)], axis=1)
        assert (np.abs(found - due).max(axis=0) < most * np.abs(due).max(axis=0)).all()
