"""How many parameters a checkpoint holds, without reading a weight: from the headers of its files, or from config.json."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

from seenat.registry.answer import Answer
from seenat.registry.checkpoints.files import read_config, tensor_places
from seenat.registry.errors import CorruptFile, InvalidValue

__all__ = ["ParameterCount", "count_parameters", "parameters_of_config"]

# Old uploads store buffers beside the parameters: in Pythia a mask of 2048 x 2048 in every layer.
_BUFFERS = (".attention.bias", ".attn.bias", ".masked_bias", ".rotary_emb.inv_freq")
# These modules map ids or positions to vectors, or vectors to ids. All others are non-embedding (arXiv 2001.08361, 2.1).
_EMBEDDINGS = frozenset(
    {"embed_in", "embed_out", "embed_positions", "embed_tokens", "lm_head", "word_embeddings", "wpe", "wte"}
)

# Of layers, widths and ids; their products stay short enough to be written.
_MORE_THAN_ANY = 1 << 40


@dataclass(frozen=True, kw_only=True)
class ParameterCount(Answer):
    """The number of trained parameters of a model. Buffers such as stored masks are not counted."""

    total: int
    """All parameters; a matrix that serves as input and output embedding counts once."""
    non_embedding: int
    """Without input, position and output embeddings."""


def count_parameters(folder: Path) -> ParameterCount:
    """Count the parameters of a local checkpoint from its headers, without reading a weight.

    Pickled weights have no header: their count comes from config.json. Raises as `weight_files` does, `CorruptFile` when a
    header is broken or does not agree with its file's length, and `InvalidValue` when the count cannot be known.
    """
    places = tensor_places(folder)
    if places.files[0].endswith(".bin"):
        count = parameters_of_config(read_config(folder))
        if count is None:
            raise InvalidValue(f"The parameters in {folder} cannot be counted: save the weights as safetensors.")
        return count
    sizes = places.read(lambda file: dict(_tensor_sizes(file)))
    parameters = {name: size for name, size in sizes.items() if not name.endswith(_BUFFERS)}
    embedding = sum(size for name, size in parameters.items() if _EMBEDDINGS.intersection(name.split(".")))
    total = sum(parameters.values())
    return ParameterCount(total=total, non_embedding=total - embedding)


def parameters_of_config(config: Mapping[str, Any]) -> ParameterCount | None:
    """The parameters that a GPT-NeoX model of this configuration has, by arithmetic; None for other configurations.

    With width d, feed-forward width f, L layers and vocabulary V, biases everywhere but in the output embedding:
    L (4 d^2 + 2 d f + 9 d + f) + 2 d non-embedding, and 2 V d embedding, or V d where input and output share it. For
    f = 4 d the first is L (12 d^2 + 13 d) + 2 d.
    """
    names = ("num_hidden_layers", "hidden_size", "intermediate_size", "vocab_size")
    values = [config.get(name) for name in names]
    if config.get("model_type") != "gpt_neox" or not all(
        type(value) is int and 0 < value < _MORE_THAN_ANY for value in values
    ):
        return None
    layers, width, inner, vocab = (int(value) for value in values if value is not None)
    # Of the 9 d biases and norms of a layer, 4 d belong to attention: 3 d to query, key and value, d to the output.
    attention_biases = 4 * width if config.get("attention_bias", True) else 0
    layer = 4 * width * width + 2 * width * inner + 5 * width + inner + attention_biases
    non_embedding = layers * layer + 2 * width
    copies = 1 if config.get("tie_word_embeddings", False) else 2
    return ParameterCount(total=non_embedding + copies * vocab * width, non_embedding=non_embedding)


def _tensor_sizes(path: Path) -> Iterator[tuple[str, int]]:
    """Name and number of elements of each tensor; safetensors checks the header against the file's length."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            for name in file.keys():  # noqa: SIM118 - not a mapping
                yield name, prod(file.get_slice(name).get_shape())
    except (SafetensorError, OSError) as error:
        raise CorruptFile(f"{path} is not a whole safetensors file: {error}; copy or download it again.") from error
