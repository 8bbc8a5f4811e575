"""A file of benchmark results, and what it says of itself.

The results are those of EleutherAI's lm-evaluation-harness: `results[task][metric]` is a number, `config` says how it came
about. What names the run, in order of trust:

* model       a hub run names it (`config.model_args`: `pretrained=...,revision=step3000`, in any order); a GPT-NeoX run, whose
              `model_args` is the whole training configuration, is filed in the model's folder
* step        a hub run's revision is a label; a GPT-NeoX run's `iteration` is a number of optimizer updates
* examples    `config.num_fewshot`, and the folder (`zero-shot`, `five-shot`), which must agree

A file's own name is trusted for none of these: four zero-shot files of pythia-1b carry `5shot` in theirs. Where it states a
step, the configuration must state the same. A file that cannot be trusted is not an error: reading it gives a `Rejected`
with its reason, so that one bad file of 1,800 costs nothing but itself.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import Any

__all__ = ["EvaluationRun", "Rejected", "read_run"]

_SHOTS_OF_FOLDER = {"zero-shot": 0, "five-shot": 5}
# Folders that hold the models of one release.
_VERSIONS = ("pythia-v0", "pythia-v1")
# Runs of another model than the one in whose folder they lie.
_INTERVENTION = "intervention"
_STEP_IN_NAME = re.compile(r"step(\d+)")
_SHOTS_IN_NAME = re.compile(r"(\d+)-?shot")
_TIME_IN_NAME = re.compile(r"(\d\d)-(\d\d)-(\d{4})-(\d\d-\d\d-\d\d)$")
# Characters that the catalog has room for.
_LONGEST_TASK, _LONGEST_METRIC = 96, 64
# The thread about `five-shot` files of the first release that were made without examples.
_SWAPPED_SHOTS = "https://github.com/EleutherAI/pythia/issues/139"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected:
    """Why a file is not imported."""

    reason: str


@dataclass(frozen=True, kw_only=True)
class EvaluationRun:
    """One run of the harness over one checkpoint."""

    model: str
    """As the configuration or the folder names it; `EleutherAI/pythia-v1.1-70m`, `pythia-160m-v0`."""
    folder_model: str | None
    """The model whose folder it lies in, where that should be the same one."""
    number: int
    """The step, or what the revision's label counts."""
    is_label: bool
    shots: int
    values: dict[tuple[str, str], float]
    """By task and metric; finite."""
    timestamp: str
    """When it was run, sortable, from the file's name; empty where that has none."""
    note: str | None
    """What is odd about it."""


def read_run(path: PurePosixPath, data: bytes) -> EvaluationRun | Rejected:
    """Read one file; `path` is relative to the folder of all evaluations."""
    try:
        content = json.loads(data)
    except (ValueError, RecursionError) as error:
        return Rejected(reason=f"it is not JSON: {error}")
    if not isinstance(content, dict):
        return Rejected(reason="it is not a result of lm-evaluation-harness, but another JSON document")
    if "table_results" in content:
        return Rejected(
            reason="it is a WinoBias run in a layout of its own, named by its time; which model it measured is not stated"
        )
    results, config = content.get("results"), content.get("config")
    if not isinstance(results, dict) or not isinstance(config, dict):
        return Rejected(reason="it is not a result of lm-evaluation-harness: it lacks `results` or `config`")
    return _run(path, results, config)


def _run(path: PurePosixPath, results: dict[str, Any], config: dict[str, Any]) -> EvaluationRun | Rejected:
    shots = config.get("num_fewshot")
    if type(shots) is not int or shots < 0:
        return Rejected(reason="its configuration does not state the number of examples (num_fewshot)")
    values, left_out = _values(results)
    if not values:
        return Rejected(reason="it holds no numbers")
    arguments = config.get("model_args")
    if isinstance(arguments, str):
        run = _hub_run(path, arguments, shots, values)
    elif isinstance(arguments, dict):
        run = _neox_run(path, arguments, shots, values)
    else:
        return Rejected(reason="its configuration does not name a model (model_args)")
    if isinstance(run, Rejected):
        return run
    odd = [run.note] if run.note else []
    if left_out:
        odd.append(f"{left_out} of its values are no finite numbers under names of usual length, and were left out")
    return _checked_against_names(path, replace(run, note="; ".join(odd) or None))


