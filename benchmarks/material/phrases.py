"""An order of Pythia's shape whose ids are as unevenly frequent as text's, made here in seconds.

Ids are drawn by Zipf's law; a third of all positions are filled from a book of phrases of 2 to 10 ids, some of which are very
frequent, 2 % from passages of 64 to 512 ids that come again and again. One passage of 64 ids, the *boilerplate*, stands 400
times a batch, runs of id 0 fill half a percent, and one sequence in 500 is a copy of an earlier one. That is harsher than
text: the most frequent phrase fills about 1 % of all positions.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["BATCH", "BATCH_IDS", "LENGTH", "boilerplate", "write_phrases"]

BATCH, LENGTH = 1024, 2049
BATCH_IDS = BATCH * LENGTH
_VOCABULARY = 50_277
_SEED = 7
_PHRASES, _PASSAGES = 400_000, 3000
_BOILERPLATES = 400

_Ids = npt.NDArray[np.uint16]
_MANIFEST = """[suite]
name = "{name}"

[[order]]
name = "{name}"
format = "raw"
files = ["{name}.bin"]
tokens_per_sequence = {length}
sequences_per_batch = {batch}
sequences = {sequences}
dtype = "{dtype}"
vocab_size = {vocabulary}
"""


def write_phrases(folder: Path, name: str, batches: int, dtype: str = "uint16") -> Path:
    """Write so many batches, and the SUITE.toml that describes them; returns that."""
    with Path(folder, f"{name}.bin").open("wb") as file:
        file.writelines(_stored(ids, dtype).data for ids in _batches(batches))
    manifest = Path(folder, f"{name}.toml")
    manifest.write_text(
        _MANIFEST.format(
            name=name,
            length=LENGTH,
            batch=BATCH,
            sequences=batches * BATCH,
            dtype=dtype,
            vocabulary=_VOCABULARY if dtype == "uint16" else 4 * _VOCABULARY,
        )
    )
    return manifest


def _stored(ids: _Ids, dtype: str) -> npt.NDArray[np.integer[Any]]:
    """Ids of 32 bits are those of 16, spread over four times the vocabulary."""
    return ids if dtype == "uint16" else ids.astype(dtype) * 4 + ids % 4


def boilerplate() -> _Ids:
    """The passage that stands 400 times in each batch."""
    return _Material(np.random.default_rng(_SEED)).boilerplate


class _Material:
    """What ids are drawn from."""

    def __init__(self, random: np.random.Generator) -> None:
        self.unigrams = random.permutation(np.arange(2, _VOCABULARY)).astype(np.uint16)[_zipf(_VOCABULARY - 2, 1.05)]
        self.phrase_lengths = random.integers(2, 11, _PHRASES)
        self.phrases = _book(random, self.unigrams, self.phrase_lengths)
        self.phrase_table = _zipf(_PHRASES, 1.0)
        self.passage_lengths = random.integers(64, 513, _PASSAGES)
        self.passages = _book(random, self.unigrams, self.passage_lengths)
        self.passage_table = _zipf(_PASSAGES, 0.8)
        self.boilerplate = self.unigrams[random.integers(0, len(self.unigrams), 64)]


def _zipf(items: int, exponent: float) -> npt.NDArray[np.int64]:
    """A table of a million numbers below `items`, in which each stands as often as Zipf's law has it."""
    weights = np.cumsum(1 / np.arange(1, items + 1) ** exponent)
    return np.searchsorted(weights / weights[-1], (np.arange(1 << 20) + 0.5) / (1 << 20))


def _book(random: np.random.Generator, unigrams: _Ids, lengths: npt.NDArray[np.int64]) -> _Ids:
    return unigrams[random.integers(0, len(unigrams), int(lengths.sum()))]


def _batches(count: int) -> Iterator[_Ids]:
    random = np.random.default_rng(_SEED)
    material = _Material(random)
    before: _Ids | None = None
    for _ in range(count):
        ids = material.unigrams[random.integers(0, len(material.unigrams), BATCH_IDS)]
        _fill(random, ids, material.phrases, material.phrase_lengths, material.phrase_table, 0.35)
        _fill(random, ids, material.passages, material.passage_lengths, material.passage_table, 0.02)
        for start in random.integers(0, BATCH_IDS - 64, _BOILERPLATES):
            ids[start : start + 64] = material.boilerplate
        for start in random.integers(0, BATCH_IDS - 1000, BATCH_IDS // 100_000):
            ids[start : start + int(random.integers(32, 970))] = 0
        rows = ids.reshape(BATCH, LENGTH)
        if before is not None:
            rows[random.integers(0, BATCH, 2)] = before.reshape(BATCH, LENGTH)[random.integers(0, BATCH, 2)]
        before = ids
        yield ids


def _fill(
    random: np.random.Generator,
    ids: _Ids,
    book: _Ids,
    lengths: npt.NDArray[np.int64],
    table: npt.NDArray[np.int64],
    share: float,
) -> None:
    """Put pieces of a book at random places, until they fill a share of the positions."""
    chosen = table[random.integers(0, len(table), int(share * len(ids) / lengths.mean()))]
    begins = np.cumsum(lengths) - lengths
    within = np.arange(int(lengths[chosen].sum())) - np.repeat(
        np.cumsum(lengths[chosen]) - lengths[chosen], lengths[chosen]
    )
    places = np.repeat(random.integers(0, len(ids) - int(lengths.max()), len(chosen)), lengths[chosen]) + within
    ids[places] = book[np.repeat(begins[chosen], lengths[chosen]) + within]
