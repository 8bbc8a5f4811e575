"""Every key of a suite's manifest: how its value is read, and what to write where it is wrong.

Three tables of keys, in the order in which messages list them. Rules that compare keys with each other, or with the
disk, are in `seenat.registry.suites.manifest.manifest`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable

from seenat.registry.errors import InvalidValue
from seenat.registry.orders.geometry import ID_BYTES
from seenat.registry.orders.order_files import INDEX_MAP, PACKED
from seenat.registry.suites.manifest.toml_schema import (
    LARGEST_WHOLE,
    Key,
    listed,
    nothing_but,
    quoted,
    shown,
    text,
    whole,
)

__all__ = ["FORMATS", "MODEL_KEYS", "ORDER_KEYS", "REPOSITORY", "SUITE_KEYS", "Fact"]

Fact = str | int | float | bool
"""One value of a free-form table."""
FORMATS = ("mmididx", "raw", "npy", "parquet", INDEX_MAP)
"""Formats of token files that can be read: Megatron's .bin and .idx, ids without a header, NumPy's .npy, Parquet, and
documents with GPT-NeoX index maps.

The same as in `orders.opening`, which is not imported here because it loads numpy.
"""
REPOSITORY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,95}(/[A-Za-z0-9][A-Za-z0-9._-]{0,95})?")
"""A repository of the hub: `organization/name`, or the bare name of an old one."""
_NAME = re.compile(r"[A-Za-z0-9._-]{1,96}")


def _name(value: object) -> str:
    if not _NAME.fullmatch(text(value)):
        raise InvalidValue(
            f"{shown(value)} has more than 96 characters, or others than letters, digits, '.', '_' and '-'"
        )
    return text(value)


def _choice(noun: str, choices: tuple[str, ...]) -> Callable[[object], str]:
    def read(value: object) -> str:
        if text(value) not in choices:
            raise InvalidValue(f"{shown(value)} is no {noun}")
        return text(value)

    return read


def _packing(value: object) -> str:
    if text(value) != PACKED:
        raise InvalidValue(
            f"{shown(value)} cuts and fills up documents, which index maps do not show, so only what was packed can be read"
        )
    return text(value)


def _repository(value: object) -> str:
    if not REPOSITORY.fullmatch(text(value)):
        raise InvalidValue(f"{shown(value)} is no repository of the hub")
    return text(value)


def _end_of_document(value: object) -> int | None:
    return None if value == "none" else whole(0)(value)


def _fact(value: object) -> Fact:
    """A value that JSON and a 64-bit column can hold too, so no infinity, date or larger number."""
    if not isinstance(value, str | int | float):
        raise InvalidValue(nothing_but(value, "a single value"))
    if isinstance(value, int) and abs(value) > LARGEST_WHOLE:
        raise InvalidValue(f"{shown(value)} is more than a signed number of 64 bits holds")
    if isinstance(value, float) and not math.isfinite(value):
        raise InvalidValue(f"{value} is not a finite number")
    return value


def _fact_or_facts(value: object) -> Fact | tuple[Fact, ...]:
    return tuple(_fact(element) for element in value) if isinstance(value, list) else _fact(value)


_FACT = "a text, a whole or decimal number, true or false"

SUITE_KEYS = {
    "name": Key(read=_name, advice='"mine"', required=True),
    "provenance": Key(read=_fact, advice=_FACT, holds=dict),
}

ORDER_KEYS = {
    "name": Key(read=_name, advice='"mine-order"', required=True),
    "format": Key(read=_choice("format of token files", FORMATS), advice=listed(quoted(FORMATS)), required=True),
    "files": Key(read=text, advice='["document.bin"]', required=True, holds=list),
    "index": Key(read=text, advice='"document.idx"'),
    "doc_idx": Key(read=text, advice='"doc_idx.npy"'),
    "sample_idx": Key(read=text, advice='"sample_idx.npy"'),
    "shuffle_idx": Key(read=text, advice='"shuffle_idx.npy"'),
    "pack_impl": Key(read=_packing, advice=f'"{PACKED}", or register the ids that the run read as a .npy array'),
    "tokens_per_sequence": Key(read=whole(2), advice="2049"),
    "sequences_per_batch": Key(read=whole(1), advice="1024", required=True),
    "sequences": Key(read=whole(1), advice="2400, the number in all files"),
    "dtype": Key(read=_choice("type of token ids", tuple(ID_BYTES)), advice=listed(quoted(ID_BYTES))),
    "vocab_size": Key(read=whole(1), advice="50304"),
    "eos_id": Key(read=_end_of_document, advice='0, another id, or "none"'),
    "tokenizer": Key(read=text, advice='"tokenizer.json", a folder or a hub repository'),
}

MODEL_KEYS = {
    "name": Key(read=_name, advice='"mine-small"', required=True),
    "order": Key(read=_name, advice='"mine-order", the name of an order', required=True),
    "steps": Key(read=whole(0), advice="[0, 1000, 2000]", required=True, holds=list),
    "train_steps": Key(read=whole(0), advice="143000, the optimizer updates of the whole run"),
    "sequences_per_batch": Key(read=whole(1), advice="1024"),
    "labels_per_step": Key(read=whole(1), advice="1"),
    "checkpoints": Key(read=text, advice='"checkpoints/step{step}"'),
    "repository": Key(read=_repository, advice='"organization/name"'),
    "revision": Key(read=text, advice='"step{step}"'),
    "family": Key(read=_name, advice='"mine"'),
    "size": Key(read=text, advice='"70m"'),
    "aliases": Key(read=_name, advice='["another-name"]', holds=list),
    "hyperparameters": Key(read=_fact_or_facts, advice=f"{_FACT}, or a list of these", holds=dict),
}
