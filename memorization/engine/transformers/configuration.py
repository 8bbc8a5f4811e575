"""A checkpoint's config.json as the class of transformers, without what a stranger must not decide.

transformers sets whatever a config.json holds as attributes: which attention and which kernels to use, also such as are
fetched from a hub and run; which other file to read instead; its own methods. What is left here describes the model:

* What decides how it is computed and what is returned is ours to choose, and is left out at every depth.
* Labels are left out: a language model has none, and a name is made for each of `num_labels`.
* Counts of layers, experts and the like are held against the number of tensors before a loop runs over them.
* What is a number by its name is one, or a list of them.
* No other file is read: transformers gets a folder that holds the rest alone.
"""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import fields
from functools import cache
from pathlib import Path
from typing import Any

from seenat.registry.checkpoints.files import CONFIG, read_config
from seenat.registry.errors import CorruptFile
from seenat.registry.printable import in_a_sentence

__all__ = ["read_configuration"]

# Keys that make transformers read or compute something else than the weights beside the file.
_FOREIGN = {"quantization_config": "quantized weights", "transformers_weights": "weights under another name"}

# How to compute, what to return, which files and classes to read: none of it is the checkpoint's to say.
_OURS = frozenset(
    {
        "attn_implementation", "auto_map", "configuration_files", "custom_pipelines", "dtype", "experts_implementation",
        "flash_attention", "id2label", "kernel_config", "label2id", "num_labels", "output_attentions",
        "output_hidden_states", "problem_type", "pruned_heads", "return_dict", "torch_dtype", "torchscript",
        "use_flash_attention", "use_kernels", "use_return_dict",
    }
)  # fmt: skip

# Attributes of every configuration that are nevertheless keys of its file.
_KEYS_TOO = frozenset({"model_type", "rope_scaling", "per_layer_config"})

# Names of numbers over which a loop runs that makes a module, or a list's entry, each time.
_COUNT = re.compile(r"((n|num|num_hidden|encoder|decoder)_)?(\w+_)?(layers?|blocks?|experts?|stages?|depths?|heads?)")
# A count may be as large in any case: one matrix can hold many experts or heads.
_FEW = 1024

# Names of numbers that architectures multiply with each other: a text times a width is a text of gigabytes.
_NUMBER = re.compile(r"(n|num)_\w+|(\w+_)?(size|dim|pct|factor|theta|base|ratio|eps|epsilon)")
# Of these, those that are never one number a layer or a frequency.
_ONE_NUMBER = re.compile(r"(?!layer_)(\w+_)?(pct|theta|base|ratio)|partial_rotary_factor|factor")


def read_configuration(folder: Path, tensors: int) -> Any:
    """The configuration in a folder whose weights are so many tensors.

    Raises `CorruptFile` unless it describes a causal language model, and as `read_config` does.
    """
    path, raw = folder / CONFIG, read_config(folder)
    for key, meaning in _FOREIGN.items():
        if raw.get(key) is not None:
            raise CorruptFile(f"{path} asks for {meaning} ({key}), which cannot be measured faithfully.")
    described = _described(raw)
    _check_types(path, described)
    for key, value in _numbers(described):
        if value > max(_FEW, tensors) and _COUNT.fullmatch(key):
            raise CorruptFile(
                f"{path} says {in_a_sentence(key, 100)} is {in_a_sentence(value, 100)}, and the weights are {tensors} tensors; copy or "
                "download it again."
            )
    config = _by_transformers(path, described)
    _check_causal(path, config, raw.get("architectures"))
    return config


def _described(value: Any) -> Any:
    """What is left of a configuration, or of a part of one."""
    if isinstance(value, list):
        return [_described(part) for part in value]
    if isinstance(value, dict):
        return {key: _described(part) for key, part in value.items() if _is_kept(key)}
    return value


def _is_kept(key: str) -> bool:
    return not key.startswith("_") and key not in _OURS and key not in _attributes()


@cache
def _attributes() -> frozenset[str]:
    """What a configuration's class has beside the keys of its file: methods, properties, plans of distribution."""
    from transformers import PreTrainedConfig

    return frozenset(dir(PreTrainedConfig)) - {field.name for field in fields(PreTrainedConfig)} - _KEYS_TOO


def _check_types(path: Path, described: Any) -> None:
    """Raise `CorruptFile` for a text, or a list where one number is due, under the name of a number."""
    for key, value in described.items() if isinstance(described, dict) else ():
        parts = value if isinstance(value, list) else [value]
        is_list = isinstance(value, list) and _ONE_NUMBER.fullmatch(key) is not None
        if _NUMBER.fullmatch(key) and (is_list or _holds_text(value)):
            raise CorruptFile(
                f"{path} says {in_a_sentence(key, 100)} is {in_a_sentence(repr(value), 100)}, which is no number; copy or download it again."
            )
        for part in parts:
            _check_types(path, part)


def _holds_text(value: Any) -> bool:
    return any(map(_holds_text, value)) if isinstance(value, list) else isinstance(value, str)


def _numbers(described: Any, key: str = "") -> Iterator[tuple[str, float]]:
    """Every number in a configuration, with its key."""
    if isinstance(described, dict):
        for name, value in described.items():
            yield from _numbers(value, name)
    elif isinstance(described, list):
        for part in described:
            yield from _numbers(part, key)
    elif isinstance(described, int | float):
        yield key, described


def _by_transformers(path: Path, described: Mapping[str, Any]) -> Any:
    from transformers import AutoConfig

    with tempfile.TemporaryDirectory(prefix="seenat-") as alone:
        (Path(alone) / CONFIG).write_text(json.dumps(described), encoding="ascii")
        try:
            return AutoConfig.from_pretrained(alone, local_files_only=True, trust_remote_code=False)
        except Exception as error:  # Every architecture validates in its own way.
            reason = in_a_sentence(str(error).replace(alone, str(path.parent)) or type(error).__name__)
            raise CorruptFile(f"{path} is no model's configuration: {reason}.") from error


def _check_causal(path: Path, config: Any, architectures: object) -> None:
    from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING

    named = [str(name) for name in architectures] if isinstance(architectures, list) else [str(architectures or "")]
    named = [name for name in named if name]
    causal = not named or any("CausalLM" in name or "LMHead" in name for name in named)
    if type(config) not in MODEL_FOR_CAUSAL_LM_MAPPING or not causal:
        told = in_a_sentence(", ".join(named) or config.model_type, 200)
        raise CorruptFile(f"{path} describes {told}, not a causal language model.")
