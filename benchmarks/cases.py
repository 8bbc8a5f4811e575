"""What is measured: models with weights, and rows of ids that suit them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from seenat.memorization.loading import CheckpointLocation, load_checkpoint
from seenat.memorization.pocket import build_pocket_suite, pocket_folder
from seenat.memorization.protocol import Protocol
from seenat.memorization.reference import generate_continuations
from seenat.registry import settings

__all__ = ["POCKET_STEPS", "Case", "pocket_case", "pocket_checkpoints", "pythia_case"]

POCKET_STEPS = (8, 16, 32, 64, 128, 256, 320, 384)
_REACHED = {0: 1.0, 1: 0.41, 2: 0.22, 4: 0.10, 8: 0.036, 16: 0.0195, 32: 0.0166}
"""The part of planted rows whose prefix is at least so long; between two of them it falls linearly."""
_ZIPF = 1.05
"""Ids are drawn by 1 / rank ** 1.05: of 64 x 32 ids 46 % are distinct; of English text and code in Pythia's ids, 43 %."""
_IDS = 50_277


@dataclass(frozen=True, kw_only=True)
class Case:
    """A model, and rows to score for every round and one before them: `[1 + rounds, n, 64]`."""

    name: str
    model: Any
    rows: npt.NDArray[np.int64]
    cached: int
    """Rows of a round that the reference generates."""
    uncached: int
    """Rows of a round that it generates without a cache."""


def pocket_case(rounds: int) -> Case:
    """The largest pocket model at its last step, over sequences of its order."""
    model, rows = next(pocket_checkpoints(POCKET_STEPS[-1:]))
    taken = rows[: (1 + rounds) * 512].reshape(1 + rounds, 512, 64)
    return Case(
        name="pocket-2m (2 layers, width 256, vocabulary 1,024)", model=model, rows=taken, cached=512, uncached=32
    )


def pocket_checkpoints(steps: tuple[int, ...]) -> Iterator[tuple[Any, npt.NDArray[np.int64]]]:
    """The largest pocket model at each step, and all rows of its order."""
    suite = build_pocket_suite(pocket_folder(settings.home())).parent
    rows = np.fromfile(suite / "document.bin", np.uint16).reshape(-1, 65)[:, :64].astype(np.int64)
    for step in steps:
        yield load_checkpoint(CheckpointLocation.local(suite / "models" / "pocket-2m" / f"step{step}")), rows


def pythia_case(width: int, heads: int, rounds: int, *, rows: int, cached: int, uncached: int) -> Case:
    """The shape of Pythia-14m or -70m with random weights; the rows follow the model's own decoding, then leave it.

    How long is drawn so that prefixes fall off as steeply as in a real model.
    """
    model = _random_model(width, heads)
    generator = np.random.default_rng(0)
    weights = 1 / np.arange(1, _IDS) ** _ZIPF
    ids = generator.permutation(np.arange(1, _IDS))
    total = (1 + rounds) * rows
    prompts = generator.choice(ids, (total, 32), p=weights / weights.sum())
    continuations = generate_continuations(model, prompts, Protocol())
    reached = np.interp(np.arange(1, 33), list(_REACHED), list(_REACHED.values()))
    for row, length in zip(continuations, (generator.random(total)[:, None] < reached).sum(axis=1), strict=True):
        if length < 32:
            row[length] = row[length] % (_IDS - 1) + 1
    planted = np.concatenate([prompts, continuations], axis=1).reshape(1 + rounds, rows, 64)
    name = f"Pythia-{'14m' if width == 128 else '70m'}'s shape (6 layers, width {width}, vocabulary 50,304)"
    return Case(name=name, model=model, rows=planted, cached=cached, uncached=uncached)


def _random_model(width: int, heads: int) -> Any:
    from transformers import GPTNeoXConfig, GPTNeoXForCausalLM

    torch.manual_seed(0)
    config = GPTNeoXConfig(
        vocab_size=50304,
        hidden_size=width,
        num_hidden_layers=6,
        num_attention_heads=heads,
        intermediate_size=4 * width,
        rotary_pct=0.25,
        max_position_embeddings=2048,
        bos_token_id=0,
        eos_token_id=0,
    )
    return GPTNeoXForCausalLM(config).eval()
