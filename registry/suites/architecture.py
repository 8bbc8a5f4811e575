"""What the catalog keeps of a config.json: a few numbers and words that describe a model."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from seenat.registry.checkpoints.files import CONFIG
from seenat.registry.errors import CorruptFile
from seenat.registry.printable import in_a_sentence

__all__ = ["architecture_of"]

_NAMES = {
    "model_type": "model_type",
    "num_hidden_layers": "layers",
    "hidden_size": "width",
    "num_attention_heads": "heads",
    "intermediate_size": "feed_forward",
    "vocab_size": "vocab_size",
    "max_position_embeddings": "positions",
    "use_parallel_residual": "parallel_residual",
    "tie_word_embeddings": "tied_embeddings",
    "hidden_act": "activation",
}
"""Names in a config.json, and in the catalog."""
_WORDS = ("model_type", "hidden_act")
_LONGEST_WORD = 100
# More layers than any model has; some give a number for each.
_MOST_LAYERS = 1000
_LARGEST = (1 << 63) - 1


def architecture_of(folder: Path, config: Mapping[str, Any]) -> dict[str, Any]:
    """The catalog's names for what the config.json in a folder says of a model.

    Raises `CorruptFile` for a value that is no word, number, or list of these, as long as a database holds.
    """
    stated = {key: config[key] for key in _NAMES if config.get(key) is not None}
    for key, value in stated.items():
        parts = value if isinstance(value, list) and key not in _WORDS and len(value) <= _MOST_LAYERS else [value]
        if not all(_is_plain(part) for part in parts):
            told = f"a {type(value).__name__}" if isinstance(value, list | dict) else repr(value)
            raise CorruptFile(
                f"{folder / CONFIG} says {key} is {in_a_sentence(told, 100)}, which describes no model; copy or "
                "download it again."
            )
    return {_NAMES[key]: value for key, value in stated.items()}


def _is_plain(value: object) -> bool:
    if isinstance(value, str):
        return value.isprintable() and len(value) <= _LONGEST_WORD
    if isinstance(value, int):
        return abs(value) <= _LARGEST
    return isinstance(value, float) and math.isfinite(value)
