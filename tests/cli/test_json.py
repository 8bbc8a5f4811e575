"""`--json` prints one JSON document on stdout, under the keys that others build on, and nothing else there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.cli import Call, run_process

STEP = {
    "model",
    "step",
    "revision",
    "order",
    "batches_seen",
    "sequences_seen",
    "tokens_seen",
    "last_batch",
    "next_batch",
    "status",
    "parameters",
}
BATCH = {"order", "batch", "sequences", "bytes"}
SEQUENCE = {"order", "sequence", "batch", "position", "trajectories"}
TRAJECTORY = {"model", "sequence", "protocol", "points", "onset", "forgotten"}
JOB = {"job", "model", "state", "protocol", "selection", "progress"}


def answer(call: Call, *args: str) -> Any:
    called = call(*args, "--json")
    assert called.code == 0, called.err
    assert called.out.count("\n") == 1
    return json.loads(called.out)


def test_models(call: Call) -> None:
    found = answer(call, "models", "--family", "pocket")
    assert [one["name"] for one in found] == ["pocket-230k", "pocket-660k", "pocket-2m"]
    for one in found:
        assert set(one) >= {"name", "family", "size", "parameters", "order", "steps", "repository"}
        assert set(one["parameters"]) == {"total", "non_embedding"}


def test_models_like_none_are_an_empty_list_and_a_word_of_those_there_are(call: Call) -> None:
    called = call("models", "--size", "3b", "--json")
    assert (called.code, json.loads(called.out)) == (3, [])
    assert called.err.startswith("Error: No model has size 3b; the sizes are ")
    assert "1.4b" in called.err


def test_model(call: Call) -> None:
    found = answer(call, "model", "EleutherAI/pythia-70m")
    assert found["name"] == "pythia-70m"
    assert found["parameters"] == {"total": 70_426_624, "non_embedding": 18_915_328}


def test_checkpoints(call: Call) -> None:
    found = answer(call, "checkpoints", "pythia-70m")
    assert len(found) == 154
    assert found[-1]["revision"] == "step143000"
    assert found[-1]["sequences_seen"] == {"start": 0, "stop": 146_432_000}


def test_step_counts_what_was_consumed(call: Call) -> None:
    found = answer(call, "step", "pythia-70m", "step3000")
    assert set(found) >= STEP
    assert found["batches_seen"] == {"start": 0, "stop": 3000}
    assert found["sequences_seen"] == {"start": 0, "stop": 3_072_000}
    assert (found["last_batch"], found["next_batch"]) == (2999, 3000)


def test_batch_of_a_model_has_the_checkpoints_around_it(call: Call) -> None:
    found = answer(call, "batch", "pythia-70m", "71490")
    assert set(found) >= BATCH | {"last_checkpoint_before", "first_checkpoint_after"}
    assert (found["last_checkpoint_before"], found["first_checkpoint_after"]) == (71_000, 72_000)
    assert [set(extent) for extent in found["bytes"]] == [{"file", "offset", "length"}] * 2


def test_batch_of_an_order_has_none(call: Call) -> None:
    found = answer(call, "batch", "pocket-order", "0")
    assert set(found) == BATCH


def test_batch_with_its_content(call: Call, tmp_path: Path) -> None:
    found = answer(call, "batch", "pocket-2m", "383", "--tokens", "--decode", "--out", "batch.npy")
    ids = np.array(found["tokens"])
    assert ids.shape == (8, 65)
    assert len(found["texts"]) == 8
    np.testing.assert_array_equal(np.load(tmp_path / "batch.npy"), ids)
    assert found["written"] == "batch.npy"


def test_sequence_of_a_model_has_the_checkpoints_around_it_and_trajectories(call: Call) -> None:
    found = answer(call, "sequence", "pocket-230k", "84")
    assert set(found) >= SEQUENCE | {"first_checkpoint_seen", "last_checkpoint_unseen"}
    assert (found["batch"], found["position"]) == (10, 4)
    assert (found["last_checkpoint_unseen"], found["first_checkpoint_seen"]) == (8, 16)
    assert "pocket-230k" in [one["model"] for one in found["trajectories"]]
    assert all(set(one) >= TRAJECTORY for one in found["trajectories"])


def test_sequence_of_an_order_that_nobody_measured(call: Call) -> None:
    assert answer(call, "sequence", "pile", "3071999")["trajectories"] == []


def test_trajectory(call: Call) -> None:
    found = answer(call, "trajectory", "pocket-230k", "84")
    assert set(found) >= TRAJECTORY
    assert all(set(point) >= {"step", "seen", "prefix", "memorized"} for point in found["points"])
    assert [point["step"] for point in found["points"]] == [16, 32, 64, 128, 192, 256, 320, 384]
    assert found["onset"] is None or set(found["onset"]) == {"bracket_low", "step"}


def test_onset_of_one_model_and_of_several(call: Call) -> None:
    one = answer(call, "onset", "pocket-230k", "--limit", "3")
    assert len(one["sequences"]) == 3
    assert one["steps"][-1]["measured"] == 3072
    assert [found["model"] for found in answer(call, "onset", "pocket-230k", "pocket-230k")] == ["pocket-230k"] * 2


def test_memorize_says_what_it_does_on_stderr_only(call: Call) -> None:
    first = call("memorize", "pocket-660k", "--steps", "1,2", "--json")
    found = json.loads(first.out)
    assert set(found) >= JOB
    assert found["state"] == "done"
    assert found["progress"]["measured"] == 24
    assert first.err.startswith(f"Job {found['job']}: pocket-660k, 2 checkpoints, 2 shards, ")
    again = call("memorize", "pocket-660k", "--steps", "1,2", "--json")
    assert json.loads(again.out) == found
    assert "nothing is left to measure" in again.err


def test_jobs_and_job(call: Call) -> None:
    found = answer(call, "jobs")
    assert found[-1]["job"] == 1
    assert set(found[-1]) == set(answer(call, "job", "1")) - {"adaptive", "checkpoints", "failures"}


def test_register(call: Call, pocket_manifest: Path) -> None:
    found = answer(call, "register", str(pocket_manifest))
    assert found["models"] == ["pocket-230k", "pocket-660k", "pocket-2m"]
    assert found["changes"] == []


def test_database(call: Call, home: Path) -> None:
    assert answer(call, "db", "check")["catalog"] == str(home / "catalog.sqlite")
    upgraded = answer(call, "db", "upgrade")
    assert upgraded["before"] == upgraded["after"]


def test_doctor(call: Call, home: Path) -> None:
    found = answer(call, "doctor")
    assert found["seenat"]["home"] == str(home)
    assert found["seenat"]["columns"].startswith(f"0 bytes in {home / 'columns'}")
    assert found["problems"] == []
    assert {"name", "version", "for"} == set(found["packages"][0])


def test_doctor_tells_a_problem(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEENAT_DATABASE_URL", "mysql://host/name")
    called = call("doctor", "--json")
    assert (called.code, len(json.loads(called.out)["problems"])) == (1, 1)


def test_demo_of_a_measured_suite(call: Call, home: Path) -> None:
    """The only command that takes long at first; here only that its answer is one document with its keys."""
    called = run_process(home, ["demo", "--plot", "demo.gif", "--json"])
    assert (called.returncode, called.stdout) == (2, "")
    assert ".svg" in called.stderr
