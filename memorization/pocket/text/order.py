"""The training order: which sequence of the corpus stands where, and how often.

* The documents, each ended by id 0, are joined and cut into sequences of T ids; the rest is dropped, and so is a sequence
  that repeats an earlier one.
* A permutation of the distinct sequences, drawn from PCG64(seed), fills the repetition classes in turn; each sequence
  takes as many places as its class says, and a second permutation, from the same generator, shuffles the places.
* The next sequences of the first permutation follow as unseen controls. No step consumes them, and none of them is among
  the trained ones.

Nothing else need be recorded: `repetitions` reads the plan back from the order itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from seenat.memorization.pocket.config import POCKET, PocketConfig
from seenat.memorization.pocket.text.tokenizer import END_OF_TEXT_ID
from seenat.registry.errors import InvalidValue

if TYPE_CHECKING:
    from tokenizers import Tokenizer

__all__ = ["distinct_sequences", "draw_order", "repetitions"]


def distinct_sequences(texts: Sequence[str], tokenizer: Tokenizer, tokens_per_sequence: int) -> NDArray[np.uint16]:
    """Cut the texts into sequences, in corpus order and each only once: uint16 [sequences, tokens_per_sequence]."""
    ids = [token for text in texts for token in (*tokenizer.encode(text).ids, END_OF_TEXT_ID)]
    count = len(ids) // tokens_per_sequence
    rows = np.array(ids[: count * tokens_per_sequence], np.uint16).reshape(count, tokens_per_sequence)
    _, first = np.unique(rows, axis=0, return_index=True)
    return rows[np.sort(first)]


def draw_order(distinct: NDArray[np.uint16], config: PocketConfig, seed: int) -> NDArray[np.uint16]:
    """Plant the repetition classes: uint16 [config.sequences, T], the trained sequences and then the unseen ones.

    Raises `InvalidValue` where the corpus has too few sequences or the seed is negative.
    """
    needed = config.distinct + config.unseen
    if len(distinct) < needed:
        raise InvalidValue(f"The corpus has {len(distinct)} distinct sequences, and this pocket suite needs {needed}.")
    if seed < 0:
        raise InvalidValue(f"{seed} is not a seed; write a whole number from 0.")
    generator = np.random.Generator(np.random.PCG64(seed))
    drawn = generator.permutation(len(distinct))
    times = [planted.times for planted in config.repetitions for _ in range(planted.sequences)]
    places = generator.permutation(np.repeat(drawn[: config.distinct], times))
    rows: NDArray[np.uint16] = distinct[np.concatenate([places, drawn[config.distinct : needed]])]
    return rows


def repetitions(rows: NDArray[np.uint16], trained: int = POCKET.trained) -> NDArray[np.int64]:
    """How often the ids of each sequence occur among the first `trained` ones: int64 [len(rows)], 0 for unseen controls."""
    _, kinds = np.unique(rows, axis=0, return_inverse=True)
    return np.bincount(kinds[:trained], minlength=int(kinds.max(initial=-1)) + 1)[kinds]
