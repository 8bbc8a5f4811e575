"""SUITE.toml: what a user writes to register a suite."""

from __future__ import annotations

from pathlib import Path

from fuzz.mutator import damage_text
from fuzz.target import Target
from seenat.registry.suites.manifest.manifest import read_manifest

__all__ = ["TARGETS"]

_SUITE = b"""[suite]
name = "mine"

[[order]]
name = "mine-order"
format = "mmididx"
files = ["document-00000-of-00002.bin", "document-00001-of-00002.bin"]
index = "document.idx"
tokens_per_sequence = 97
sequences_per_batch = 12
sequences = 2400
dtype = "uint16"
vocab_size = 700
eos_id = 0
tokenizer = "tokenizer.json"

[[model]]
name = "mine-small"
order = "mine-order"
family = "mine"
size = "230k"
steps = [0, 7, 50, 120, 200]
checkpoints = "models/mine-small/step{step}"
aliases = ["tiny", "small"]

[[model]]
name = "mine-hub"
order = "mine-order"
steps = [0, 7]
repository = "org/name"
revision = "step{step}"
"""


def _samples(_folder: Path) -> list[bytes]:
    return [_SUITE, _SUITE.replace(b"\n", b"\r\n"), _SUITE.split(b"[[model]]", maxsplit=1)[0]]


def _parse(data: bytes, folder: Path) -> None:
    path = folder / "SUITE.toml"
    path.write_bytes(data)
    read_manifest(path)


TARGETS = [Target(name="suite-toml", samples=_samples, parse=_parse, damage=damage_text)]
