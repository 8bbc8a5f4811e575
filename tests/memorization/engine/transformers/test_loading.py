"""Checkpoints load as what their files describe, or not at all."""

from __future__ import annotations

import json
import logging
import pickle
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file

from seenat.memorization.engine.scorer import Scorer
from seenat.memorization.engine.transformers.loading import load_checkpoint
from seenat.memorization.engine.transformers.reference import reference_scores
from seenat.memorization.protocol.protocol import Protocol
from seenat.registry.errors import CorruptFile, InvalidValue, UnknownCheckpoint
from seenat.registry.hub.location import CheckpointLocation


@pytest.fixture
def folder(neox_97: Any, tmp_path: Path) -> Path:
    """A checkpoint as Pythia's are: float16 safetensors."""
    return _save(neox_97.model, tmp_path / "step7")


def _save(model: Any, folder: Path, dtype: torch.dtype = torch.float16, **options: Any) -> Path:
    model.to(dtype).save_pretrained(folder, **options)
    model.float()
    return folder


def _load(folder: Path, **options: Any) -> Any:
    return load_checkpoint(CheckpointLocation.local(folder), **options)


def _change(folder: Path, change: Callable[[dict[str, torch.Tensor]], object]) -> None:
    """Rewrite the weights after `change` has worked on them."""
    tensors = {name: tensor.clone() for name, tensor in load_file(folder / "model.safetensors").items()}
    change(tensors)
    save_file(tensors, folder / "model.safetensors", {"format": "pt"})


def _pickle_weights(folder: Path) -> None:
    """The same weights as a pickle, as uploads before safetensors."""
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()


# -- what loads


def test_half_precision_files_load_as_single_and_score_as_generation_does(neox_97: Any, folder: Path) -> None:
    model = _load(folder)
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}
    assert not model.training
    stored = load_file(folder / "model.safetensors")
    torch.testing.assert_close(model.get_output_embeddings().weight, stored["embed_out.weight"].float(), rtol=0, atol=0)
    protocol = Protocol()
    tokens = neox_97.rows[:, :64]
    expected = reference_scores(transformers.AutoModelForCausalLM.from_pretrained(folder).float(), tokens, protocol)
    np.testing.assert_array_equal(Scorer(model, protocol, "cpu").prefixes(tokens), expected.prefix)
    assert expected.memorized.any()


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_another_type_on_request(folder: Path, dtype: str) -> None:
    assert {parameter.dtype for parameter in _load(folder, dtype=dtype).parameters()} == {getattr(torch, dtype)}


@pytest.mark.parametrize("form", ["sharded", "pickle", "sharded pickle", "old buffers"])
def test_every_form_of_the_same_weights_loads_alike(neox_97: Any, folder: Path, tmp_path: Path, form: str) -> None:
    expected = _load(folder).state_dict()
    if form == "sharded":
        folder = _save(neox_97.model, tmp_path / "sharded", max_shard_size="60KB")
        assert len(list(folder.glob("*.safetensors"))) > 2
    if "pickle" in form:
        _pickle_weights(folder)
    if form == "sharded pickle":
        _shard_pickle(folder)
    if form == "old buffers":
        _change(folder, _add_old_buffers)
    found = _load(folder).state_dict()
    assert found.keys() == expected.keys()
    for name, tensor in expected.items():
        torch.testing.assert_close(found[name], tensor, rtol=0, atol=0)


def _add_old_buffers(tensors: dict[str, torch.Tensor]) -> None:
    for layer in range(2):
        prefix = f"gpt_neox.layers.{layer}.attention."
        tensors[prefix + "bias"] = torch.ones(1, 1, 64, 64, dtype=torch.uint8)
        tensors[prefix + "masked_bias"] = torch.tensor(-1e4, dtype=torch.float16)
        tensors[prefix + "rotary_emb.inv_freq"] = torch.ones(2)


