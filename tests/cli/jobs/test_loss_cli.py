"""Losses at the command line: measured, looked at, drawn, exported, and refused where memorized is asked for."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from support.cli import Call, run_process

POINT = {"step", "seen", "prompt", "continuation", "min_k", "rank"}


@pytest.fixture(scope="module")
def loss_id(home: Path) -> str:
    """The protocol of a job over 64 sequences at three checkpoints, seen or not."""
    args = ["--measure", "loss", "--steps", "0,64,384", "--sequences", "480:544", "--unseen", "--json"]
    done = run_process(home, ["memorize", "pocket-230k", *args])
    assert done.returncode == 0, done.stderr
    job = json.loads(done.stdout)
    assert job["progress"]["measured"] == 3 * 64
    assert (job["protocol"]["measure"], job["protocol"]["eos"]) == ("loss", "allowed")
    return str(job["protocol"]["id"])


def test_trajectory(call: Call, loss_id: str, tmp_path: Path) -> None:
    called = call("trajectory", "pocket-230k", "500", "--protocol", loss_id, "--plot", "loss.svg", "--json")
    assert called.code == 0, called.err
    points = json.loads(called.out)["points"]
    assert [set(point) for point in points] == [POINT] * 3
    assert [(point["step"], point["seen"]) for point in points] == [(0, False), (64, True), (384, True)]
    assert points[0]["continuation"] > 32 * 6 > points[2]["continuation"]
    assert "surprisal of an id" in (tmp_path / "loss.svg").read_text()
    table = call("trajectory", "pocket-230k", "500", "--protocol", loss_id)
    assert "loss of 32 + 32 ids from 0" in table.out
    assert f"{points[1]['min_k']:,.2f}" in table.out
    assert "memorized" not in table.out
    assert "memorized" in call("trajectory", "pocket-230k", "500").out  # The usual one is the prefix.


def test_the_job_says_where_to_look(call: Call, loss_id: str) -> None:
    args = ["--measure", "loss", "--steps", "64", "--sequences", "480:490"]
    assert f"seenat trajectory pocket-230k 480 --protocol {loss_id}" in call("memorize", "pocket-230k", *args).err


def test_sequence_lists_both(call: Call, loss_id: str) -> None:
    said = json.loads(call("sequence", "pocket-230k", "500", "--json").out)["trajectories"]
    assert {one["protocol"]["measure"] for one in said} == {"prefix", "loss"}
    line = next(line for line in call("sequence", "pocket-230k", "500").out.splitlines() if " loss " in line)
    assert "never" not in line


def test_export(call: Call, loss_id: str) -> None:
    assert call("export", "pocket-230k", "--protocol", loss_id, "--out", "losses.parquet").code == 0
    assert pq.read_metadata("losses.parquet").num_rows == 3 * 64


@pytest.mark.parametrize("args", [["onset", "pocket-230k"], ["study", "onsets", "pocket-230k"]])
def test_what_is_memorized_is_not_asked_of_a_loss(call: Call, loss_id: str, args: list[str]) -> None:
    called = call(*args, "--protocol", loss_id)
    assert (called.code, called.out) == (3, "")
    assert (
        f"Of pocket-230k only loss has been measured by protocol {loss_id}, and this needs prefix or score"
        in called.err
    )
    assert call(*args).code == 0


def test_nothing_can_be_banned(call: Call) -> None:
    called = call("memorize", "pocket-230k", "--measure", "loss", "--eos", "banned")
    assert (called.code, called.out) == (2, "")
    assert "measure 'loss' has eos 'allowed', not 'banned'" in called.err
