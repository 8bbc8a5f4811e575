"""Floating-point operations that the engine issues for a cell, one sequence at one checkpoint.

A linear map costs two operations a parameter and id. With B parameters in the layers and H in the output matrix, a prompt of p
ids and a continuation of c:

    prefix   2 B (p + 1.5) + 2 H            the prompt, and then as long as the row is right
    score    2 B (p + c - 1) + 2 H c        every position is decoded
    loss     2 (B + H) (p + c - 1)          one pass over all ids

The 1.5 is an assumption: what remains right after a prompt of 32 ids is 1.2 ids long on average where few sequences are
memorized. Of GPT-NeoX the engine looks the first layer up in a table, but for the output of its attention (11 of 12 parts), and
computes the last one, but for keys and values, only where it is read (10 of 12 parts of a prompt's): a prefix is spared 1.75
layers, a score 1.3, a loss 0.9. Attention is left out, 0.5 % at the shape of Pythia-70m and less for larger models.
"""

from __future__ import annotations

from collections.abc import Sequence

from seenat.memorization.protocol.protocol import Protocol
from seenat.registry.catalog.models import Model

__all__ = ["IDS_BEYOND_THE_PROMPT", "cell_flop", "operations"]

IDS_BEYOND_THE_PROMPT = 1.5
_A_PARAMETER = 2
_SPARED = {"prefix": 1.75, "score": 1.3, "loss": 0.9}
"""Layers of GPT-NeoX that cost nothing."""


def cell_flop(model: Model, protocols: Sequence[Protocol]) -> float | None:
    """Operations of one cell by protocols that are measured together; None where the model's parameters are not known."""
    if model.parameters is None:
        return None
    count = model.architecture.get("layers") if model.architecture.get("model_type") == "gpt_neox" else None
    return operations(model.parameters.non_embedding, _head(model), protocols, count)


def operations(parameters: int, head: int, protocols: Sequence[Protocol], neox_layers: int | None) -> float:
    """The same by numbers of parameters, of all layers and of the output matrix, and by the number of GPT-NeoX's layers."""
    layers = float(parameters)
    if neox_layers:
        layers *= 1 - _SPARED[protocols[0].measure] / max(2, neox_layers)
    if protocols[0].measure == "prefix":
        return _A_PARAMETER * (layers * (max(one.prompt for one in protocols) + IDS_BEYOND_THE_PROMPT) + head)
    if protocols[0].measure == "loss":
        return _A_PARAMETER * (layers + head) * (max(one.length for one in protocols) - 1)
    # Each score has to be decoded for itself.
    return _A_PARAMETER * sum(layers * (one.length - 1) + head * one.continuation for one in protocols)


def _head(model: Model) -> int:
    """Parameters of the output matrix: all embeddings where they are tied, else half of them."""
    assert model.parameters is not None
    embeddings = model.parameters.total - model.parameters.non_embedding
    return embeddings if model.architecture.get("tied_embeddings") else embeddings // 2
