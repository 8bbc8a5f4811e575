"""Pythia-14m's shape and vocabulary with trained weights: flags, prefixes and scores equal `generate` on real text."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pytest
import torch

from seenat.memorization.engine.scorer import Scorer
from seenat.memorization.engine.transformers.reference import reference_scores
from seenat.memorization.pocket.config import POCKET, PocketModel
from seenat.memorization.pocket.text.corpus import documents
from seenat.memorization.pocket.text.order import distinct_sequences
from seenat.memorization.pocket.text.tokenizer import train_tokenizer
from seenat.memorization.pocket.training.architecture import new_network
from seenat.memorization.protocol.protocol import Protocol

VOCABULARY, TOKENS, LEARNT, OTHERS, STEPS = 50_304, 2048, 16, 48, 34
SAVED = (18, 26, STEPS)


class Learnt(NamedTuple):
    models: list[Any]
    """At the saved steps."""
    rows: npt.NDArray[np.int64]
    """Text of 64 ids: the learnt ones, then others."""


@pytest.fixture(scope="module")
def learnt() -> Learnt:
    """Trained on a few sequences until most are known by heart, saved while only parts are; about 6 seconds."""
    rows = text()
    config = replace(POCKET, vocab_size=VOCABULARY)
    network: Any = new_network(PocketModel(name="", size="", layers=6, width=128, heads=4, learning_rate=0), config, 1)
    optimizer = torch.optim.AdamW(network.parameters(), lr=4e-3, betas=(0.9, 0.95))
    batch, models = torch.from_numpy(rows[:LEARNT]), []
    # A softmax over the ids that occur takes a tenth of the time; the others keep the logits they were born with.
    own, targets = torch.unique(batch[:, 1:].flatten(), return_inverse=True)
    for step in range(1, STEPS + 1):
        optimizer.zero_grad()
        states = network.base_model(input_ids=batch[:, :-1], use_cache=False).last_hidden_state.flatten(0, 1)
        loss = torch.nn.functional.cross_entropy(states @ network.lm_head.weight[own].T, targets)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        if step in SAVED:
            models.append(copy.deepcopy(network).eval())
    return Learnt(models, rows)


def text() -> npt.NDArray[np.int64]:
    """Sequences of the corpus, their ids scattered over the vocabulary as a larger tokenizer's would be."""
    texts = list(documents().values())
    generator = np.random.default_rng(3)
    rows = generator.permutation(distinct_sequences(texts, train_tokenizer(texts, TOKENS), 64))[: LEARNT + OTHERS]
    scattered = np.concatenate([[0], 1 + generator.permutation(VOCABULARY - 1)])
    return scattered[rows].astype(np.int64)


def test_flags_prefixes_and_scores_equal_generate(learnt: Learnt) -> None:
    lengths, scores = [], []
    for model in learnt.models:
        expected = reference_scores(model, learnt.rows, Protocol(), batch=128)
        scorer = Scorer(model, Protocol(), "cpu")
        found = scorer.prefixes(learnt.rows)
        assert found.tolist() == expected.prefix.tolist()
        assert (found == 32).tolist() == expected.memorized.tolist()
        assert scorer.scores(learnt.rows).tolist() == expected.score.tolist()
        lengths.append(found)
        scores.append(expected.score)
    spread, _ = np.histogram(np.concatenate(lengths), bins=(0, 1, 8, 32, 33))
    assert (spread >= 5).all(), spread
    assert (np.concatenate(scores) > np.concatenate(lengths)).sum() >= 20
