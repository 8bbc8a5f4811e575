"""What is measured: models with weights, and rows of ids that suit them."""

from __future__ import annotations

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

__all__ = ["Case", "pocket_case", "pythia_14m_case"]


@dataclass(frozen=True, kw_only=True)
class Case:
    """A model and the rows to score, `[n, 64]`."""

    name: str
    model: Any
    rows: npt.NDArray[np.uint16]


def pocket_case(sequences: int = 512) -> Case:
    """The largest pocket model at its last step, over the first sequences of its order."""
    suite = build_pocket_suite(pocket_folder(settings.home())).parent
    model = load_checkpoint(CheckpointLocation.local(suite / "models" / "pocket-2m" / "step384"))
    rows = np.fromfile(suite / "document.bin", np.uint16).reshape(-1, 65)[:sequences, :64]
    return Case(name="pocket-2m (2 layers, width 256, vocabulary 1,024)", model=model, rows=rows)


def pythia_14m_case(sequences: int = 128) -> Case:
    """Pythia-14m's shape with random weights; the rows follow the model's own decoding for a while, then leave it.

    How long, is drawn so that prefixes fall off as steeply as in a real model (41 % reproduce one id, 2 % all of them).
    """
    from transformers import GPTNeoXConfig, GPTNeoXForCausalLM

    torch.manual_seed(0)
    config = GPTNeoXConfig(
        vocab_size=50304,
        hidden_size=128,
        num_hidden_layers=6,
        num_attention_heads=4,
        intermediate_size=512,
        rotary_pct=0.25,
        max_position_embeddings=2048,
        bos_token_id=0,
        eos_token_id=0,
    )
    model = GPTNeoXForCausalLM(config).eval()
    generator = np.random.default_rng(0)
    prompts = generator.integers(2, 50_277, (sequences, 32))
    continuations = generate_continuations(model, prompts, Protocol())
    lengths = generator.choice([0, 1, 2, 4, 8, 16, 32], sequences, p=[0.59, 0.19, 0.12, 0.06, 0.01, 0.01, 0.02])
    for row, length in zip(continuations, lengths, strict=True):
        if length < 32:
            row[length] = (row[length] + 1) % 50_277 or 1
    rows = np.concatenate([prompts, continuations], axis=1).astype(np.uint16)
    return Case(name="Pythia-14m's shape (6 layers, width 128, vocabulary 50,304)", model=model, rows=rows)
