"""Which checkpoint a run's `model_args` name, and whether it was the checkpoint as it is that was measured.

They are a text, `pretrained=...,revision=step3000`, in any order and with blanks, a JSON object as a text, or an object. Only
arguments that are known to leave weights, prompts and tokens alone are passed over; every other one has the run rejected,
because it may have measured something else under the checkpoint's name.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from seenat.registry.evaluations.rejected import Rejected, is_off, shown

__all__ = ["NamedCheckpoint", "read_arguments"]

_STEP = re.compile(r"step([0-9]{1,9})")
# Between arguments; values have neither blanks nor commas, and those that had would name no model.
_BETWEEN = re.compile(r"\s*,\s*|\s+")
# Where and how fast, but not what.
_HARMLESS = frozenset(
    (
        "accelerate", "attn_implementation", "batch_size", "cache_dir", "data_parallel_size", "device", "device_map",
        "device_map_option", "enforce_eager", "gpu_memory_utilization", "gpus", "logits_cache", "low_cpu_mem_usage",
        "max_batch_size", "max_cpu_memory", "max_memory_per_gpu", "max_num_seqs", "offload_folder", "parallelize", "swap_space",
        "tensor_parallel_size", "trust_remote_code", "use_accelerate", "use_fast_tokenizer",
    )
)  # fmt: skip
_OTHER_WEIGHTS = frozenset(
    (
        "autogptq", "bnb_4bit_compute_dtype", "bnb_4bit_quant_type", "delta", "gguf_file", "gptq", "gptqmodel", "load_in_4bit",
        "load_in_8bit", "lora_local_path", "peft", "quantization", "quantization_config", "steering_path", "subfolder",
    )
)  # fmt: skip
_OTHER_SETUP = frozenset(
    (
        "add_bos_token", "chat_template", "enable_thinking", "max_gen_toks", "max_length", "max_model_len", "prefix_token_id",
        "tokenizer", "truncation",
    )
)  # fmt: skip
# Precisions of the weights as they are; the numbers differ in the last digits.
_PRECISIONS = frozenset(("auto", "bfloat16", "float", "float16", "float32", "half"))


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedCheckpoint:
    """A model and a step, as a run names them."""

    model: str
    label: int
    """What the revision counts."""
    precision: str | None
    """Stated, where it is."""


def read_arguments(arguments: str | Mapping[str, Any]) -> NamedCheckpoint | Rejected:
    """The checkpoint that arguments name; rejected where they name none, or more than weights and place."""
    stated = _of_text(arguments) if isinstance(arguments, str) else dict(arguments)
    if isinstance(stated, Rejected):
        return stated
    model, revision = stated.pop("pretrained", None), stated.pop("revision", None)
    step = _STEP.fullmatch(revision) if isinstance(revision, str) else None
    if not isinstance(model, str) or not model or step is None:
        return Rejected(reason=f"its model_args name no model at a step, but {shown(arguments)}")
    if not model.isprintable() or model.startswith((".", "/", "~")) or model.count("/") > 1 or "\\" in model:
        return Rejected(reason=f"it measured a folder, {shown(model)}, whose content its revision does not say")
    if stated.get("tokenizer") == model:
        del stated["tokenizer"]
    precision = stated.pop("dtype", None)
    precision = None if is_off(precision) else str(precision).removeprefix("torch.")
    if precision is not None and precision not in _PRECISIONS:
        return Rejected(reason=f"its model_args hold dtype={shown(precision)}, no precision of the weights as they are")
    refused = next((_refusal(name, value) for name, value in sorted(stated.items()) if _is_refused(name, value)), None)
    return refused or NamedCheckpoint(model=model, label=int(step[1]), precision=precision)


def _of_text(text: str) -> dict[str, Any] | Rejected:
    if text.lstrip().startswith("{"):
        try:
            stated = json.loads(text)
        except (ValueError, RecursionError):
            return Rejected(reason=f"its model_args cannot be read: {shown(text)}")
        return stated if isinstance(stated, dict) else {}
    found: dict[str, Any] = {}
    for part in filter(None, _BETWEEN.split(text.strip())):
        name, equals, value = part.partition("=")
        if not equals or found.setdefault(name, value) != value:
            return Rejected(reason=f"its model_args cannot be read at {shown(part)}: {shown(text)}")
    return found


def _is_refused(name: str, value: object) -> bool:
    return name not in _HARMLESS and not is_off(value)


def _refusal(name: str, value: object) -> Rejected:
    argument = f"its model_args hold {shown(name)}={shown(value)}"
    if name in _OTHER_WEIGHTS:
        return Rejected(reason=f"{argument}: it measured other weights than the checkpoint's")
    if name in _OTHER_SETUP:
        return Rejected(reason=f"{argument}: it measured the checkpoint in another set-up")
    return Rejected(reason=f"{argument}, which is not known here: it may have measured other weights or another set-up")
