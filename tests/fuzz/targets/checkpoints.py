"""The files of a checkpoint: weights, their index, config.json; and an order's tokenizer.json."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
from safetensors.numpy import save, save_file

from fuzz.mutator import damage_bytes, damage_json
from fuzz.target import Target
from seenat.registry.catalog.end_of_document import check_end_of_document
from seenat.registry.checkpoints.files import read_config
from seenat.registry.checkpoints.parameters import count_parameters, parameters_of_config
from seenat.registry.hub.location import CheckpointLocation
from seenat.registry.orders.text.detokenize import decode

__all__ = ["TARGETS"]

_WIDTH, _VOCABULARY = 8, 12
_HEADER_BYTES = 8
_CONFIG = {
    "architectures": ["GPTNeoXForCausalLM"],
    "attention_bias": True,
    "bos_token_id": 0,
    "eos_token_id": 0,
    "hidden_act": "gelu",
    "hidden_size": _WIDTH,
    "initializer_range": 0.02,
    "intermediate_size": 16,
    "layer_norm_eps": 1e-05,
    "max_position_embeddings": 16,
    "model_type": "gpt_neox",
    "num_attention_heads": 2,
    "num_hidden_layers": 1,
    "rope_parameters": {"partial_rotary_factor": 0.5, "rope_theta": 10000, "rope_type": "default"},
    "tie_word_embeddings": False,
    "torch_dtype": "float16",
    "use_parallel_residual": True,
    "vocab_size": _VOCABULARY,
}
_OLD_CONFIG = {
    **{key: value for key, value in _CONFIG.items() if key != "rope_parameters"},
    "rotary_pct": 0.5,
    "rotary_emb_base": 10000,
    "attn_implementation": "sdpa",
    "num_labels": 2,
    "id2label": {"0": "a", "1": "b"},
    "rope_scaling": {"type": "linear", "factor": 2.0},
    "quantization_config": None,
}


def _read_once(parse: Callable[[bytes, Path], object], folder: Path, samples: list[bytes]) -> list[bytes]:
    """The samples, the first of them read: importing torch takes seconds, and no input is to be charged with it."""
    parse(samples[0], folder)
    return samples


def _tensors() -> dict[str, Any]:
    d, layer = _WIDTH, "gpt_neox.layers.0"
    shapes: dict[str, tuple[int, ...]] = {
        "gpt_neox.embed_in.weight": (_VOCABULARY, d),
        f"{layer}.attention.query_key_value.weight": (3 * d, d),
        f"{layer}.attention.query_key_value.bias": (3 * d,),
        f"{layer}.attention.dense.weight": (d, d),
        f"{layer}.attention.dense.bias": (d,),
        f"{layer}.mlp.dense_h_to_4h.weight": (2 * d, d),
        f"{layer}.mlp.dense_h_to_4h.bias": (2 * d,),
        f"{layer}.mlp.dense_4h_to_h.weight": (d, 2 * d),
        f"{layer}.mlp.dense_4h_to_h.bias": (d,),
        "gpt_neox.final_layer_norm.weight": (d,),
        "gpt_neox.final_layer_norm.bias": (d,),
        "embed_out.weight": (_VOCABULARY, d),
    }
    for norm in ("input_layernorm", "post_attention_layernorm"):
        shapes |= {f"{layer}.{norm}.weight": (d,), f"{layer}.{norm}.bias": (d,)}
    return {name: np.ones(shape, np.float16) for name, shape in shapes.items()}


# -- config.json


def _configs(folder: Path) -> list[bytes]:
    return _read_once(_parse_config, folder, [json.dumps(config).encode() for config in (_CONFIG, _OLD_CONFIG)])


def _parse_config(data: bytes, folder: Path) -> None:
    from seenat.memorization.engine.transformers.loading import load_checkpoint

    weights = folder / "model.safetensors"
    if not weights.exists():
        save_file(_tensors(), weights)
    (folder / "config.json").write_bytes(data)
    parameters_of_config(read_config(folder))
    load_checkpoint(CheckpointLocation.local(folder))
    check_end_of_document("mine", 0, False, None, [folder])


# -- weights


def _weights(folder: Path) -> list[bytes]:
    tensors = _tensors()
    few = {"a": np.ones(3, np.float32), "b": np.zeros((2, 2), np.uint8), "c": np.ones(0, np.float64)}
    samples = [save(tensors), save(few, {"format": "pt"}), save({"bias": np.ones((), np.float32)})]
    return _read_once(_parse_weights, folder, samples)


def _damage_header(sample: bytes, random: Random, others: Sequence[bytes]) -> bytes:
    """Damage the header's JSON and write its new length before it, or damage any bytes."""
    if random.random() < 0.4:
        return damage_bytes(sample, random, others)
    length = int.from_bytes(sample[:_HEADER_BYTES], "little")
    header, rest = sample[_HEADER_BYTES : _HEADER_BYTES + length], sample[_HEADER_BYTES + length :]
    damaged = damage_json(header, random)
    return len(damaged).to_bytes(_HEADER_BYTES, "little") + damaged + rest


