"""Checkpoints of strangers: what their config.json must not decide, and what a broken one ends in."""

from __future__ import annotations

import json
import resource
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file

from seenat.memorization.engine.transformers.configuration import _described
from seenat.memorization.engine.transformers.loading import buildable, load_checkpoint
from seenat.registry.checkpoints.parameters import count_parameters
from seenat.registry.errors import CorruptFile, OutOfMemory
from seenat.registry.hub.location import CheckpointLocation

IDS = torch.arange(12)[None]


@pytest.fixture
def folder(neox_97: Any, tmp_path: Path) -> Path:
    neox_97.model.save_pretrained(tmp_path / "step7")
    return tmp_path / "step7"


def _load(folder: Path) -> Any:
    return load_checkpoint(CheckpointLocation.local(folder))


def _configure(folder: Path, **values: Any) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def _write_index(folder: Path, file_of: dict[str, str], suffix: str = "safetensors") -> None:
    stem = "model" if suffix == "safetensors" else "pytorch_model"
    (folder / f"{stem}.{suffix}.index.json").write_text(json.dumps({"weight_map": file_of}))


# -- a tensor in two files


@pytest.mark.parametrize("suffix", ["safetensors", "bin"])
@pytest.mark.parametrize("stale_in", [1, 2])
def test_each_tensor_comes_from_the_file_that_the_index_names(folder: Path, suffix: str, stale_in: int) -> None:
    """The other file holds a stale copy, of another shape even; whichever is read last."""
    tensors = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    name = "gpt_neox.embed_in.weight"
    stem, save = ("model", save_file) if suffix == "safetensors" else ("pytorch_model", torch.save)
    files = {place: f"{stem}-0000{place}-of-00002.{suffix}" for place in (1, 2)}
    true, stale = files[3 - stale_in], files[stale_in]
    rest = {key: tensor for key, tensor in tensors.items() if key != name}
    save({name: tensors[name]}, folder / true)
    save(rest | {name: torch.zeros(5, 5)}, folder / stale)
    _write_index(folder, {key: true if key == name else stale for key in tensors}, suffix)
    torch.testing.assert_close(_load(folder).state_dict()[name], tensors[name], rtol=0, atol=0)
    count = count_parameters(folder)
    assert count.total == sum(tensor.numel() for tensor in tensors.values())


def test_what_a_file_lacks_though_the_index_names_it_is_refused(folder: Path) -> None:
    tensors = load_file(folder / "model.safetensors")
    shutil.move(folder / "model.safetensors", folder / "model-1.safetensors")
    save_file({"more": torch.zeros(2)}, folder / "model-2.safetensors")
    _write_index(folder, {key: f"model-{1 + (key == 'embed_out.weight')}.safetensors" for key in tensors})
    for read in (_load, count_parameters):
        with pytest.raises(
            CorruptFile, match=r"model-2\.safetensors does not hold embed_out\.weight, which model\.saf"
        ):
            read(folder)


def test_what_two_files_hold_and_the_index_does_not_name_is_refused(folder: Path) -> None:
    tensors = load_file(folder / "model.safetensors")
    shutil.move(folder / "model.safetensors", folder / "model-1.safetensors")
    save_file({"more": torch.zeros(2), "embed_out.weight": torch.zeros(97, 64)}, folder / "model-2.safetensors")
    file_of = {key: "model-1.safetensors" for key in tensors if key != "embed_out.weight"}
    _write_index(folder, file_of | {"more": "model-2.safetensors"})
    for read in (_load, count_parameters):
        with pytest.raises(
            CorruptFile, match=r"hold embed_out\.weight, and model\.safetensors\.index\.json names neither"
        ):
            read(folder)


# -- what is ours to choose


def _same_as_before(folder: Path, **values: Any) -> Any:
    expected = _load(folder)(IDS).logits
    _configure(folder, **values)
    found = _load(folder)
    torch.testing.assert_close(found(IDS).logits, expected, rtol=0, atol=0)
    return found


@pytest.mark.parametrize(
    "values",
    [
        {"attn_implementation": "kernels-community/x"},
        {"_attn_implementation": "kernels-community/x"},
        {"_attn_implementation_internal": "kernels-community/x"},
        {"attn_implementation": "eager"},
        {"attn_implementation": {"": "flash_attention_2"}},
        {"experts_implementation": "kernels-community/x", "use_kernels": True, "kernel_config": {"a": "b/c"}},
        {"torch_dtype": "load", "dtype": "save"},
        {"return_dict": False, "output_attentions": True, "output_hidden_states": True},
        {"attribute_map": {"hidden_size": "vocab_size"}, "base_model_tp_plan": {"*": "colwise"}, "sub_configs": {}},
        {"to_dict": 5, "get_text_config": "x", "to_json_string": None},
        {"configuration_files": ["config.4.0.0.json"]},
        {"auto_map": {"AutoConfig": "evil.Evil"}},
        {"num_labels": 10**9},
        {"num_labels": -1, "id2label": {"x": 5}, "label2id": 3, "problem_type": "nope"},
        {"some_fact": 10**400, "another": "\ud800", "total_flos": 10**20},
    ],
    ids=lambda values: ",".join(values),
)
def test_a_configuration_decides_nothing_but_the_model(folder: Path, values: dict[str, Any]) -> None:
    (folder / "config.4.0.0.json").write_text('{"model_type": "gpt2"}')
    model = _same_as_before(folder, **values)
    assert model.config._attn_implementation == "sdpa"


