"""What a command advises next answers by the protocol of what was just measured, and measures by that of what was asked."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest
from support.cli import Process, run_process


@pytest.fixture(scope="module")
def own_home(measured_home: Callable[[], Path]) -> Path:
    return measured_home()


def measure(home: Path, model: str, *options: str) -> Process:
    done = run_process(home, ["memorize", model, "--steps", "384", "--sequences", "0:24", *options])
    assert done.returncode == 0, done.stderr
    return done


@pytest.mark.parametrize(
    "options",
    [
        ["--continuation", "33"],
        ["--prompt", "16"],
        ["--dtype", "bfloat16"],
        ["--measure", "score"],
        ["--eos", "allowed"],
        ["--offset", "1"],
    ],
    ids=" ".join,
)
def test_what_to_see_next_is_what_was_measured(own_home: Path, options: list[str]) -> None:
    said = measure(own_home, "pocket-230k", *options)
    hint = said.stderr.splitlines()[-1].removeprefix("See when: seenat ")
    answer = json.loads(run_process(own_home, [*shlex.split(hint), "--json"]).stdout)
    (job,) = (one for one in json.loads(run_process(own_home, ["jobs", "--json"]).stdout)[:1])
    assert answer["protocol"] == job["protocol"]
    assert answer["protocol"][options[0].removeprefix("--")] in (
        options[1],
        int(options[1]) if options[1].isdigit() else "",
    )


def test_the_default_protocol_needs_no_id(own_home: Path) -> None:
    assert measure(own_home, "pocket-230k").stderr.endswith("See when: seenat onset pocket-230k\n")


def test_several_protocols_have_a_hint_each_and_are_told_apart(own_home: Path) -> None:
    said = measure(own_home, "pocket-660k", "--continuation", "8,16").stderr
    ids = re.findall(r"See when: seenat onset pocket-660k --protocol (\w+)\n", said)
    assert len(set(ids)) == 2
    for id_, length in zip(ids, (8, 16), strict=True):
        found = json.loads(run_process(own_home, ["onset", "pocket-660k", "--protocol", id_, "--json"]).stdout)
        assert found["protocol"]["continuation"] == length
    refused = run_process(own_home, ["onset", "pocket-660k"])
    assert refused.returncode == 2
    for id_, length in zip(ids, (8, 16), strict=True):
        assert f"{id_} (prefix of 32 + {length} ids from 0, EOS banned; --continuation {length})" in refused.stderr


def test_what_to_measure_next_is_by_the_protocol_that_was_asked_for(own_home: Path) -> None:
    measure(own_home, "pocket-2m", "--continuation", "33")
    for args in (
        ["trajectory", "pocket-2m", "2000"],
        ["study", "batches", "pocket-2m", "--step", "128"],
        ["study", "exposures", "pocket-2m", "--until", "64"],
        ["study", "labels", "pocket-2m", "--repeated"],
        ["which", "first", "pocket-2m", "--by", "64"],
        ["which", "batches", "pocket-2m", "--step", "64"],
        ["export", "pocket-2m", "--sequences", "2000:2001", "--out", str(own_home / "none.parquet")],
    ):
        refused = run_process(own_home, args)
        assert refused.returncode == 3, (args, refused.stderr)
        if "seenat memorize" in refused.stderr:
            assert "seenat memorize pocket-2m --continuation 33" in refused.stderr, refused.stderr