def _parse_weights(data: bytes, folder: Path) -> None:
    _write_new(folder / "model.safetensors", data)
    _read_weights(folder)


def _read_weights(folder: Path) -> None:
    from seenat.memorization.engine.transformers.loading import read_tensors

    read_tensors(folder)
    count_parameters(folder)


def _write_new(path: Path, data: bytes) -> None:
    """Write a file in another's place, not into it: tensors of the one before may still be mapped."""
    path.unlink(missing_ok=True)
    path.write_bytes(data)


# -- the index of weights


def _indexes(folder: Path) -> list[bytes]:
    names = list(_tensors())
    file_of = {name: f"model-0000{1 + number % 2}-of-00002.safetensors" for number, name in enumerate(names)}
    whole = {"metadata": {"total_size": 1234}, "weight_map": file_of}
    samples = [json.dumps(whole).encode(), json.dumps({"weight_map": {names[0]: file_of[names[0]]}}).encode()]
    return _read_once(_parse_index, folder, samples)


def _parse_index(data: bytes, folder: Path) -> None:
    if not (folder / "config.json").exists():
        (folder / "config.json").write_text(json.dumps(_CONFIG))
        tensors = _tensors()
        for part in (0, 1):
            held = {name: tensor for number, (name, tensor) in enumerate(tensors.items()) if number % 2 == part}
            held |= {"unnamed": np.ones(2)} if part else {list(tensors)[1]: np.ones(2)}  # The latter is a stale copy.
            save_file(held, folder / f"model-0000{1 + part}-of-00002.safetensors")
    (folder / "model.safetensors.index.json").write_bytes(data)
    _read_weights(folder)


# -- tokenizers


def _tokenizers(_folder: Path) -> list[bytes]:
    added = [{"id": 4, "content": "</s>", "single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}]  # fmt: skip
    start = {"version": "1.0", "truncation": None, "padding": None, "added_tokens": added, "normalizer": None}
    vocab = {"a": 0, "b": 1, "▁c": 2, "ab": 3}
    llama = [
        {"type": "Replace", "pattern": {"String": "▁"}, "content": " "},
        {"type": "ByteFallback"},
        {"type": "Fuse"},
        {"type": "Strip", "content": " ", "start": 1, "stop": 0},
    ]
    documents: list[dict[str, Any]] = [
        {
            "model": {"type": "BPE", "vocab": vocab, "merges": [["a", "b"]], "byte_fallback": True, "unk_token": "a"},
            "decoder": {"type": "Sequence", "decoders": llama},
        },
        {
            "model": {"type": "WordLevel", "vocab": vocab, "unk_token": "a"},
            "decoder": {"type": "CTC", "pad_token": "", "word_delimiter_token": "", "cleanup": True},
        },
        {
            "model": {"type": "WordPiece", "vocab": vocab, "unk_token": "a", "continuing_subword_prefix": "##", "max_input_chars_per_word": 9},
            "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": True},
        },
        {
            "model": {"type": "Unigram", "unk_id": 0, "vocab": [["a", 0.0], ["▁c", -1.5], ["b", -2.0]], "byte_fallback": False},
            "decoder": {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": True},
        },
        {
            "model": {"type": "BPE", "vocab": vocab, "merges": [], "dropout": None},
            "decoder": {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True},
        },
        {
            "model": {"type": "WordLevel", "vocab": vocab, "unk_token": "a"},
            "decoder": {"type": "Strip", "content": "a", "start": 1, "stop": 1},
        },
    ]  # fmt: skip
    rest = {"pre_tokenizer": None, "post_processor": None}
    return [json.dumps({**start, **rest, **document}).encode() for document in documents]


_IDS = np.array([[2, 0, 1, 4, 3, 0], [0, 0, 0, 0, 9, 2]], dtype=np.uint16)


def _parse_tokenizer(data: bytes, folder: Path) -> None:
    path = folder / "tokenizer.json"
    path.write_bytes(data)
    check_end_of_document("mine", 4, True, str(path), [])
    decode(str(path), _IDS, order="mine")


TARGETS = [
    Target(name="config-json", samples=_configs, parse=_parse_config, damage=damage_json, needs_torch=True),
    Target(name="safetensors-header", samples=_weights, parse=_parse_weights, damage=_damage_header, needs_torch=True),
    Target(name="weight-index", samples=_indexes, parse=_parse_index, damage=damage_json, needs_torch=True),
    Target(name="tokenizer-json", samples=_tokenizers, parse=_parse_tokenizer, damage=damage_json, needs_torch=True),
]
