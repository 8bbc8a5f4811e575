"""Small files in the forms in which others publish their results: evaluations as JSON, memorized sequences as Parquet."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

__all__ = [
    "hub_run",
    "neox_run",
    "newer_run",
    "numbers",
    "write_evals",
    "write_json",
    "write_memorized",
    "write_sample",
]

TASKS = ("lambada_openai", "piqa", "sciq", *(f"hendrycksTest-{place}" for place in range(27)))
Results = Mapping[str, Mapping[str, float]]


def numbers(seed: int, tasks: Sequence[str] = TASKS) -> dict[str, dict[str, float]]:
    """Results that no other seed has: two numbers a task."""
    generator = np.random.default_rng(seed)
    return {task: {"acc": float(generator.random()), "acc_stderr": float(generator.random()) / 50} for task in tasks}


def hub_run(pretrained: str, step: int, results: Results, shots: int = 0) -> dict[str, Any]:
    """A run over a checkpoint on the hub, as the harness wrote it in 2023."""
    arguments = f"use_accelerate=True,pretrained={pretrained},revision=step{step}"
    return {"results": results, "versions": {}, "config": {"model_args": arguments, "num_fewshot": shots}}


def newer_run(
    arguments: str | Mapping[str, Any], results: Results, shots: Mapping[str, int], **parts: Any
) -> dict[str, Any]:
    """A run as version 0.4 of the harness and later write it: metrics with a filter, examples for each task."""
    numbers = {
        task: {"alias": task, **{f"{metric},none": value for metric, value in metrics.items()}}
        for task, metrics in results.items()
    }
    config = {"model": "hf", "model_args": arguments, "limit": None, "gen_kwargs": {}, "batch_size": "8"}
    return {
        "results": numbers,
        "group_subtasks": {},
        "configs": {task: {"task": task, "num_fewshot": number} for task, number in shots.items()},
        "versions": dict.fromkeys(results, 1.0),
        "n-shot": dict(shots),
        "n-samples": {task: {"original": 100, "effective": 100} for task in results},
        "config": {**config, **parts.pop("config", {})},
        "chat_template": None,
        "fewshot_as_multiturn": False,
        "system_instruction": None,
        **parts,
    }


def neox_run(iteration: int, results: Results, shots: int = 0) -> dict[str, Any]:
    """A run within GPT-NeoX, whose configuration names no model."""
    arguments = {"iteration": iteration, "train_iters": 71_500, "load": "/checkpoints"}
    return {"results": results, "versions": {}, "config": {"model_args": arguments, "num_fewshot": shots}}


def write_json(path: Path, content: Any) -> Path:
    """Write a JSON file and the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def write_evals(folder: Path) -> Path:
    """A folder `evals` like that of EleutherAI/pythia: two models at three steps, and one file that contradicts itself."""
    for seed, model in enumerate(("70m", "70m-deduped")):
        for step in (0, 1000, 143_000):
            run = hub_run(f"EleutherAI/pythia-v1.1-{model}", step, numbers(7 * step + seed))
            write_json(folder / f"evals/pythia-v1/pythia-{model}/zero-shot/{model}_step{step}.json", run)
    five = hub_run("EleutherAI/pythia-v1.1-70m", 143_000, numbers(5))
    write_json(folder / "evals/pythia-v1/pythia-70m/five-shot/70m-5shot_step143000.json", five)
    return folder / "evals"


def write_memorized(folder: Path, splits: Mapping[str, Sequence[int]]) -> Path:
    """A data set of memorized sequences, a Parquet file a split, as the hub holds them."""
    from datasets import Dataset, disable_progress_bars

    disable_progress_bars()
    folder.mkdir(parents=True, exist_ok=True)
    for name, sequences in splits.items():
        rows = {
            "index": list(sequences),
            "tokens": [[sequence % 50_000] * 64 for sequence in sequences],
            "__index_level_0__": list(sequences),
        }
        Dataset.from_dict(rows).to_parquet(str(folder / f"{name}-00000-of-00001.parquet"))
    return folder


def write_sample(folder: Path, sequences: Sequence[int], scores: Mapping[str, Sequence[float]]) -> Path:
    """A random sample of sequences, a column of scores a model."""
    from datasets import Dataset, Features, List, Value, disable_progress_bars

    disable_progress_bars()
    folder.mkdir(parents=True, exist_ok=True)
    columns = {"Index": Value("int64"), **{name: Value("float64") for name in scores}, "Tokens": List(Value("uint16"))}
    rows = {"Index": list(sequences), **scores, "Tokens": [[1] * 64 for _ in sequences]}
    Dataset.from_dict(rows, features=Features(columns)).to_parquet(str(folder / "train-00000-of-00001.parquet"))
    return folder


def write_rows(path: Path, **columns: Any) -> Path:
    """A Parquet file with these columns."""
    import pyarrow as pa
    from pyarrow import parquet

    path.parent.mkdir(parents=True, exist_ok=True)
    parquet.write_table(pa.table(columns), path)
    return path
