"""A checkpoint's files: which determine its numbers, how many parameters they hold, what is refused."""

from __future__ import annotations

import hashlib
import json
import os
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import save_file

from seenat.registry.checkpoints.files import (
    checkpoint_digest,
    local_files,
    read_config,
    sha256_of_files,
    tensor_places,
    unused_weights,
    weight_and_config_files,
    weight_files,
)
from seenat.registry.checkpoints.parameters import ParameterCount, count_parameters, parameters_of_config
from seenat.registry.errors import CorruptFile, InvalidValue, SeenatError, UnknownCheckpoint

# Shapes from the configurations of https://huggingface.co/EleutherAI/pythia-*, counts from the table "naming convention
# and parameter count" of their cards (14m and 31m: from the shapes).
# size: layers, width, heads, padded vocabulary, total, non-embedding
PYTHIA = {
    "14m": (6, 128, 4, 50304, 14_067_712, 1_189_888),
    "31m": (6, 256, 8, 50304, 30_494_720, 4_739_072),
    "70m": (6, 512, 8, 50304, 70_426_624, 18_915_328),
    "160m": (12, 768, 12, 50304, 162_322_944, 85_056_000),
    "410m": (24, 1024, 16, 50304, 405_334_016, 302_311_424),
    "1b": (16, 2048, 8, 50304, 1_011_781_632, 805_736_448),
    "1.4b": (24, 2048, 16, 50304, 1_414_647_808, 1_208_602_624),
    "2.8b": (32, 2560, 32, 50304, 2_775_208_960, 2_517_652_480),
    "6.9b": (32, 4096, 32, 50432, 6_857_302_016, 6_444_163_072),
    "12b": (36, 5120, 40, 50688, 11_846_072_320, 11_327_027_200),
}


def _config(layers: int, width: int, heads: int, vocab: int, **more: Any) -> transformers.GPTNeoXConfig:
    shape = {"hidden_size": width, "num_hidden_layers": layers, "num_attention_heads": heads, "vocab_size": vocab}
    return transformers.GPTNeoXConfig(**{"intermediate_size": 4 * width, **shape, **more})


def _counted(model: Any) -> ParameterCount:
    """The count by transformers' own walk over the parameters."""
    output = 0 if model.config.tie_word_embeddings else model.get_output_embeddings().weight.numel()
    without_input = model.num_parameters(exclude_embeddings=True)
    return ParameterCount(total=model.num_parameters(), non_embedding=without_input - output)


# -- counting


@pytest.mark.parametrize("size", PYTHIA)
def test_every_pythia_counts_as_its_card_says(size: str) -> None:
    layers, width, heads, vocab, total, non_embedding = PYTHIA[size]
    config = _config(layers, width, heads, vocab)
    with torch.device("meta"):
        model = transformers.GPTNeoXForCausalLM(config)
    expected = ParameterCount(total=total, non_embedding=non_embedding)
    assert parameters_of_config(config.to_dict()) == expected == _counted(model)


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("inner", [64, 100, 512])
def test_odd_shapes_count_as_transformers_counts_them(tied: bool, bias: bool, inner: int) -> None:
    config = _config(3, 64, 4, 97, intermediate_size=inner, tie_word_embeddings=tied, attention_bias=bias)
    with torch.device("meta"):
        model = transformers.GPTNeoXForCausalLM(config)
    assert parameters_of_config(config.to_dict()) == _counted(model)


@pytest.mark.parametrize(
    "config",
    [
        {},
        {"model_type": "llama"},
        {"model_type": "gpt_neox"},
        _config(2, 64, 4, 97).to_dict() | {"hidden_size": "64"},
        _config(2, 64, 4, 97).to_dict() | {"hidden_size": 10**4000},
    ],
)
def test_arithmetic_says_nothing_of_what_it_does_not_know(config: dict[str, Any]) -> None:
    assert parameters_of_config(config) is None


def _models() -> dict[str, Any]:
    small = {"hidden_size": 32, "num_attention_heads": 2, "num_hidden_layers": 2, "vocab_size": 97}
    llama = transformers.LlamaConfig(**small, intermediate_size=48)
    tied_llama = transformers.LlamaConfig(**small, intermediate_size=48, tie_word_embeddings=True)
    gpt2 = transformers.GPT2Config(n_embd=32, n_head=2, n_layer=2, vocab_size=97, n_positions=64)
    return {
        "gpt_neox": transformers.GPTNeoXForCausalLM(_config(2, 32, 2, 97)),
        "gpt_neox tied": transformers.GPTNeoXForCausalLM(_config(2, 32, 2, 97, tie_word_embeddings=True)),
        "llama": transformers.LlamaForCausalLM(llama),
        "llama tied": transformers.LlamaForCausalLM(tied_llama),
        "gpt2": transformers.GPT2LMHeadModel(gpt2),
    }


