"""`seenat trace` and `seenat generate`, as commands."""

from __future__ import annotations

import io
import json
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
from support.cli import Call, run_process

MODEL = "pocket-2m"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, pocket_file: Path) -> Path:
    """A home with the pocket suite and an index of its order."""
    folder = tmp_path_factory.mktemp("indexed-home")
    shutil.copy(pocket_file, folder)
    done = run_process(folder, ["index", "build", "pocket-order"])
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture
def text(call: Call, tmp_path: Path) -> Path:
    """A file with a piece of a sequence between words that are in none."""
    known = json.loads(call("sequence", MODEL, "700", "--decode", "--json").out)["texts"][0]
    path = tmp_path / "text.txt"
    path.write_text(f"Qqq zzz {known[20:160]} xkcd \x1b[31m qqq\n", "utf-8")
    return path


def answer(call: Call, *args: str) -> Any:
    called = call(*args, "--json")
    assert called.code == 0, called.err
    assert called.out.count("\n") == 1
    return json.loads(called.out)


def test_json_has_the_keys_that_others_build_on(call: Call, text: Path) -> None:
    found = answer(call, "trace", str(text), "--model", MODEL, "--step", "384", "--exposures", "2", "--gaps", "1")
    assert set(found) >= {"order", "coverage", "ids", "spans", "gapped", "text", "model", "step", "minimum"}
    span = found["spans"][0]
    assert set(span) >= {"start", "stop", "ids", "text", "count", "rarity", "frequent", "exposures"}
    assert span["ids"] == found["ids"][span["start"] : span["stop"]]
    assert len(span["exposures"]) == min(2, span["count"])
    assert set(span["exposures"][0]) >= {"sequence", "offset", "batch", "step", "first_checkpoint_seen"}


def test_people_get_the_text_and_a_table(call: Call, text: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = answer(call, "trace", str(text), "--model", MODEL)
    called = call("trace", str(text), "--model", MODEL)
    assert "\x1b" not in called.out
    assert r"xkcd \x1b[31m qqq" in called.out
    exposure = found["spans"][0]["exposures"][0]
    row = next(
        line for line in called.out.splitlines() if line.startswith(f"{found['spans'][0]['rarity']:.1f}".rjust(6))
    )
    assert str(exposure["sequence"]) in row.split()
    assert "searched  all 3,072 sequences" in called.out
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.read_bytes()), "utf-8"))
    assert call("trace", "-", "--model", MODEL).out == called.out


def test_ids_can_be_traced(call: Call, text: Path) -> None:
    found = answer(call, "trace", str(text), "--model", MODEL)
    again = answer(call, "trace", "--ids", ",".join(map(str, found["ids"])), "--model", MODEL)
    assert [(span["start"], span["stop"]) for span in again["spans"]] == [
        (span["start"], span["stop"]) for span in found["spans"]
    ]


def test_a_page_is_written_once(call: Call, text: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    called = call("trace", str(text), "--model", MODEL, "--html", str(page))
    assert (called.code, called.err) == (0, f"The page is {page}.\n")
    assert page.read_text("utf-8").startswith("<!doctype html>")
    assert "exists already" in call("trace", str(text), "--model", MODEL, "--html", str(page)).err


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (["trace", "--model", MODEL], "give a file"),
        (["trace", "-", "--ids", "1,2", "--model", MODEL], "give a file"),
        (["trace", "nowhere.txt", "--model", MODEL], "nowhere.txt"),
        (["trace", "--ids", "1,x", "--model", MODEL], "'x' is no id"),
        (["trace", "--ids", "1,2,3", "--model", MODEL, "--minimum", "3"], "denser index"),
        (["trace", "--ids", "1,2,99999", "--model", MODEL], "99999 is not an id"),
        (["trace", "--ids", "1,2,3", "--order", "pile"], "has no index"),
        (["generate", MODEL, "384"], "give a prompt"),
        (["generate", MODEL, "65", "words"], "no checkpoint at step 65"),
    ],
)
def test_mistakes_are_one_sentence(call: Call, args: list[str], says: str) -> None:
    called = call(*args)
    assert called.code != 0
    assert called.out == ""
    assert says in called.err
    assert called.err.startswith("Error: ")
    assert called.err.count("\n") == 1


def test_a_file_that_is_no_text_is_refused(call: Call, tmp_path: Path) -> None:
    (tmp_path / "latin.txt").write_bytes(b"caf\xe9")
    assert "no text in UTF-8, from byte 3 on" in call("trace", "latin.txt", "--model", MODEL).err


@pytest.mark.needs_torch
def test_what_is_generated_is_shown_and_traced(call: Call) -> None:
    found = answer(call, "generate", MODEL, "384", "The default process group", "--length", "24", "--trace")
    assert set(found) >= {"model", "step", "prompt", "continuation", "prompt_ids", "continuation_ids", "trace"}
    assert found["trace"]["ids"] == found["prompt_ids"] + found["continuation_ids"]
    assert found["trace"]["step"] == 384
    called = call("generate", MODEL, "384", "The default process group", "--length", "24")
    assert called.out == found["prompt"] + found["continuation"] + "\n"
