"""Ids as text: sequences begin within documents, and tokenizers come from strangers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tokenizers import Tokenizer, decoders, models

from seenat.registry.errors import CorruptFile
from seenat.registry.orders.text.detokenize import decode

VOCABULARY = {"a": 0, "b": 1, "▁the": 2, "▁end": 3, "<0xE2>": 4, "<0x82>": 5, "<0xAC>": 6, ".": 7}
LLAMA = [
    {"type": "Replace", "pattern": {"String": "▁"}, "content": " "},
    {"type": "ByteFallback"},
    {"type": "Fuse"},
    {"type": "Strip", "content": " ", "start": 1, "stop": 0},
]
METASPACE = {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": True}


def write(folder: Path, decoder: Any) -> str:
    content = json.loads(Tokenizer(models.WordLevel(vocab=VOCABULARY, unk_token="a")).to_str())
    (folder / "tokenizer.json").write_text(json.dumps(content | {"decoder": decoder}))
    return str(folder / "tokenizer.json")


def text(tokenizer: str, *ids: int) -> str:
    (decoded,) = decode(tokenizer, np.array([ids], dtype=np.uint16), order="mine")
    return decoded


@pytest.mark.parametrize("decoder", [{"type": "Sequence", "decoders": LLAMA}, METASPACE], ids=["Strip", "Metaspace"])
def test_the_blank_before_the_first_id_is_kept(tmp_path: Path, decoder: Any) -> None:
    tokenizer = write(tmp_path, decoder)
    assert text(tokenizer, 2, 0, 3, 7) == " thea end."
    assert text(tokenizer, 0, 2) == "a the"
    assert text(tokenizer, 3) == " end"


def test_bytes_at_the_beginning_stay_one_character(tmp_path: Path) -> None:
    assert text(write(tmp_path, {"type": "Sequence", "decoders": LLAMA}), 4, 5, 6, 2) == "€ the"


def test_a_decoder_that_takes_nothing_is_left_alone(tmp_path: Path) -> None:
    assert text(write(tmp_path, None), 2, 0) == "▁the a"
    tokenizer = Tokenizer(models.BPE(vocab={"Ġ": 0, "a": 1}, merges=[]))
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    assert text(str(tmp_path / "tokenizer.json"), 0, 1) == " a"


def test_a_tokenizer_that_panics_is_a_corrupt_file_and_prints_nothing(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    tokenizer = write(tmp_path, {"type": "Strip", "content": "a", "start": 1, "stop": 10})
    with pytest.raises(
        CorruptFile, match=r"tokenizer\.json cannot decode ids of mine: the library .* panicked: index out"
    ):
        text(tokenizer, 0, 1)
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"model": 5}', '{"version": "9.9"}', "\ud800", "[" * 50_000])
def test_what_is_no_tokenizer_is_a_corrupt_file(tmp_path: Path, content: str) -> None:
    (tmp_path / "tokenizer.json").write_bytes(content.encode("utf-8", "surrogatepass"))
    with pytest.raises(CorruptFile, match=r"tokenizer\.json is not a tokenizer that can be read: ") as caught:
        text(str(tmp_path), 0)
    assert str(caught.value).isprintable()


def test_ids_that_no_tokenizer_can_have_are_told(tmp_path: Path) -> None:
    with pytest.raises(CorruptFile, match="cannot decode ids of mine"):
        decode(write(tmp_path, None), np.array([[-1]], dtype=np.int64), order="mine")  # type: ignore[arg-type]