def test_kernels_are_not_chosen_in_a_part_either() -> None:
    part = {"model_type": "llama", "attn_implementation": "a/b", "rope_parameters": {"rope_type": "default"}}
    kept = {"model_type": "llama", "rope_parameters": {"rope_type": "default"}}
    assert _described({"text_config": part, "num_labels": 3}) == {"text_config": kept}
    assert _described({"per_layer_config": [part, 5]}) == {"per_layer_config": [kept, 5]}


# -- what no model can be made of

STRANGE: list[dict[str, Any]] = [
    {"hidden_act": "nope"},
    {"hidden_act": 5},
    {"hidden_act": None},
    {"rope_parameters": {"rope_type": "nope", "rope_theta": 10_000.0}},
    {"rope_parameters": {"rope_type": "yarn", "rope_theta": 10_000.0, "factor": "x"}},
    {"rope_parameters": [1]},
    {"num_attention_heads": 7},
    {"num_attention_heads": 0},
    {"num_attention_heads": -4},
    {"architectures": 5},
    {"architectures": ["\ud800"]},
    {"model_type": "\ud800"},
    {"model_type": 5},
    {"model_type": ["gpt_neox"]},
    {"hidden_size": -64},
    {"hidden_size": 10**30},
    {"hidden_size": 10**400},
    {"intermediate_size": 0},
    {"vocab_size": 10**12},
    {"vocab_size": -1},
    {"num_hidden_layers": 10**9},
    {"num_hidden_layers": 10**18},
    {"num_hidden_layers": -3},
    {"max_position_embeddings": "many"},
    {"layer_norm_eps": "small"},
    {"tie_word_embeddings": "\ud800"},
    {"text_config": 5, "vision_config": []},
    {"rope_parameters": "DEEP"},
    {"rope_theta": float("nan"), "hidden_size": float("inf")},
    {"hidden_size": 2**31, "rope_parameters": {"rope_theta": 1e4, "partial_rotary_factor": "nan"}},
    {"hidden_size": 2**31, "rope_parameters": {"rope_theta": 1e4, "partial_rotary_factor": [0.25]}},
]


@pytest.mark.parametrize("values", STRANGE, ids=ascii)
def test_a_strange_configuration_is_a_corrupt_file_and_takes_no_memory(folder: Path, values: dict[str, Any]) -> None:
    _configure(folder, **values)
    path = folder / "config.json"
    path.write_text(path.read_text().replace('"DEEP"', "[" * 900 + "]" * 900))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(CorruptFile) as caught:
        _load(folder)
    message = str(caught.value)
    assert str(folder) in message
    assert message.isprintable()
    assert len(message) < 2_000
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 500_000


def test_a_count_beyond_the_weights_is_refused_before_anything_is_built(folder: Path) -> None:
    _configure(folder, num_hidden_layers=1_025)
    with pytest.raises(CorruptFile, match=r"says num_hidden_layers is 1025, and the weights are \d+ tensors"):
        _load(folder)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"n_positions": 10**6}, "misshapes"),
        ({"n_positions": 10**9}, "describes .* numbers, and the weights hold"),
        ({"n_layer": 10**8}, "is 100000000, and"),
        ({"n_head": 5}, "makes no model"),
    ],
)
def test_positions_and_masks_are_bounded_too(tmp_path: Path, values: dict[str, Any], message: str) -> None:
    shape = {"n_embd": 32, "n_head": 2, "n_layer": 2, "vocab_size": 97, "n_positions": 64}
    transformers.GPT2LMHeadModel(transformers.GPT2Config(**shape)).save_pretrained(tmp_path)
    assert _load(tmp_path)(IDS).logits.shape == (1, 12, 97)
    _configure(tmp_path, **values)
    with pytest.raises(CorruptFile, match=message):
        _load(tmp_path)


def test_the_whole_reason_is_told(folder: Path) -> None:
    _configure(folder, hidden_act="nope")
    with pytest.raises(CorruptFile, match=r"step7 makes no model: KeyError: .*nope.*; correct its config\.json\."):
        _load(folder)


def test_a_lack_of_memory_is_not_the_checkpoints_fault() -> None:
    with pytest.raises(OutOfMemory, match="does not fit into the memory"), buildable("It"):
        np.empty(1 << 60, dtype=np.uint8)
