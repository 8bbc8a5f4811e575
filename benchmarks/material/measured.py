"""A suite with as many checkpoints as Pythia's: eight models with 154 checkpoints each, ids, a tokenizer, and results of every one.

The order has one sequence a batch, so that as many steps need no more than 14,300 sequences; each has the ids that the default
protocol reads, so that pages show all that they show of a real suite.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks.material.synthetic import SyntheticResults
from benchmarks.material.synthetic_suite import synthetic_model, synthetic_order, write_synthetic_suite
from seenat.memorization.results.compaction import compact
from seenat.registry.open import open_catalog

__all__ = ["MEASURED", "measured_suite"]

MEASURED = tuple(f"pythia-{size}-like" for size in ("14m", "70m", "160m", "410m", "1b", "1.4b", "2.8b", "6.9b"))
"""The models' names."""
_STEPS = (*range(11), *range(100, 14_301, 100))
_VOCABULARY = 700


def measured_suite(path: Path, say: Callable[[str], None] = lambda _text: None) -> None:
    """Write the catalog, and beside it the order and its tokenizer."""
    order = replace(
        synthetic_order(MEASURED[0], _STEPS[-1], 1, _VOCABULARY),
        location=str(path.parent),
        tokenizer=str(_write_tokenizer(path.parent / "tokenizer.json")),
    )
    ids = np.random.default_rng(0).integers(1, _VOCABULARY, order.sequences * order.tokens_per_sequence, np.uint16)
    path.with_name(order.files[0].name).write_bytes(ids.tobytes())
    models = (
        synthetic_model(name, order, _STEPS, digest=lambda step, name=name: f"sha256:{name}-{step}", status="ok")  # type: ignore[misc]
        for name in MEASURED
    )
    with open_catalog(str(path)) as catalog:
        write_synthetic_suite(catalog, MEASURED[0], order, *models)
        for name in MEASURED:
            results = SyntheticResults.of(catalog, name)
            for row, values in zip(results.rows, results.values(0), strict=True):
                results.commit(row, 0, values)
            compact(catalog, results.model)
            say(f"{name} has its results")


def _write_tokenizer(file: Path) -> Path:
    """A word for each id."""
    words = {f" word{number}": number for number in range(_VOCABULARY)}
    model = {"type": "WordLevel", "vocab": words, "unk_token": " word0"}
    file.write_text(json.dumps({"version": "1.0", "added_tokens": [], "model": model}), "utf-8")
    return file
