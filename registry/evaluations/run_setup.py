"""What a run's file says beside its model: whether whole tasks were measured, and as everybody measures them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from seenat.registry.evaluations.rejected import Rejected, is_off, shown

__all__ = ["check_setup"]

# Ways of the harness to run the weights of a hub, or of GPT-NeoX; others run quantized copies, servers or nothing.
_KINDS = frozenset(
    ("accelerate", "gpt2", "hf", "hf-auto", "hf-causal", "hf-causal-experimental", "huggingface", "neox", "vllm")
)
_PROMPTS = (
    "apply_chat_template",
    "chat_template",
    "description_dict",
    "fewshot_as_multiturn",
    "gen_kwargs",
    "provide_description",
    "system_instruction",
)
_ADAPTERS = ("delta_sha", "peft_sha")


def check_setup(content: Mapping[str, Any], config: Mapping[str, Any]) -> Rejected | None:
    """Why a run is not the checkpoint's result on whole tasks; None where nothing says so."""
    kind = config.get("model")
    if kind is not None and not (isinstance(kind, str) and kind in _KINDS):
        return Rejected(
            reason=f"its model is of the kind {shown(kind)}, which need not be the checkpoint's own weights"
        )
    limit = config.get("limit")
    if not is_off(limit):
        return Rejected(reason=f"it measured a part of each task (limit {shown(limit)})")
    for name in _ADAPTERS:
        if not is_off(config.get(name)):
            return Rejected(reason=f"it measured other weights than the checkpoint's ({name})")
    for name in _PROMPTS:
        value = next((value for value in (config.get(name), content.get(name)) if not is_off(value)), None)
        if value is not None:
            return Rejected(reason=f"it measured the checkpoint in another set-up ({name} {shown(value)})")
    return _check_samples(content.get("n-samples"))


def _check_samples(samples: object) -> Rejected | None:
    for task, counts in samples.items() if isinstance(samples, dict) else ():
        if isinstance(counts, dict) and counts.get("effective") != counts.get("original"):
            measured = f"{shown(counts.get('effective'))} of {shown(counts.get('original'))} samples"
            return Rejected(reason=f"it measured a part of a task: {measured} of {shown(task)}")
    return None