def _hub_run(
    path: PurePosixPath, arguments: str, shots: int, values: dict[tuple[str, str], float]
) -> EvaluationRun | Rejected:
    stated = dict(part.split("=", 1) for part in arguments.split(",") if "=" in part)
    model, revision = stated.get("pretrained"), stated.get("revision", "")
    step = _STEP_IN_NAME.fullmatch(revision)
    if not model or step is None:
        return Rejected(reason=f"its model_args name no model at a step, but {arguments!r:.120}")
    return EvaluationRun(
        model=model,
        folder_model=None if path.parent.name == _INTERVENTION else _folder_model(path),
        number=int(step[1]),
        is_label=True,
        shots=shots,
        values=values,
        timestamp=_timestamp(path),
        note=None,
    )


def _neox_run(
    path: PurePosixPath, arguments: dict[str, Any], shots: int, values: dict[tuple[str, str], float]
) -> EvaluationRun | Rejected:
    iteration, model = arguments.get("iteration"), _folder_model(path)
    if type(iteration) is not int or iteration < 0:
        return Rejected(reason="its configuration does not state the step (model_args.iteration)")
    if model is None:
        return Rejected(reason="neither its folder nor its configuration names a model")
    return EvaluationRun(
        model=f"{model}-v0" if "pythia-v0" in path.parts else model,
        folder_model=None,
        number=iteration,
        is_label=False,
        shots=shots,
        values=values,
        timestamp=_timestamp(path),
        note=None,
    )


def _checked_against_names(path: PurePosixPath, run: EvaluationRun) -> EvaluationRun | Rejected:
    """The run, unless its folder says another number of examples or its name another step."""
    of_folder = _SHOTS_OF_FOLDER.get(path.parent.name)
    if of_folder is not None and of_folder != run.shots:
        known = f" ({_SWAPPED_SHOTS})" if "pythia-v0" in path.parts else ""
        return Rejected(
            reason=f"its folder is {path.parent.name}, but its configuration has {run.shots} examples{known}"
        )
    step = _STEP_IN_NAME.search(path.stem)
    if step is not None and int(step[1]) != run.number:
        return Rejected(reason=f"its name says step {step[1]}, its configuration {run.number}")
    shots = _SHOTS_IN_NAME.search(path.stem)
    if shots is not None and int(shots[1]) != run.shots:
        odd = f"its name says {shots[1]} examples, its folder and configuration {run.shots}"
        return replace(run, note="; ".join(filter(None, (run.note, odd))))
    return run


def _folder_model(path: PurePosixPath) -> str | None:
    """The innermost folder that is named like a model."""
    named = [part for part in path.parts[:-1] if part.startswith("pythia-") and part not in _VERSIONS]
    return named[-1] if named else None


def _timestamp(path: PurePosixPath) -> str:
    """`11-25-2022-06-49-01` at the end of a name, year first."""
    match = _TIME_IN_NAME.search(path.stem)
    return "" if match is None else f"{match[3]}-{match[1]}-{match[2]}-{match[4]}"


def _values(results: dict[str, Any]) -> tuple[dict[tuple[str, str], float], int]:
    """The numbers by task and metric, and how many were left out; what is no number at all is not counted."""
    values, left_out = {}, 0
    for task, metrics in results.items():
        for metric, value in metrics.items() if isinstance(metrics, dict) else ():
            if isinstance(value, bool) or not isinstance(value, int | float):
                continue
            if _fits(task, metric, value):
                values[task, metric] = float(value)
            else:
                left_out += 1
    return values, left_out


def _fits(task: str, metric: str, value: float) -> bool:
    return math.isfinite(value) and len(task) <= _LONGEST_TASK and len(metric) <= _LONGEST_METRIC
