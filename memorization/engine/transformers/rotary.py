"""Rotary positions whose frequencies depend on how many ids a pass reads: longrope.

Up to the length that a model was first trained at (`original_max_position_embeddings`) it turns all positions by one set of
frequencies, beyond it by another. `generate` passes a growing text and changes over on its way, with the earlier keys kept as
they are; one pass over a whole window turns every position by the set of its end. Where a window crosses the border the two
are different numbers, and only generating gives those of the definition. (The frequencies of `dynamic` change beyond
`max_position_embeddings` alone, and no protocol reads so far.)
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

__all__ = ["rotates_differently"]


def rotates_differently(module: Any, shortest: int, longest: int) -> bool:
    """Whether passes over `shortest` to `longest` ids rotate the same position differently, in a model of transformers."""
    return any(shortest <= border < longest for border in _borders(module))


def _borders(module: Any) -> Iterator[int]:
    """The largest number of ids for which the first set of frequencies is used, for every part that has two sets."""
    configs = {id(part.config): part.config for part in module.modules() if hasattr(part, "config")}
    for config in configs.values():
        parameters = getattr(config, "rope_parameters", None) or {}
        by_layer = [parameters, *(value for value in parameters.values() if isinstance(value, dict))]
        for rotation in by_layer:
            if rotation.get("rope_type") == "longrope":
                yield int(rotation["original_max_position_embeddings"])
