"""Suites with as many checkpoints as Pythia's, 154 a model, with ids, a tokenizer, and results of every one over the first block.

A sequence has the ids that the default protocol reads, so that pages show all that they show of a real suite.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks.machine import say
from benchmarks.material.synthetic import SyntheticResults
from benchmarks.material.synthetic_suite import synthetic_model, synthetic_order, write_synthetic_suite
from seenat.memorization.results.compaction import compact
from seenat.registry.catalog.catalog import Catalog

__all__ = ["CHECKPOINTS", "measured_suite"]

CHECKPOINTS = 154
_VOCABULARY = 700


def measured_suite(catalog: Catalog, folder: Path, names: tuple[str, ...], batch: int) -> None:
    """Models of one order, of so many sequences a batch, that saved every step; ids and tokenizer lie in a folder of its own."""
    here = folder / names[0]
    here.mkdir()
    steps = tuple(range(CHECKPOINTS))
    order = replace(
        synthetic_order(f"{names[0]}-order", steps[-1] * batch, batch, _VOCABULARY),
        location=str(here),
        tokenizer=str(_write_tokenizer(here / "tokenizer.json")),
    )
    ids = np.random.default_rng(0).integers(1, _VOCABULARY, order.sequences * order.tokens_per_sequence, np.uint16)
    (here / order.files[0].name).write_bytes(ids.tobytes())
    models = (
        synthetic_model(name, order, steps, digest=lambda step, name=name: f"sha256:{name}-{step}", status="ok")  # type: ignore[misc]
        for name in names
    )
    write_synthetic_suite(catalog, names[0], order, *models)
    for name in names:
        results = SyntheticResults.of(catalog, name)
        for row, values in zip(results.rows, results.values(0), strict=True):
            results.commit(row, 0, values)
        compact(catalog, results.model)
    say(f"{len(names)} x {CHECKPOINTS} checkpoints measured")


def _write_tokenizer(file: Path) -> Path:
    """A word for each id."""
    words = {f" word{number}": number for number in range(_VOCABULARY)}
    model = {"type": "WordLevel", "vocab": words, "unk_token": " word0"}
    file.write_text(json.dumps({"version": "1.0", "added_tokens": [], "model": model}), "utf-8")
    return file
