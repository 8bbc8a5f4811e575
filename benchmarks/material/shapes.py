"""The shapes of Pythia that are measured: models with weights, and rows of ids that suit them.

Pythia-14m's shape is `trained`'s model, over text. Pythia-70m's shape has random weights; its rows follow the model's own
decoding for a while, so that prefixes fall off as steeply as a real model's, and continue by Zipf's law.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.material import trained
from seenat.memorization.engine.kernels.packed_linear import packed_copy
from seenat.memorization.engine.transformers.loading import load_checkpoint
from seenat.memorization.engine.transformers.reference import generate_continuations
from seenat.memorization.pocket.config import PocketModel
from seenat.memorization.pocket.training.architecture import new_network
from seenat.memorization.protocol.protocol import Protocol
from seenat.registry.hub.location import CheckpointLocation

__all__ = ["SHAPES", "Shape", "drawn_ids", "drawn_lengths", "model_70m", "planted_rows", "text_rows"]

Rows = npt.NDArray[np.int64]

_70M = PocketModel(name="70m", size="70m", layers=6, width=512, heads=8, learning_rate=0.0)
_REACHED = {0: 1.0, 1: 0.41, 2: 0.22, 4: 0.10, 8: 0.036, 16: 0.0195, 32: 0.0166}
"""The part of planted rows whose prefix is at least so long; between two of them it falls linearly."""
_ZIPF = 1.05
"""Ids are drawn by 1 / rank ** 1.05: of 64 x 32 ids 46 % are distinct; of English text and code in Pythia's ids, 43 %."""
_IDS = 50_277


@dataclass(frozen=True, kw_only=True)
class Shape:
    """A model, and how many rows of a round each way of measuring takes."""

    name: str
    title: str
    prefixes: int
    scores: int
    uncached: int

    def model(self) -> Any:
        """The model, float32."""
        return model_70m() if self.name == "70m" else model_14m()

    def rows(self, model: Any, count: int) -> Rows:
        """Rows of ids [count, 64] that suit it."""
        return planted_rows(model, count) if self.name == "70m" else text_rows(count)


SHAPES = {
    "14m": Shape(
        name="14m",
        title="Pythia-14m's shape (6 layers, width 128, vocabulary 50,304), trained on text",
        prefixes=2048,
        scores=256,
        uncached=16,
    ),
    "70m": Shape(
        name="70m",
        title="Pythia-70m's shape (6 layers, width 512, vocabulary 50,304), random weights",
        prefixes=768,
        scores=256,
        uncached=8,
    ),
}


def model_14m() -> Any:
    """`trained`'s model at its last step."""
    folder = trained.checkpoint(trained.build(), trained.CONFIG.steps)
    return load_checkpoint(CheckpointLocation.local(folder))


def model_70m() -> Any:
    """Pythia-70m's shape with random weights."""
    return new_network(_70M, trained.CONFIG, seed=0).eval()  # type: ignore[no-untyped-call]


def text_rows(count: int) -> Rows:
    """The first of `trained`'s evaluated rows."""
    return trained.evaluated(trained.build())[:count]


def planted_rows(model: Any, count: int) -> Rows:
    """Rows that follow the model's decoding for a length drawn by `_REACHED`; all else is drawn by Zipf's law."""
    generator = np.random.default_rng(0)
    rows, lengths = drawn_ids(generator, (count, 64)), drawn_lengths(generator, count)
    packed = packed_copy(model)
    for low, high in ((0, 2), (2, 8), (8, 32)):
        chosen = np.flatnonzero((lengths > low) & (lengths <= high))
        made = generate_continuations(packed, rows[chosen, :32], Protocol(continuation=high))
        right = np.arange(high) < lengths[chosen, None]
        rows[chosen, 32 : 32 + high] = np.where(right, made, rows[chosen, 32 : 32 + high])
    return rows


def drawn_ids(generator: np.random.Generator, shape: tuple[int, int], ids: int = _IDS) -> Rows:
    """Ids from 1 to `ids` - 1, by Zipf's law over a shuffled vocabulary."""
    weights = 1 / np.arange(1, ids) ** _ZIPF
    drawn: Rows = generator.permutation(np.arange(1, ids))[generator.choice(ids - 1, shape, p=weights / weights.sum())]
    return drawn


def drawn_lengths(generator: np.random.Generator, count: int) -> Rows:
    """How many ids of a continuation are right, by `_REACHED`: int64 [count]."""
    reached = np.interp(np.arange(1, 33), list(_REACHED), list(_REACHED.values()))
    lengths: Rows = (generator.random(count)[:, None] < reached).sum(axis=1)
    return lengths
