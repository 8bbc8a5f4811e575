"""The end-of-document id of an order is the one that its tokenizer and its models' configurations name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import constants
from support.fake_hub import HubServer, client_of

from seenat.registry.catalog.catalog import Catalog
from seenat.registry.errors import InvalidManifest
from seenat.registry.integrity.content import fetch_files
from seenat.registry.suites.register import register_suite

Suite = Any
"""The `SmallSuite` of conftest.py."""


def configure(suite: Suite, step: int = 0, model: str = "mine-l", **values: Any) -> Path:
    """Change the configuration of one checkpoint."""
    path: Path = suite.folder / model / f"step{step}" / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | values))
    return path


def add_tokenizer(folder: Path, end: str = "</s>", beside: dict[str, Any] | None = None) -> None:
    """A tokenizer.json of two letters whose id 2 is `end`, and a tokenizer_config.json."""
    content = {
        "model": {"type": "BPE", "vocab": {"a": 0, "b": 1}, "merges": []},
        "added_tokens": [{"id": 2, "content": end, "special": True}],
    }
    (folder / "tokenizer.json").write_text(json.dumps(content))
    if beside is not None:
        (folder / "tokenizer_config.json").write_text(json.dumps(beside))


def registered_eos(catalog: Catalog, suite: Suite) -> int | None:
    register_suite(catalog, suite.write())
    return catalog.order("mine-order").eos_id


def refused(catalog: Catalog, suite: Suite) -> str:
    with pytest.raises(InvalidManifest, match="mine-order has two ends of documents") as caught:
        register_suite(catalog, suite.write())
    assert "mine-order" not in [order.name for order in catalog.orders()]
    return str(caught.value)


@pytest.mark.parametrize(
    "named",
    [{"eos_token_id": 2}, {"eos_token_id": [2, 7]}, {"eos_token_id": [0, 2]}, {"text_config": {"eos_token_id": 2}}],
)
def test_an_unwritten_id_that_a_configuration_contradicts_is_refused(
    bare_catalog: Catalog, small_suite: Suite, named: dict[str, Any]
) -> None:
    del small_suite.order["eos_id"]
    path = configure(small_suite, step=10, **named)
    message = refused(bare_catalog, small_suite)
    assert "and 0 by default, but " in message
    assert f"2 by {path}" in message or f"2 or 7 by {path}" in message
    assert "write the eos_id" in message
    small_suite.order["eos_id"] = 2
    assert registered_eos(bare_catalog, small_suite) == 2


@pytest.mark.parametrize("named", [{"eos_token_id": 0}, {"eos_token_id": [0]}, {"eos_token_id": None}, {}])
def test_an_unwritten_id_is_0_where_all_that_speak_say_so(
    bare_catalog: Catalog, small_suite: Suite, named: dict[str, Any]
) -> None:
    del small_suite.order["eos_id"]
    configure(small_suite, **named)
    assert registered_eos(bare_catalog, small_suite) == 0


@pytest.mark.parametrize("place", ["order", "checkpoint"])
@pytest.mark.parametrize(
    ("end", "beside"),
    [
        ("</s>", None),
        ("<end>", {"eos_token": "<end>"}),
        ("<end>", {"eos_token": {"content": "<end>", "lstrip": False}}),
        ("</s>", {"eos_token": "b"}),
    ],
)
def test_an_unwritten_id_that_the_tokenizer_contradicts_is_refused(
    bare_catalog: Catalog, small_suite: Suite, place: str, end: str, beside: dict[str, Any] | None
) -> None:
    del small_suite.order["eos_id"]
    folder = small_suite.folder if place == "order" else small_suite.folder / "mine-s" / "step0"
    add_tokenizer(folder, end, beside)
    if place == "order":
        small_suite.order["tokenizer"] = "tokenizer.json"
    due = 1 if beside == {"eos_token": "b"} else 2
    assert f"and 0 by default, but {due} by {folder / 'tokenizer.json'}" in refused(bare_catalog, small_suite)
    small_suite.order["eos_id"] = due
    assert registered_eos(bare_catalog, small_suite) == due


def test_a_tokenizer_that_names_no_end_says_nothing(bare_catalog: Catalog, small_suite: Suite) -> None:
    del small_suite.order["eos_id"]
    add_tokenizer(small_suite.folder, end="<pad>")
    small_suite.order["tokenizer"] = "tokenizer.json"
    assert registered_eos(bare_catalog, small_suite) == 0


def test_a_written_id_that_all_contradict_is_refused(bare_catalog: Catalog, small_suite: Suite) -> None:
    small_suite.order["eos_id"] = 5
    path = configure(small_suite, eos_token_id=3)
    assert f"eos_id is 5, but 3 by {path}; correct eos_id" in refused(bare_catalog, small_suite)
    add_tokenizer(small_suite.folder)
    small_suite.order |= {"tokenizer": "tokenizer.json", "eos_id": 0}
    assert "eos_id is 0, but 2 by " in refused(bare_catalog, small_suite)
    small_suite.order["eos_id"] = "none"
    assert registered_eos(bare_catalog, small_suite) is None


def test_what_transformers_writes_unasked_says_nothing_against_a_written_id(
    bare_catalog: Catalog, small_suite: Suite
) -> None:
    small_suite.order["eos_id"] = 0
    configure(small_suite, eos_token_id=2)
    assert registered_eos(bare_catalog, small_suite) == 0


def test_an_order_of_the_catalog_is_compared_too(bare_catalog: Catalog, small_suite: Suite) -> None:
    models, small_suite.models = small_suite.models, {}
    del small_suite.order["eos_id"]
    register_suite(bare_catalog, small_suite.write())
    small_suite.name, small_suite.order, small_suite.models = "more", {}, models
    configure(small_suite, eos_token_id=2)
    with pytest.raises(InvalidManifest, match="and 0 by default, but 2 by "):
        register_suite(bare_catalog, small_suite.write())


def test_a_hubs_configuration_is_compared_before_its_weights_are_fetched(
    bare_catalog: Catalog, small_suite: Suite, hub: HubServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    del small_suite.order["eos_id"]
    configure(small_suite, eos_token_id=2)
    hub.add("org/mine", "step0", small_suite.folder / "mine-l" / "step0")
    small_suite.models = {"far": {"order": "mine-order", "steps": [0], "train_steps": 10, "repository": "org/mine"}}
    register_suite(bare_catalog, small_suite.write())
    model = bare_catalog.model("far")

    def fetched() -> Path:
        return fetch_files(bare_catalog, model, model.checkpoint(0))

    with client_of(hub):
        with pytest.raises(InvalidManifest, match=r"eos_id is not written, and 0 by default, but 2 by .*config.json"):
            fetched()
        assert not [request for request in hub.requests if "safetensors" in request]
        small_suite.order["eos_id"] = 0
        small_suite.write()
        assert (fetched() / "model.safetensors").exists()
        small_suite.manifest.rename(tmp_path / "moved.toml")
        with pytest.raises(InvalidManifest, match="but 2 by"):
            fetched()
