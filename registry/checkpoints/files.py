"""The files of a checkpoint, read without loading a model: which they are, what they hash to, how much they hold.

A checkpoint is a folder with a config.json and its weights in one of the four forms that transformers writes, here in
order of preference:

    model.safetensors                  one file
    model.safetensors.index.json       names the files that hold each tensor
    pytorch_model.bin                  the same two as pickles, for revisions uploaded before safetensors existed
    pytorch_model.bin.index.json

What determines the numbers a checkpoint gives is its config.json and these files, nothing else in the folder; the
*checkpoint digest* covers them and their names. File names in an index are names within the folder: one that leads
elsewhere is refused.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

from seenat.registry.errors import CorruptFile, InvalidValue, UnknownCheckpoint
from seenat.registry.storage.local import sha256_of_bytes, sha256_of_file

__all__ = [
    "CONFIG",
    "CheckpointFile",
    "FileRecord",
    "ParameterCount",
    "checkpoint_digest",
    "count_parameters",
    "local_files",
    "parameters_of_config",
    "read_config",
    "sha256_of_files",
    "weight_and_config_files",
    "weight_files",
    "weight_files_among",
]

CONFIG = "config.json"
_SINGLE = ("model.safetensors", "pytorch_model.bin")
_INDEX = ".index.json"

_MASKS = (".attention.bias", ".attn.bias", ".masked_bias", ".rotary_emb.inv_freq")
"""Endings of buffers that old uploads store beside the parameters: a 2048 x 2048 mask a layer in Pythia."""
_EMBEDDINGS = frozenset(
    {"embed_in", "embed_out", "embed_positions", "embed_tokens", "lm_head", "word_embeddings", "wpe", "wte"}
)
"""Modules that map ids or positions to vectors, or vectors to ids; all else is non-embedding (arXiv 2001.08361, 2.1)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileRecord:
    """A file of an order or a checkpoint."""

    name: str
    bytes: int
    sha256: str | None = None
    modified_ns: int | None = None
    """When a local file last changed; a file of the same size and time is taken for the same."""
    role: str = "tokens"
    """Of an order's file: `tokens`, `index`, or which index map it is, as `orders.order_files.MAPS` names them."""
    data_offset: int = 0
    """Bytes before the first token, such as a .npy header."""


@dataclass(frozen=True, kw_only=True)
class CheckpointFile:
    """One file of a checkpoint's folder."""

    name: str
    """Name within the folder."""
    bytes: int
    """Length."""
    modified_ns: int
    """Time of the last change, nanoseconds since 1970: with the length, tells whether a known digest still holds."""


@dataclass(frozen=True, kw_only=True)
class ParameterCount:
    """Trained numbers of a model; buffers such as stored masks are not among them."""

    total: int
    """All parameters; a matrix that serves as input and output embedding counts once."""
    non_embedding: int
    """Without input, position and output embeddings."""

    def to_json(self) -> dict[str, int]:
        """`{"total": ..., "non_embedding": ...}`, the form of every JSON answer."""
        return {"total": self.total, "non_embedding": self.non_embedding}


# -- which files


def local_files(folder: Path) -> tuple[CheckpointFile, ...]:
    """The files that lie directly in a checkpoint's folder, by name; raises `UnknownCheckpoint` when there is none."""
    if not folder.is_dir():
        raise UnknownCheckpoint(f"There is no checkpoint at {folder}: it is not a folder.")
    found = sorted(path for path in folder.iterdir() if path.is_file())
    return tuple(_described(path) for path in found)


def weight_files(folder: Path) -> tuple[str, ...]:
    """The names of the files that hold the weights, the index first where there is one.

    Raises `UnknownCheckpoint` when the folder or the weights are missing, `CorruptFile` when the index is broken, leads
    outside the folder, or names a file that is not there.
    """
    present = {file.name for file in local_files(folder)}
    names = weight_files_among(present, lambda name: (folder / name).read_bytes())
    if not names:
        raise UnknownCheckpoint(f"{folder} holds no weights: it needs one of {', '.join(_SINGLE)}, or their index.")
    missing = sorted(set(names) - present)
    if missing:
        raise CorruptFile(
            f"{folder / names[0]} names {missing[0]}, which is not there; copy or download the folder again."
        )
    return names


def weight_files_among(present: set[str], read: Callable[[str], bytes]) -> tuple[str, ...]:
    """Choose the weights among file names, of a folder or of a hub's revision; `read` gives the content of an index.

    Empty when there are none. Raises `CorruptFile` for an index that cannot be used.
    """
    for single in _SINGLE:
        if single in present:
            return (single,)
        index = single + _INDEX
        if index in present:
            return (index, *_parts(index, read(index), Path(single).suffix))
    return ()


