"""Reading one file of benchmark results: what it is believed, and why it is rejected."""

from __future__ import annotations

import json
from pathlib import PurePosixPath
from typing import Any

import pytest
from support.published import hub_run, neox_run, newer_run

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
        ("1.4B/eval_results_02-15-2023-22-33-31.json", {**RUN, "table_results": {}}, "it does not say which weights it measured"),
        ("a.json", {"results": [], "table_results": {}, "config": {"model_args": {"load": "/x/410m_deduped", "iteration": 9}}}, "by a folder of its makers (load)"),
        ("a.json", {"table_results": {}, "model_args": {"iteration": 9, "config_files": {"1.4b-long": None}}}, "by a configuration file of its makers"),
        ("a.json", {**RUN, "config": {"model_args": "pretrained=x,revision=step1"}}, "num_fewshot"),
        ("a.json", {**RUN, "results": {"piqa": {"acc": "high", "ok": True}}}, "no numbers"),
        ("a.json", {**RUN, "config": {"num_fewshot": 0}}, "does not name a model"),
        ("a.json", {**RUN, "config": {"num_fewshot": 0, "model_args": "pretrained=x,revision=main"}}, "no model at a step"),
        ("pythia-9m/zero-shot/a_step2000.json", RUN, "its name says step 2000, its configuration 3000"),
        ("pythia-9m/five-shot/a_step3000.json", RUN, "its folder is five-shot, but its configuration has 0 examples"),
        ("bias-evals/pythia-9m-step1500.json", NEOX, "it lies in no folder of a model, and its configuration names the weights"),
        ("bias-evals/a.json", {**NEOX, "config": {"num_fewshot": 0, "model_args": {"iteration": 9}}}, "neither its folder nor"),
        ("pythia-9m/a.json", {**NEOX, "config": {"num_fewshot": 0, "model_args": {"iteration": 9, "soft_prompt_tuning": {"a": 1}}}}, "another set-up"),
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


# -- what measured something else


def with_argument(argument: str) -> dict[str, Any]:
    return {**RUN, "config": {**RUN["config"], "model_args": f"{RUN['config']['model_args']},{argument}"}}


def with_config(**parts: Any) -> dict[str, Any]:
    return {**RUN, "config": {**RUN["config"], **parts}}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        *((with_argument(argument), f"its model_args hold {argument}: it measured other weights") for argument in (
            "peft=someone/lora", "delta=someone/delta", "load_in_8bit=True", "load_in_4bit=True", "autogptq=True",
            "gptqmodel=True", "subfolder=step7", "gguf_file=a.gguf",
        )),
        *((with_argument(argument), f"its model_args hold {argument}: it measured the checkpoint in another set-up")
          for argument in ("tokenizer=gpt2", "add_bos_token=True", "max_length=512", "prefix_token_id=0")),
        (with_argument("surprise=1"), "surprise=1, which is not known here"),
        (with_argument("dtype=int8"), "dtype=int8, no precision of the weights as they are"),
        (with_argument("revision=step9"), "its model_args cannot be read at revision=step9"),
        (with_argument("surprise"), "its model_args cannot be read at surprise"),
        (with_config(model_args="pretrained=/data/pythia-9m,revision=step3000"), "it measured a folder, /data/pythia-9m"),
        (with_config(model_args="pretrained=./pythia-9m,revision=step3000"), "it measured a folder"),
        (with_config(model_args={"pretrained": "EleutherAI/pythia-9m", "revision": "step3000", "peft": "a/b"}), "other weights"),
        (with_config(model_args='{"pretrained": "EleutherAI/pythia-9m", "revision": "step3000", "delta": "a/b"}'), "other weights"),
        (with_config(model_args=[]), "does not name a model"),
        (with_config(limit=10), "it measured a part of each task (limit 10)"),
        (with_config(limit=0.5), "it measured a part of each task (limit 0.5)"),
        (with_config(description_dict={"piqa": "Choose."}), "another set-up (description_dict"),
        (with_config(peft_sha="abc"), "other weights than the checkpoint's (peft_sha)"),
        (with_config(model="openvino"), "its model is of the kind openvino"),
        (with_config(model_revision="step4000"), "its model_revision is step4000, its model_args say step3000"),
        ({**RUN, "chat_template": "{{x}}"}, "another set-up (chat_template {{x}})"),
        ({**RUN, "n-shot": {"piqa": 0}, "results": {"piqa": {"acc,none": 0.5}}, "n-samples": {"piqa": {"original": 9, "effective": 4}}}, "it measured a part of a task: 4 of 9 samples of piqa"),
    ],
)  # fmt: skip
def test_a_run_of_something_else_is_rejected(content: Any, reason: str) -> None:
    outcome = run_of("a.json", content)
    assert isinstance(outcome, Rejected)
    assert reason in outcome.reason