def _shard_pickle(folder: Path) -> None:
    tensors = torch.load(folder / "pytorch_model.bin", weights_only=True)
    (folder / "pytorch_model.bin").unlink()
    places = {name: f"pytorch_model-{number % 2}.bin" for number, name in enumerate(tensors)}
    for file in set(places.values()):
        torch.save({name: tensors[name] for name in places if places[name] == file}, folder / file)
    (folder / "pytorch_model.bin.index.json").write_text(json.dumps({"weight_map": places}))


def test_another_architecture_loads_and_scores(llama: Any, tmp_path: Path) -> None:
    model, protocol = _load(_save(llama.model, tmp_path, torch.float32)), Protocol()
    tokens = llama.rows[:, :64]
    expected = reference_scores(llama.model, tokens, protocol).prefix
    np.testing.assert_array_equal(Scorer(model, protocol, "cpu").prefixes(tokens), expected)


def test_tied_embeddings_are_one_matrix(tmp_path: Path) -> None:
    config = transformers.GPTNeoXConfig(
        vocab_size=97, hidden_size=32, num_hidden_layers=1, num_attention_heads=2, tie_word_embeddings=True
    )
    model = _load(_save(transformers.GPTNeoXForCausalLM(config), tmp_path))
    assert model.get_output_embeddings().weight is model.get_input_embeddings().weight


def test_other_files_of_the_folder_change_nothing(neox_97: Any, folder: Path) -> None:
    expected = _load(folder)
    (folder / "adapter_config.json").write_text('{"base_model_name_or_path": "no/where", "peft_type": "LORA"}')
    (folder / "generation_config.json").write_text('{"eos_token_id": 9, "repetition_penalty": 5.0}')
    (folder / "pytorch_model.bin").write_bytes(b"broken")
    found = _load(folder)
    torch.testing.assert_close(found.state_dict(), expected.state_dict(), rtol=0, atol=0)
    assert found.generation_config.repetition_penalty == expected.generation_config.repetition_penalty


def test_loading_is_silent_and_leaves_settings_as_they_were(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    utils: Any = transformers.utils.logging
    utils.set_verbosity_warning()
    utils.enable_progress_bar()
    before = utils.get_verbosity(), utils.is_progress_bar_enabled(), list(warnings.filters)
    _load(folder)
    _change(folder, lambda tensors: tensors.pop("embed_out.weight"))
    with pytest.raises(CorruptFile):
        _load(folder)
    assert (utils.get_verbosity(), utils.is_progress_bar_enabled(), list(warnings.filters)) == before
    assert torch.get_default_dtype() == torch.float32
    assert capfd.readouterr() == ("", "")
    assert before[:2] == (logging.WARNING, True)


# -- what does not


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.pop("gpt_neox.layers.1.mlp.dense_h_to_4h.weight"), r"lacks gpt_neox\.layers\.1\.mlp\.dense_h_to_4h"),
        (lambda t: t.pop("embed_out.weight"), "lacks lm_head.weight"),
        (lambda t: [t.pop(name) for name in list(t) if "layers.1" in name], r"lacks gpt_neox\.layers\.1.* 11 more tensors"),
        (lambda t: t.update(surplus=torch.zeros(3)), "without a place for it, surplus"),
        (lambda t: t.update({"gpt_neox.layers.2.mlp.dense_4h_to_h.bias": torch.zeros(64)}), r"a place for it, .*layers\.2"),
        (lambda t: t.update({"gpt_neox.embed_in.weight": torch.zeros(96, 64)}), "misshapes gpt_neox.embed_in.weight"),
    ],
)  # fmt: skip
def test_tensors_that_do_not_fit_are_named(folder: Path, change: Callable[[Any], object], message: str) -> None:
    _change(folder, change)
    with pytest.raises(CorruptFile, match=message):
        _load(folder)


@pytest.mark.parametrize("keep", [0, 7, 8, 100, 0.5, 0.999])
def test_truncated_weights_are_refused(folder: Path, keep: float) -> None:
    whole = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(whole[: int(keep * len(whole)) if keep < 1 else int(keep)])
    with pytest.raises(CorruptFile, match="not a whole file of weights"):
        _load(folder)


