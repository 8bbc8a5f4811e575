"""A file of benchmark results, and what it says of itself.

The results are those of EleutherAI's lm-evaluation-harness: numbers by task and metric (`task_results`), and `config`, which says
how they came about. What names the run, in order of trust:

* model       a hub run names it (`model_arguments`); a GPT-NeoX run, whose `model_args` is the whole training configuration, is
              filed in the model's folder, below a folder of its release
* step        a hub run's revision is a label; a GPT-NeoX run's `iteration` is a number of optimizer updates
* examples    `config.num_fewshot`, or `n-shot` for each task, and the folder (`zero-shot`, `five-shot`), which must agree

A file's own name is trusted for none of these: four zero-shot files of pythia-1b carry `5shot` in theirs. Where it states a
step, the configuration must state the same. A file that cannot be trusted is not an error: reading it gives a `Rejected`
with its reason, so that one bad file of 1,800 costs nothing but itself.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath
from typing import Any

from seenat.registry.evaluations.json_file import parse_json
from seenat.registry.evaluations.model_arguments import read_arguments
from seenat.registry.evaluations.rejected import Rejected, is_off, shown
from seenat.registry.evaluations.run_setup import check_setup
from seenat.registry.evaluations.task_results import read_results

__all__ = ["RELEASES", "EvaluationRun", "Rejected", "read_runs"]

RELEASES = ("pythia-v0", "pythia-v1")
"""Folders that hold the models of one release."""
_FIRST = RELEASES[0]
_SHOTS_OF_FOLDER = {"zero-shot": 0, "five-shot": 5}
# Runs of another model than the one in whose folder they lie.
_INTERVENTION = "intervention"
_STEP_IN_NAME = re.compile(r"step([0-9]{1,9})(?![0-9])")
_SHOTS_IN_NAME = re.compile(r"([0-9]{1,4})-?shot")
_TIME_IN_NAME = re.compile(r"([0-9]{2})-([0-9]{2})-([0-9]{4})-([0-9]{2}-[0-9]{2}-[0-9]{2})$")
_LATER_TIME_IN_NAME = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})T([0-9]{2}-[0-9]{2}-[0-9]{2}(?:\.[0-9]+)?)$")
# The thread about `five-shot` files of the first release that were made without examples.
_SWAPPED_SHOTS = "https://github.com/EleutherAI/pythia/issues/139"


@dataclass(frozen=True, kw_only=True)
class EvaluationRun:
    """One run of the harness over one checkpoint, with one number of examples."""

    model: str
    """As the configuration or the folder names it; `EleutherAI/pythia-v1.1-70m`, `pythia-160m-v0`."""
    namesake: str | None = None
    """The model that it might be as well, because nothing says of which release it is."""
    folder_models: tuple[str, ...] = ()
    """Names of the model whose folder it lies in, where that should be the same one; the first that the catalog has counts."""
    number: int
    """The step, or what the revision's label counts."""
    is_label: bool
    shape: Mapping[str, int] = field(default_factory=dict)
    """Layers and width of the weights, as far as they are stated; in the words of a model's architecture."""
    shots: int = 0
    values: Mapping[tuple[str, str], float] = field(default_factory=dict)
    """By task and metric; finite."""
    versions: Mapping[str, str] = field(default_factory=dict)
    """Of the tasks that state one."""
    timestamp: str
    """When it was run, sortable, from the file's name; empty where that has none."""
    note: str | None = None
    """What is odd about it."""


def read_runs(path: PurePosixPath, data: bytes) -> tuple[EvaluationRun, ...] | Rejected:
    """Read one file, a run for each number of examples; `path` is relative to the folder of all evaluations."""
    content = parse_json(data)
    if isinstance(content, Rejected):
        return content
    if not isinstance(content, dict):
        return Rejected(reason="it is not a result of lm-evaluation-harness, but another JSON document")
    config = content.get("config")
    if "table_results" in content:
        return _winobias(config if isinstance(config, dict) else content)
    if not isinstance(content.get("results"), dict) or not isinstance(config, dict):
        return Rejected(reason="it is not a result of lm-evaluation-harness: it lacks `results` or `config`")
    return check_setup(content, config) or _runs(path, content, config)


def _winobias(config: Mapping[str, Any]) -> Rejected:
    """These have a layout of their own, and call their weights by folders or configurations of those who made them."""
    arguments = config.get("model_args")
    stated = arguments if isinstance(arguments, dict) else {}
    if not is_off(stated.get("load")):
        named = "it names its weights by a folder of its makers (load), which the catalog does not know"
    elif not is_off(stated.get("config_files")):
        named = "it names its weights by a configuration file of its makers, which the catalog does not know"
    else:
        named = "it does not say which weights it measured"
    return Rejected(reason=f"it is a WinoBias run, whose layout (table_results) is not read; {named}")