@pytest.mark.parametrize(
    "arguments",
    [
        "pretrained=EleutherAI/pythia-9m,revision=step3000,peft=None,load_in_8bit=False,add_bos_token=False",
        " pretrained=EleutherAI/pythia-9m , revision=step3000 ",
        "pretrained=EleutherAI/pythia-9m revision=step3000 device=cuda:0",
        "revision=step3000,tokenizer=EleutherAI/pythia-9m,pretrained=EleutherAI/pythia-9m,parallelize=True",
        {"pretrained": "EleutherAI/pythia-9m", "revision": "step3000", "trust_remote_code": False, "peft": None},
        '{"pretrained": "EleutherAI/pythia-9m", "revision": "step3000"}',
    ],
)
def test_arguments_that_change_nothing_are_passed_over(arguments: Any) -> None:
    outcome = run_of("a.json", with_config(model_args=arguments))
    assert isinstance(outcome, EvaluationRun), outcome
    assert (outcome.model, outcome.number, outcome.note) == ("EleutherAI/pythia-9m", 3000, None)


def test_another_precision_is_noted() -> None:
    outcome = run_of("a.json", with_argument("dtype=torch.float16"))
    assert isinstance(outcome, EvaluationRun)
    assert outcome.note == "its weights were run as float16"


# -- the layout of version 0.4 and later

ARGUMENTS = "pretrained=EleutherAI/pythia-9m,revision=step3000"
PIQA = {"acc": 0.5, "acc_stderr": 0.01}


def test_the_newer_layout_is_read_as_it_is() -> None:
    content = newer_run(ARGUMENTS, {"piqa": PIQA, "sciq": {"acc": 0.6}}, {"piqa": 0, "sciq": 0})
    content["results"]["piqa"] |= {"acc_norm_stderr,none": "N/A", "sample_len": 100}
    outcome = run_of("EleutherAI__pythia-9m/results_2024-06-01T10-00-00.5.json", content)
    assert isinstance(outcome, EvaluationRun), outcome
    assert (outcome.model, outcome.number, outcome.shots) == ("EleutherAI/pythia-9m", 3000, 0)
    assert outcome.values == {("piqa", "acc,none"): 0.5, ("piqa", "acc_stderr,none"): 0.01, ("sciq", "acc,none"): 0.6}
    assert (outcome.timestamp, outcome.note) == ("2024-06-01-10-00-00.5", None)


def test_tasks_of_different_numbers_of_examples_are_runs_of_their_own() -> None:
    content = newer_run(ARGUMENTS, {"piqa": PIQA, "gsm8k": {"acc": 0.1}}, {"piqa": 0, "gsm8k": 5})
    runs = read_runs(PurePosixPath("a.json"), json.dumps(content).encode())
    assert not isinstance(runs, Rejected)
    assert [(run.shots, {task for task, _ in run.values}) for run in runs] == [(0, {"piqa"}), (5, {"gsm8k"})]


