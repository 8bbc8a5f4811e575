"""The SUITE.toml of a pocket suite: the same file that anyone writes for a suite of their own.

It is written last, so its presence means that everything it names is there. `[suite.provenance]` says where the suite
came from, and holds the identity that `build_pocket_suite` recognises it by.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TypeAlias

from seenat.memorization.pocket.config import PocketConfig, PocketModel
from seenat.memorization.pocket.plan import Plan, versions
from seenat.memorization.pocket.text.tokenizer import END_OF_TEXT_ID

__all__ = ["manifest_text"]

Value: TypeAlias = str | int | float | Sequence[str] | Sequence[int] | Sequence[float]

_ORDER = "pocket-order"


def manifest_text(plan: Plan, documents: int) -> str:
    """The whole file, for a suite made of so many documents."""
    tables = [
        _table("[suite]", {"name": "pocket"}),
        _table("[suite.provenance]", _provenance(plan, documents)),
        _table("[[order]]", _order(plan.config)),
    ]
    for model in plan.config.models:
        tables.append(_table("[[model]]", _model(plan.config, model)))
        tables.append(_table("[model.hyperparameters]", _hyperparameters(plan, model)))
    return "\n".join(tables)


def _provenance(plan: Plan, documents: int) -> dict[str, Value]:
    config = plan.config
    return {
        **plan.identity(),
        "corpus": "docstrings of torch.distributed",
        "documents": documents,
        "trained_sequences": config.trained,
        "distinct_trained_sequences": config.distinct,
        "unseen_sequences": config.unseen,
        "repetitions": ", ".join(f"{planted.sequences} sequences {planted.times}x" for planted in config.repetitions),
        **versions(),
    }


def _order(config: PocketConfig) -> dict[str, Value]:
    return {
        "name": _ORDER,
        "format": "mmididx",
        "files": ["document.bin"],
        "index": "document.idx",
        "tokens_per_sequence": config.tokens_per_sequence,
        "sequences_per_batch": config.sequences_per_batch,
        "sequences": config.sequences,
        "dtype": "uint16",
        "vocab_size": config.vocab_size,
        "eos_id": END_OF_TEXT_ID,
        "tokenizer": "tokenizer.json",
    }


def _model(config: PocketConfig, model: PocketModel) -> dict[str, Value]:
    return {
        "name": model.name,
        "order": _ORDER,
        "family": "pocket",
        "size": model.size,
        "steps": config.saved,
        "train_steps": config.steps,
        "checkpoints": f"models/{model.name}/step{{step}}",
    }


def _hyperparameters(plan: Plan, model: PocketModel) -> dict[str, Value]:
    config = plan.config
    total = model.parameters(config.vocab_size)
    return {
        "layers": model.layers,
        "width": model.width,
        "heads": model.heads,
        "parameters": total,
        "non_embedding_parameters": total - 2 * config.vocab_size * model.width,
        "optimizer": "AdamW",
        "learning_rate": model.learning_rate,
        "min_learning_rate": round(model.learning_rate * config.final_share, 12),
        "warmup_steps": config.warmup_steps,
        "learning_rate_decay": "cosine",
        "weight_decay": config.weight_decay,
        "adam_betas": config.betas,
        "adam_epsilon": config.epsilon,
        "gradient_clipping": config.gradient_clipping,
        "precision": "fp32",
        "seed": plan.seed,
        "initialization": "small_init",
    }


def _table(header: str, values: Mapping[str, Value]) -> str:
    return "\n".join([header, *(f"{key} = {_toml(value)}" for key, value in values.items()), ""])


def _toml(value: Value) -> str:
    """A TOML value; JSON writes strings, numbers and arrays of them in the same way."""
    return json.dumps(value, ensure_ascii=False)