def weight_and_config_files(folder: Path) -> tuple[str, ...]:
    """The names of all files that determine the numbers: config.json and the weights; raises as `weight_files` does."""
    if CONFIG not in {file.name for file in local_files(folder)}:
        raise UnknownCheckpoint(f"There is no checkpoint at {folder}: it has no {CONFIG}.")
    return (CONFIG, *weight_files(folder))


def _described(path: Path) -> CheckpointFile:
    status = path.stat()
    return CheckpointFile(name=path.name, bytes=status.st_size, modified_ns=status.st_mtime_ns)


def _parts(index: str, content: bytes, suffix: str) -> list[str]:
    try:
        names = {str(name) for name in json.loads(content)["weight_map"].values()}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise CorruptFile(f"{index} is not an index of weights: {type(error).__name__}; download it again.") from error
    for name in sorted(names):
        if Path(name).name != name or "\\" in name or not name.endswith(suffix):
            raise CorruptFile(f"{index} leads to {name!r}, which is not the name of a {suffix} file beside it.")
    return sorted(names)


# -- what they hash to


def sha256_of_files(folder: Path, progress: Callable[[int], None] | None = None) -> dict[str, str]:
    """`sha256:...` of every determining file, by name; reads all of them, and tells `progress` the bytes of each piece."""
    return {name: sha256_of_file(folder / name, progress) for name in weight_and_config_files(folder)}


def checkpoint_digest(files: Mapping[str, str]) -> str:
    """The digest of a checkpoint, `sha256:...`, from the `sha256:...` of its determining files by name."""
    return sha256_of_bytes(json.dumps(["seenat checkpoint 1", sorted(files.items())]).encode())


# -- how much they hold


def count_parameters(folder: Path) -> ParameterCount:
    """Count the parameters of a local checkpoint from its headers, without reading a weight.

    Pickled weights have no header: there the configuration is asked. Raises as `weight_files` does, `CorruptFile` when a
    header is broken or does not agree with its file's length, and `InvalidValue` when nothing tells the count.
    """
    names = [name for name in weight_files(folder) if not name.endswith(_INDEX)]
    if names[0].endswith(".bin"):
        counted = parameters_of_config(read_config(folder))
        if counted is None:
            raise InvalidValue(f"The parameters in {folder} cannot be counted: save the weights as safetensors.")
        return counted
    sizes = dict(size for name in names for size in _tensor_sizes(folder / name))
    kept = {name: size for name, size in sizes.items() if not name.endswith(_MASKS)}
    embedding = sum(size for name, size in kept.items() if _EMBEDDINGS.intersection(name.split(".")))
    total = sum(kept.values())
    return ParameterCount(total=total, non_embedding=total - embedding)


def read_config(folder: Path) -> dict[str, Any]:
    """A checkpoint's config.json; raises `UnknownCheckpoint` when it is missing, `CorruptFile` when it is no JSON object."""
    path = folder / CONFIG
    if not path.is_file():
        raise UnknownCheckpoint(f"There is no checkpoint at {folder}: it has no {CONFIG}.")
    try:
        config = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise CorruptFile(f"{path} is not JSON: {error}.") from error
    if not isinstance(config, dict):
        raise CorruptFile(f"{path} is not a JSON object, so it describes no model.")
    return config


def parameters_of_config(config: Mapping[str, Any]) -> ParameterCount | None:
    """The parameters that a GPT-NeoX configuration will have, by arithmetic; None for what it cannot tell.

    With width d, feed-forward width f, L layers and vocabulary V, biases everywhere but in the output embedding:
    L (4 d^2 + 2 d f + 9 d + f) + 2 d non-embedding, and 2 V d embedding, or V d where input and output share it. For
    f = 4 d the first is L (12 d^2 + 13 d) + 2 d.
    """
    names = ("num_hidden_layers", "hidden_size", "intermediate_size", "vocab_size")
    values = [config.get(name) for name in names]
    if config.get("model_type") != "gpt_neox" or not all(type(value) is int and value > 0 for value in values):
        return None
    layers, width, inner, vocab = (int(value) for value in values if value is not None)
    biases = 4 * width if config.get("attention_bias", True) else 0
    layer = 4 * width * width + 2 * width * inner + 5 * width + inner + biases
    non_embedding = layers * layer + 2 * width
    copies = 1 if config.get("tie_word_embeddings", False) else 2
    return ParameterCount(total=non_embedding + copies * vocab * width, non_embedding=non_embedding)


def _tensor_sizes(path: Path) -> Iterator[tuple[str, int]]:
    """Name and number of elements of each tensor; the library checks the header against the file's length."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            for name in file.keys():  # noqa: SIM118 - not a mapping
                yield name, prod(file.get_slice(name).get_shape())
    except (SafetensorError, OSError) as error:
        raise CorruptFile(f"{path} is not a whole safetensors file: {error}; copy or download it again.") from error
