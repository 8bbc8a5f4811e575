"""Reading one file of benchmark results: what it is believed, and why it is rejected."""

from __future__ import annotations

import json
from pathlib import PurePosixPath
from typing import Any

import pytest
from support.published import hub_run, neox_run

from seenat.registry.evaluations.harness_files import EvaluationRun, Rejected, read_runs

ISSUE = "https://github.com/EleutherAI/pythia/issues/139"


def run_of(path: str, content: Any) -> EvaluationRun | Rejected:
    runs = read_runs(PurePosixPath(path), json.dumps(content).encode())
    if isinstance(runs, Rejected):
        return runs
    (run,) = runs
    return run


RUN = hub_run("EleutherAI/pythia-9m", 3000, {"piqa": {"acc": 0.5}})
NEOX = neox_run(1500, {"piqa": {"acc": 0.5}})


@pytest.mark.parametrize(
    ("path", "content", "reason"),
    [
        ("a.json", [], "another JSON document"),
        ("a.json", {"results": {}}, "lacks `results` or `config`"),
        ("1.4B/eval_results_02-15-2023-22-33-31.json", {**RUN, "table_results": {}}, "a WinoBias run"),
        ("a.json", {**RUN, "config": {"model_args": "pretrained=x,revision=step1"}}, "num_fewshot"),
        ("a.json", {**RUN, "results": {"piqa": {"acc": "high", "ok": True}}}, "no numbers"),
        ("a.json", {**RUN, "config": {"num_fewshot": 0}}, "does not name a model"),
        ("a.json", {**RUN, "config": {"num_fewshot": 0, "model_args": "pretrained=x,revision=main"}}, "no model at a step"),
        ("pythia-9m/zero-shot/a_step2000.json", RUN, "its name says step 2000, its configuration 3000"),
        ("pythia-9m/five-shot/a_step3000.json", RUN, "its folder is five-shot, but its configuration has 0 examples"),
        ("bias-evals/pythia-9m-step1500.json", NEOX, "neither its folder nor its configuration names a model"),
        ("pythia-v0/pythia-9m/a.json", {**NEOX, "config": {"num_fewshot": 0, "model_args": {}}}, "the step"),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_trusted_says_why(path: str, content: Any, reason: str) -> None:
    outcome = run_of(path, content)
    assert isinstance(outcome, Rejected)
    assert reason in outcome.reason


@pytest.mark.parametrize("data", [b"", b"{", b"\xff\xfe", b"[" * 100_000])
def test_what_is_not_json_is_no_accident(data: bytes) -> None:
    outcome = read_runs(PurePosixPath("a.json"), data)
    assert isinstance(outcome, Rejected)
    assert outcome.reason.startswith("it is not JSON: ")


def test_five_shot_files_of_the_first_release_that_are_not_name_the_thread() -> None:
    path = "pythia-v0/pythia-9m/five-shot/pythia-9m-5shot-global_step1500_eval_results_12-30-2022-23-02-51.json"
    swapped = run_of(path, NEOX)
    assert isinstance(swapped, Rejected)
    assert ISSUE in swapped.reason
    later = run_of("pythia-v1/pythia-9m/five-shot/a.json", RUN)
    assert isinstance(later, Rejected)
    assert ISSUE not in later.reason


def test_a_misleading_name_is_noted_and_not_believed() -> None:
    outcome = run_of("pythia-9m/zero-shot/9m-5shot_step3000.json", RUN)
    assert isinstance(outcome, EvaluationRun)
    assert outcome.shots == 0
    assert outcome.note == "its name says 5 examples, its folder and configuration 0"


def test_numbers_that_are_none_are_left_out_and_counted() -> None:
    results = {"piqa": {"acc": 1, "nan": float("nan"), "inf": float("inf"), "flag": True, "x" * 65: 0.5}}
    outcome = run_of("a.json", hub_run("pythia-9m", 1, results))
    assert isinstance(outcome, EvaluationRun)
    assert outcome.values == {("piqa", "acc"): 1.0}
    assert outcome.note is not None
    assert outcome.note.startswith("3 of its values")