def _runs(
    path: PurePosixPath, content: Mapping[str, Any], config: Mapping[str, Any]
) -> tuple[EvaluationRun, ...] | Rejected:
    results = read_results(content, config)
    if isinstance(results, Rejected):
        return results
    run = _named_run(path, config)
    if isinstance(run, Rejected):
        return run
    odd = [run.note] if run.note else []
    if results.left_out:
        odd.append(
            f"{results.left_out} of its values are no finite numbers under names of usual length, and were left out"
        )
    run = replace(run, note="; ".join(odd) or None)
    checked = []
    for shots, values in sorted(results.by_shots.items()):
        versions = {task: results.versions[task] for task, _ in values if task in results.versions}
        one = _checked_against_names(path, replace(run, shots=shots, values=values, versions=versions))
        if isinstance(one, Rejected):
            return one
        checked.append(one)
    return tuple(checked)


def _named_run(path: PurePosixPath, config: Mapping[str, Any]) -> EvaluationRun | Rejected:
    """The model and step of a run."""
    arguments = config.get("model_args")
    if isinstance(arguments, dict) and "pretrained" not in arguments:
        return _neox_run(path, arguments)
    if isinstance(arguments, str | dict):
        return _hub_run(path, arguments, config.get("model_revision"))
    return Rejected(reason="its configuration does not name a model (model_args)")


def _hub_run(path: PurePosixPath, arguments: str | Mapping[str, Any], revision: object) -> EvaluationRun | Rejected:
    named = read_arguments(arguments)
    if isinstance(named, Rejected):
        return named
    if isinstance(revision, str) and revision.startswith("step") and revision != f"step{named.label}":
        return Rejected(reason=f"its model_revision is {shown(revision)}, its model_args say step{named.label}")
    return EvaluationRun(
        model=named.model,
        folder_models=() if path.parent.name == _INTERVENTION else _folder_models(path),
        number=named.label,
        is_label=True,
        timestamp=_timestamp(path),
        note=None if named.precision is None else f"its weights were run as {named.precision}",
    )


def _neox_run(path: PurePosixPath, arguments: Mapping[str, Any]) -> EvaluationRun | Rejected:
    iteration, models = arguments.get("iteration"), _folder_models(path)
    if type(iteration) is not int or iteration < 0:
        return Rejected(reason="its configuration does not state the step (model_args.iteration)")
    if not is_off(arguments.get("soft_prompt_tuning")):
        return Rejected(reason="it measured the checkpoint in another set-up (soft_prompt_tuning)")
    if not models:
        return Rejected(reason=_unnamed(arguments))
    is_placed = any(release in path.parts for release in RELEASES)
    return EvaluationRun(
        model=models[0],
        namesake=None if is_placed else f"{models[0]}-v0",
        number=iteration,
        is_label=False,
        shape=_shape(arguments),
        timestamp=_timestamp(path),
    )


def _unnamed(arguments: Mapping[str, Any]) -> str:
    if is_off(arguments.get("load")):
        return "neither its folder nor its configuration names a model"
    return (
        "it lies in no folder of a model, and its configuration names the weights by a folder of its makers (load), which the "
        "catalog does not know"
    )


def _shape(arguments: Mapping[str, Any]) -> dict[str, int]:
    stated = {"layers": arguments.get("num_layers"), "width": arguments.get("hidden_size")}
    return {name: value for name, value in stated.items() if type(value) is int}


def _checked_against_names(path: PurePosixPath, run: EvaluationRun) -> EvaluationRun | Rejected:
    """The run, unless its folder says another number of examples or its name another step."""
    of_folder = _SHOTS_OF_FOLDER.get(path.parent.name)
    if of_folder is not None and of_folder != run.shots:
        known = f" ({_SWAPPED_SHOTS})" if _FIRST in path.parts else ""
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


def _folder_models(path: PurePosixPath) -> tuple[str, ...]:
    """Names for the model of the innermost folder that is named like one: in the first release's folder, `-v0` first."""
    named = [part for part in path.parts[:-1] if part.startswith("pythia-") and part not in RELEASES]
    if not named:
        return ()
    return (f"{named[-1]}-v0", named[-1]) if _FIRST in path.parts else (named[-1],)


def _timestamp(path: PurePosixPath) -> str:
    """`11-25-2022-06-49-01` or `2024-06-01T10-00-00.5` at the end of a name, year first."""
    if (match := _TIME_IN_NAME.search(path.stem)) is not None:
        return f"{match[3]}-{match[1]}-{match[2]}-{match[4]}"
    later = _LATER_TIME_IN_NAME.search(path.stem)
    return "" if later is None else f"{later[1]}-{later[2]}"
