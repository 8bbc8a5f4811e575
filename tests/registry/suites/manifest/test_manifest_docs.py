"""The documentation of manifests: its example is valid, its messages are those printed, its tables have every key.

A block belongs to the example when `SUITE.toml` follows its language: the manifest itself, code that reads it, changes to
it, and after each change the message that it leads to.
"""

from __future__ import annotations

import re
import runpy
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from seenat.registry.errors import InvalidManifest
from seenat.registry.suites.manifest.keys import MODEL_KEYS, ORDER_KEYS, SUITE_KEYS
from seenat.registry.suites.manifest.manifest import ModelManifest, OrderManifest, SuiteManifest, read_manifest

DOCS = Path(__file__).parents[4] / "docs"
PAGE = (DOCS / "suites.md").read_text(encoding="utf-8")
TEXT = PAGE + (DOCS / "suite-mistakes.md").read_text(encoding="utf-8")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What the text says is in `/data/mine`."""
    for name in (*(f"document-0000{shard}-of-00003.bin" for shard in range(4)), "document.idx", "tokenizer.json"):
        (tmp_path / name).touch()
    for step in (0, 7, 50, 120, 200):
        (tmp_path / f"models/mine-small/step{step}").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def blocks(tag: str) -> list[str]:
    return re.findall(rf"(?ms)^```{tag} SUITE\.toml\n(.*?)^```$", TEXT)


def patched(text: str, diff: str) -> str:
    """Apply a run of removed lines, each followed by what comes in its place."""
    for hunk in re.findall(r"(?:^-.*\n)+(?:^\+.*\n)*", diff, re.MULTILINE):
        old, new = (
            "".join(line[1:] + "\n" for line in hunk.splitlines() if line.startswith(sign)) for sign in ("-", "+")
        )
        assert text.count(old) == 1
        text = text.replace(old, new)
    return text


def test_the_documented_example_can_be_read_by_the_documented_code(folder: Path) -> None:
    (example,), (code,) = blocks("toml"), blocks("python")
    Path("SUITE.toml").write_text(example, encoding="utf-8")
    Path("check.py").write_text(code, encoding="utf-8")
    runpy.run_path("check.py")


@pytest.mark.parametrize("place", range(len(blocks("diff"))))
def test_documented_messages_are_what_is_printed(folder: Path, place: int) -> None:
    Path("SUITE.toml").write_text(patched(blocks("toml")[0], blocks("diff")[place]), encoding="utf-8")
    with pytest.raises(InvalidManifest) as refused:
        read_manifest(Path("SUITE.toml"))
    assert str(refused.value).replace(str(folder), "/data/mine") + "\n" == blocks("text")[place]


@pytest.mark.parametrize(
    ("header", "keys", "values_class"),
    [
        (r"\[suite\]", SUITE_KEYS, SuiteManifest),
        (r"\[\[order\]\]", ORDER_KEYS, OrderManifest),
        (r"\[\[model\]\]", MODEL_KEYS, ModelManifest),
    ],
)
def test_every_key_is_documented(header: str, keys: dict[str, Any], values_class: type) -> None:
    section = re.split(r"(?m)^##", re.split(rf"(?m)^### `{header}`", PAGE)[1])[0]
    rows = [[cell.strip(" `") for cell in row.split(" | ")] for row in re.findall(r"(?m)^\| (`.*) \|$", section)]
    assert [row[0] for row in rows] == list(keys)
    assert {row[0] for row in rows if row[2] == "required"} == {key for key, spec in keys.items() if spec.required}
    assert set(keys) <= {field.name for field in fields(values_class)}