def test_a_group_has_the_examples_of_its_tasks() -> None:
    content = newer_run(
        ARGUMENTS, {"a": {"acc": 0.1}, "b": {"acc": 0.3}, "ab": {"acc": 0.2}}, {"a": 3, "b": 3},
        groups={"ab": {"alias": "ab", "acc,none": 0.2}, "all": {"acc,none": 0.4}}, group_subtasks={"ab": ["a", "b"], "all": ["ab"]},
    )  # fmt: skip
    outcome = run_of("a.json", content)
    assert isinstance(outcome, EvaluationRun), outcome
    assert (outcome.shots, {task: value for (task, _), value in outcome.values.items()}) == (
        3, {"a": 0.1, "b": 0.3, "ab": 0.2, "all": 0.4},
    )  # fmt: skip


def test_a_mean_over_different_numbers_of_examples_is_left_out() -> None:
    content = newer_run(ARGUMENTS, {"a": {"acc": 0.1}, "b": {"acc": 0.3}}, {"a": 3, "b": 4})
    content |= {"groups": {"ab": {"acc,none": 0.2}}, "group_subtasks": {"ab": ["a", "b"]}}
    runs = read_runs(PurePosixPath("a.json"), json.dumps(content).encode())
    assert not isinstance(runs, Rejected)
    assert [len(run.values) for run in runs] == [1, 1]
    assert str(runs[0].note).startswith("1 of its values")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"n-shot": {}, "configs": {}}, "does not state one number of examples for piqa (n-shot)"),
        (
            {"n-shot": {"piqa": 0}, "configs": {"piqa": {"num_fewshot": 5}}},
            "does not state one number of examples for piqa",
        ),
        ({"groups": {"piqa": {"acc,none": 0.7}}}, "its results and its groups hold different numbers for piqa"),
        ({"system_instruction": "Be good."}, "another set-up (system_instruction Be good.)"),
    ],
)
def test_a_newer_file_that_is_not_clear_is_rejected_whole(change: dict[str, Any], reason: str) -> None:
    outcome = run_of("a.json", {**newer_run(ARGUMENTS, {"piqa": PIQA}, {"piqa": 0}), **change})
    assert isinstance(outcome, Rejected)
    assert reason in outcome.reason


# -- one bad file


@pytest.mark.parametrize(
    "value", ["1" + "0" * 400, "-1" + "0" * 400, "1e400", "1" * 5000, "NaN"], ids=lambda value: value[:8]
)
def test_numbers_beyond_all_bounds_are_left_out(value: str) -> None:
    text = json.dumps(RUN).replace("0.5", f'0.5, "huge": {value}')
    (outcome,) = read_runs(PurePosixPath("a.json"), text.encode())  # type: ignore[misc]
    assert outcome.values == {("piqa", "acc"): 0.5}


@pytest.mark.parametrize("name", [r"\ud800", r"\u0000", r"\u001b[31m", r"\u202e"])
def test_names_that_cannot_be_kept_are_left_out(name: str) -> None:
    text = json.dumps(RUN).replace('"piqa"', f'"piqa": {{"acc": 0.5}}, "{name}"')
    (outcome,) = read_runs(PurePosixPath("a.json"), text.encode())  # type: ignore[misc]
    assert (outcome.values, str(outcome.note)[:4]) == ({("piqa", "acc"): 0.5}, "1 of")


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("step3000", "step" + "9" * 5000, "no model at a step"),
        ('"num_fewshot": 0', '"num_fewshot": ' + "9" * 5000, "num_fewshot"),
        ('"results"', '"results": {}, "results"', "the key results stands in it twice"),
        ("EleutherAI/pythia-9m", r"\ud800", "it measured a folder"),
    ],
)
def test_what_else_is_beyond_bounds_is_rejected(old: str, new: str, reason: str) -> None:
    outcome = read_runs(PurePosixPath("a.json"), json.dumps(RUN).replace(old, new).encode())
    assert isinstance(outcome, Rejected)
    assert reason in outcome.reason
    assert outcome.reason.isprintable()
    assert len(outcome.reason) < 300
