"""A second of the engine on a model of random weights, to tell how fast it is here.

Four layers of width 512 and 4,096 ids keep a processor's products as busy as a model of Pythia's sizes does, and take no memory.
Rows are random, so nearly all end at their first id, as most of a real order's do.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from seenat.memorization.engine.scorer import JointScorer, in_type
from seenat.memorization.protocol.protocol import Protocol

__all__ = ["Calibration", "calibrate"]

_WIDTH, _LAYERS, _IDS = 512, 4, 4096
_ROWS = 128
_SECONDS = 0.5


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """What a second of the engine did."""

    rows_per_second: float
    layers: int
    parameters: int
    """Of the layers."""
    head: int
    """Parameters of the output matrix."""
    device: str
    words: str


def calibrate(protocol: Protocol, device: str | None = None) -> Calibration:
    """Measure random rows by a protocol for about a second; raises as `JointScorer` does."""
    module = in_type(_module(protocol.length), getattr(torch, protocol.weights))
    parameters = sum(weights.numel() for weights in module.gpt_neox.layers.parameters())
    scorer = JointScorer(module, [protocol], device)
    rows = np.random.default_rng(0).integers(1, _IDS, (max(_ROWS, scorer.at_once // 16), protocol.length))
    scorer.measure(rows)  # The first call chooses stages and fills tables.
    began, count = time.perf_counter(), 0
    while not count or time.perf_counter() - began < _SECONDS:
        scorer.measure(rows)
        count += len(rows)
    return Calibration(
        rows_per_second=count / (time.perf_counter() - began),
        layers=_LAYERS,
        parameters=parameters,
        head=_WIDTH * _IDS,
        device=scorer.device_name,
        words=f"random weights, {_LAYERS} layers of width {_WIDTH}",
    )


def _module(length: int) -> Any:
    from transformers import GPTNeoXConfig, GPTNeoXForCausalLM

    config = GPTNeoXConfig(
        vocab_size=_IDS,
        hidden_size=_WIDTH,
        num_hidden_layers=_LAYERS,
        num_attention_heads=8,
        intermediate_size=4 * _WIDTH,
        max_position_embeddings=max(length, 64),
        bos_token_id=0,
        eos_token_id=0,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return GPTNeoXForCausalLM(config).eval()  # type: ignore[no-untyped-call]