class _Bomb:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, tuple[Path]]:
        return Path.touch, (self.path,)


@pytest.mark.parametrize("wrap", [lambda bomb: bomb, lambda bomb: {"embed_out.weight": bomb}])
def test_a_pickle_with_code_is_refused_and_not_run(folder: Path, tmp_path: Path, wrap: Callable[[Any], Any]) -> None:
    _pickle_weights(folder)
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps(wrap(_Bomb(tmp_path / "ran"))))
    with pytest.raises(CorruptFile, match="not a whole file of weights"):
        _load(folder)
    assert not (tmp_path / "ran").exists()


def test_a_pickle_of_something_else_is_refused(folder: Path) -> None:
    _pickle_weights(folder)
    torch.save({"model": {"embed_out.weight": torch.zeros(2)}}, folder / "pytorch_model.bin")
    with pytest.raises(CorruptFile, match="something else than named tensors"):
        _load(folder)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model_type": "no_such"}, "is no model's configuration"),
        ({"model_type": None}, "is no model's configuration"),
        ({"hidden_size": "wide"}, "hidden_size is .wide., which is no number"),
        ({"num_attention_heads": 7}, "is no model's configuration"),
        ({"architectures": ["GPTNeoXForTokenClassification"]}, "describes GPTNeoXForTokenClassification, not a causal"),
        ({"model_type": "vit", "architectures": ["ViTModel"]}, "describes ViTModel, not a causal"),
        ({"quantization_config": {"quant_method": "gptq", "bits": 4}}, "asks for quantized weights"),
        ({"transformers_weights": "../other/model.safetensors"}, "asks for weights under another name"),
        ({"num_hidden_layers": 1}, r"a place for it, gpt_neox\.layers\.1\.attention\.dense\.bias and 11 more"),
        ({"vocab_size": 96}, "misshapes "),
    ],
)
def test_configurations_that_do_not_describe_the_weights_are_refused(
    folder: Path, change: dict[str, Any], message: str
) -> None:
    config = json.loads((folder / "config.json").read_text()) | change
    (folder / "config.json").write_text(json.dumps({key: value for key, value in config.items() if value is not None}))
    with pytest.raises(CorruptFile, match=message):
        _load(folder)


def test_code_of_a_checkpoint_is_not_run(folder: Path, tmp_path: Path) -> None:
    (folder / "evil.py").write_text(
        f"import pathlib; pathlib.Path({str(tmp_path / 'ran')!r}).touch()\nclass Evil: pass"
    )
    config = json.loads((folder / "config.json").read_text()) | {
        "model_type": "evil", "auto_map": {"AutoConfig": "evil.Evil", "AutoModelForCausalLM": "evil.Evil"},
    }  # fmt: skip
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(CorruptFile, match="is no model's configuration"):
        _load(folder)
    assert not (tmp_path / "ran").exists()


def test_what_is_missing_is_an_unknown_checkpoint(folder: Path) -> None:
    with pytest.raises(UnknownCheckpoint, match="is not a folder"):
        _load(folder / "step8")
    (folder / "model.safetensors").unlink()
    with pytest.raises(UnknownCheckpoint, match="holds no weights"):
        _load(folder)


def test_a_location_is_one_thing(folder: Path) -> None:
    assert str(CheckpointLocation.local(folder)) == str(folder)
    assert str(CheckpointLocation.hub("org/name", "step3")) == "org/name@step3"
    assert str(CheckpointLocation.hub("org/name", "step3", "ab" * 20)) == "org/name@" + "ab" * 20
    for parts in ({}, {"repository": "a/b"}, {"revision": "step3"}, {"folder": folder, "repository": "a/b"}):
        with pytest.raises(InvalidValue, match="A checkpoint"):
            CheckpointLocation(**parts)
    with pytest.raises(InvalidValue, match="not 'int8'"):
        _load(folder, dtype="int8")