@pytest.mark.parametrize("name", _models())
@pytest.mark.parametrize("shard", ["1GB", "20KB"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_saved_checkpoints_count_as_transformers_counts_them(
    name: str, shard: str, dtype: torch.dtype, tmp_path: Path
) -> None:
    model = _models()[name]
    expected = _counted(model)
    model.to(dtype).save_pretrained(tmp_path, max_shard_size=shard)
    assert len(weight_files(tmp_path)) == 1 or shard == "20KB"
    assert count_parameters(tmp_path) == expected


def test_stored_masks_are_not_parameters(tmp_path: Path) -> None:
    """Old uploads hold a 2048 x 2048 mask a layer: the hub's badge says 14m has 39.2 million."""
    masks = {
        "gpt_neox.layers.0.attention.bias": np.ones((1, 1, 64, 64), np.uint8),
        "gpt_neox.layers.0.attention.masked_bias": np.array(-1e9, np.float32),
        "gpt_neox.layers.0.attention.rotary_emb.inv_freq": np.ones(8, np.float32),
    }
    trained = {
        "gpt_neox.layers.0.attention.dense.bias": np.ones(8, np.float32),
        "gpt_neox.embed_in.weight": np.ones((9, 8), np.float32),
        "embed_out.weight": np.ones((9, 8), np.float32),
    }
    save_file(masks | trained, tmp_path / "model.safetensors")
    assert count_parameters(tmp_path) == ParameterCount(total=8 + 72 + 72, non_embedding=8)


def test_pickled_weights_are_counted_from_the_configuration(tmp_path: Path) -> None:
    config = _config(2, 32, 2, 97)
    config.save_pretrained(tmp_path)
    (tmp_path / "pytorch_model.bin").write_bytes(b"not opened")
    assert count_parameters(tmp_path) == parameters_of_config(config.to_dict())
    (tmp_path / "config.json").write_text('{"model_type": "opt"}')
    with pytest.raises(InvalidValue, match="save the weights as safetensors"):
        count_parameters(tmp_path)


# -- broken files


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    folder = tmp_path / "checkpoint"
    transformers.GPTNeoXForCausalLM(_config(2, 32, 2, 97)).save_pretrained(folder)
    return folder


@given(cut=st.floats(0, 0.999))
def test_a_file_cut_anywhere_is_refused(cut: float, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("cut")
    save_file({"a": np.arange(64.0)}, folder / "model.safetensors")
    whole = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(whole[: int(cut * len(whole))])
    with pytest.raises(CorruptFile, match="not a whole safetensors file"):
        count_parameters(folder)


@pytest.mark.parametrize(
    "header",
    [
        {"a": {"dtype": "F32", "shape": [10**12], "data_offsets": [0, 16]}},
        {"a": {"dtype": "F32", "shape": [4], "data_offsets": [0, 1 << 50]}},
        {"a": {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]}, "b": {"dtype": "F32", "shape": [4]}},
        {"a": {"dtype": "F32", "shape": [4], "data_offsets": [16, 0]}},
        {"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}},
        [],
    ],
)
def test_headers_that_lie_are_refused(header: Any, tmp_path: Path) -> None:
    text = json.dumps(header).encode()
    (tmp_path / "model.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + bytes(16))
    with pytest.raises(CorruptFile, match="not a whole safetensors file"):
        count_parameters(tmp_path)


def test_a_header_longer_than_memory_is_refused(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(struct.pack("<Q", 1 << 62) + b"{}" + bytes(64))
    with pytest.raises(CorruptFile, match="not a whole safetensors file"):
        count_parameters(tmp_path)


@pytest.mark.parametrize(
    "name",
    ["../other/model.safetensors", "/etc/passwd", "sub/model.safetensors", "..", "", "x.bin", "..\\m.safetensors", 7],
)
def test_an_index_leads_nowhere_but_beside_itself(name: Any, checkpoint: Path) -> None:
    (checkpoint / "model.safetensors").rename(checkpoint / "model-1.safetensors")
    index = {"weight_map": {"a": "model-1.safetensors", "b": name}}
    (checkpoint / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(CorruptFile, match="leads to "):
        weight_files(checkpoint)


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"weight_map": {}}', '{"weight_map": []}', '{"weight_map": "x"}', "{" * 5000, "\xff"]
)
def test_an_index_that_is_none_is_refused(text: str, checkpoint: Path) -> None:
    (checkpoint / "model.safetensors").unlink()
    (checkpoint / "model.safetensors.index.json").write_text(text, encoding="latin-1")
    for read in (weight_files, tensor_places, count_parameters, unused_weights):
        with pytest.raises(CorruptFile, match="is not an index of weights"):
            read(checkpoint)


def test_an_index_or_a_configuration_without_end_is_refused(checkpoint: Path) -> None:
    """Sparse files of 1 GB, of which no more is read than such a file may have."""
    (checkpoint / "model.safetensors").unlink()
    for name, read in (("model.safetensors.index.json", weight_files), ("config.json", read_config)):
        (checkpoint / name).touch()
        os.truncate(checkpoint / name, 1 << 30)
        with pytest.raises(CorruptFile, match=rf"{name} has more than \d\d,\d\d\d,\d\d\d bytes"):
            read(checkpoint)


def test_a_second_set_of_weights_is_not_used(checkpoint: Path) -> None:
    assert unused_weights(checkpoint) == ()
    for name in (
        "pytorch_model.bin",
        "model-00001-of-00002.safetensors",
        "model.safetensors.index.json",
        "optimizer.bin",
    ):
        (checkpoint / name).write_bytes(b"{}")
    assert unused_weights(checkpoint) == (
        "model-00001-of-00002.safetensors", "model.safetensors.index.json", "pytorch_model.bin"
    )  # fmt: skip


def test_a_part_that_is_not_there_is_named(tmp_path: Path) -> None:
    transformers.GPTNeoXForCausalLM(_config(2, 32, 2, 97)).save_pretrained(tmp_path, max_shard_size="20KB")
    assert len(weight_files(tmp_path)) > 3
    gone = weight_files(tmp_path)[2]
    (tmp_path / gone).unlink()
    with pytest.raises(CorruptFile, match=f"names {gone}, which is not there"):
        weight_files(tmp_path)


@pytest.mark.parametrize("text", ["", "{", "[1]", "null"])
def test_a_configuration_that_is_none_is_refused(text: str, checkpoint: Path) -> None:
    (checkpoint / "config.json").write_text(text)
    with pytest.raises(CorruptFile, match=r"config\.json is not"):
        read_config(checkpoint)


def test_what_is_missing_is_an_unknown_checkpoint(checkpoint: Path) -> None:
    with pytest.raises(UnknownCheckpoint, match="is not a folder"):
        local_files(checkpoint / "step9")
    (checkpoint / "config.json").unlink()
    for read in (weight_and_config_files, read_config):
        with pytest.raises(UnknownCheckpoint, match=r"has no config\.json"):
            read(checkpoint)
    (checkpoint / "model.safetensors").unlink()
    with pytest.raises(UnknownCheckpoint, match="holds no weights"):
        weight_files(checkpoint)


# -- files and digests


def test_files_are_listed_with_length_and_time(checkpoint: Path) -> None:
    (checkpoint / "sub").mkdir()
    os.utime(checkpoint / "config.json", ns=(5, 1_234_567_891_000))
    files = {file.name: file for file in local_files(checkpoint)}
    assert set(files) == {"config.json", "generation_config.json", "model.safetensors"}
    assert files["config.json"].modified_ns == 1_234_567_891_000
    assert files["model.safetensors"].bytes == (checkpoint / "model.safetensors").stat().st_size


def test_only_the_determining_files_make_the_digest(checkpoint: Path) -> None:
    before = sha256_of_files(checkpoint)
    assert set(before) == {"config.json", "model.safetensors"}
    for name, digest in before.items():
        assert digest == "sha256:" + hashlib.sha256((checkpoint / name).read_bytes()).hexdigest()
    (checkpoint / "README.md").write_text("another")
    (checkpoint / "pytorch_model.bin").write_bytes(b"passed over: there are safetensors")
    assert checkpoint_digest(sha256_of_files(checkpoint)) == checkpoint_digest(before)
    with (checkpoint / "model.safetensors").open("r+b") as file:
        file.seek(-1, os.SEEK_END)
        file.write(b"\x55")
    assert checkpoint_digest(sha256_of_files(checkpoint)) != checkpoint_digest(before)


def test_progress_counts_every_byte(checkpoint: Path) -> None:
    pieces: list[int] = []
    names = sha256_of_files(checkpoint, pieces.append)
    assert sum(pieces) == sum((checkpoint / name).stat().st_size for name in names)


@given(st.dictionaries(st.text("abc.", min_size=1), st.text("0123", min_size=4, max_size=4), max_size=4))
def test_digest_depends_on_names_and_contents_and_not_on_their_order(files: dict[str, str]) -> None:
    digest = checkpoint_digest(files)
    assert checkpoint_digest(dict(reversed(files.items()))) == digest
    for name, value in files.items():
        assert checkpoint_digest({**files, name: value + "0"}) != digest
        assert checkpoint_digest({**files, name + "x": value}) != digest


@given(content=st.binary(max_size=200))
def test_no_content_of_a_weights_file_escapes_the_error_tree(
    content: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("any")
    (folder / "model.safetensors").write_bytes(content)
    with pytest.raises(SeenatError):
        count_parameters(folder)
