"""The numbers of a run by number of examples, task and metric, in both layouts of the harness.

* Until version 0.3: `results[task][metric]` is a number, and `config.num_fewshot` holds for all tasks.
* From 0.4 on: `results[task]["metric,filter"]`, beside them texts and counts that are no metrics; `groups` holds means over
  tasks, most of them in `results` too; `n-shot` and `configs` say the number of examples for each task. Names of metrics stay as
  they are, `acc,none`, so that the two versions' tasks of one name, which are not always the same, never share a row.

A group has the number of examples that all of its tasks have; where they differ, its means are left out and counted.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from seenat.registry.evaluations.rejected import Rejected, shown

__all__ = ["TaskResults", "is_newer", "read_results"]

Values = dict[tuple[str, str], float]

# Characters that the catalog has room for.
_LONGEST_TASK, _LONGEST_METRIC, _LONGEST_VERSION = 96, 64, 32
_MOST_SHOTS = 9_999


@dataclass(frozen=True, kw_only=True)
class TaskResults:
    """The numbers of one file."""

    by_shots: Mapping[int, Values]
    """Finite, by the number of examples; at least one number."""
    versions: Mapping[str, str]
    """Of the tasks that state one."""
    left_out: int
    """Numbers that are not finite or have names of unusual length, and means over tasks of different numbers of examples."""


def is_newer(content: Mapping[str, Any]) -> bool:
    """Whether a document is in the layout of version 0.4 and later."""
    results = content.get("results")
    tasks = results.values() if isinstance(results, dict) else ()
    return "n-shot" in content or "configs" in content or any("," in name for task in tasks for name in _names(task))


def _names(task: object) -> Mapping[str, Any]:
    return task if isinstance(task, dict) else {}


def read_results(content: Mapping[str, Any], config: Mapping[str, Any]) -> TaskResults | Rejected:
    """The numbers of a file; rejected where it holds none or does not say how many examples they had."""
    by_shots: dict[int, Values] = defaultdict(dict)
    left_out, newer = 0, is_newer(content)
    tasks = _all_tasks(content) if newer else content["results"]
    if isinstance(tasks, Rejected):
        return tasks
    for task, metrics in tasks.items():
        numbers, strange = _numbers(task, metrics, newer=newer)
        left_out += strange
        if not numbers:
            continue
        shots = _shots_of(task, content, config) if newer else _shots(config.get("num_fewshot"))
        if shots is not None:
            by_shots[shots].update(numbers)
        elif task in _mapping(content, "group_subtasks"):
            left_out += len(numbers)
        else:
            where = (
                f"one number of examples for {shown(task)} (n-shot)"
                if newer
                else "the number of examples (num_fewshot)"
            )
            return Rejected(reason=f"its configuration does not state {where}")
    if not by_shots:
        return Rejected(reason="it holds no numbers")
    return TaskResults(by_shots=by_shots, versions=_versions(content), left_out=left_out)


def _versions(content: Mapping[str, Any]) -> dict[str, str]:
    """The version of each task; what is neither a number nor a short text states none."""
    stated = {task: value for task, value in _mapping(content, "versions").items() if type(value) in (int, float, str)}
    texts = {task: str(value) for task, value in stated.items()}
    return {task: text for task, text in texts.items() if text.isprintable() and 0 < len(text) <= _LONGEST_VERSION}


def _all_tasks(content: Mapping[str, Any]) -> dict[str, Any] | Rejected:
    """Tasks, and groups that are not among them."""
    tasks, groups = dict(content["results"]), _mapping(content, "groups")
    for group, metrics in groups.items():
        if tasks.setdefault(group, metrics) != metrics:
            return Rejected(reason=f"its results and its groups hold different numbers for {shown(group)}")
    return tasks


def _numbers(task: str, metrics: object, *, newer: bool) -> tuple[Values, int]:
    """The numbers of a task, and how many were left out; what is no number at all is not counted."""
    values, left_out = {}, 0
    for metric, value in _names(metrics).items():
        if isinstance(value, bool) or not isinstance(value, int | float) or (newer and "," not in metric):
            continue
        if _fits(task, metric, value):
            values[task, metric] = float(value)
        else:
            left_out += 1
    return values, left_out


def _fits(task: str, metric: str, value: float) -> bool:
    names = task.isprintable() and metric.isprintable()
    return names and math.isfinite(value) and len(task) <= _LONGEST_TASK and len(metric) <= _LONGEST_METRIC


def _shots_of(task: str, content: Mapping[str, Any], config: Mapping[str, Any]) -> int | None:
    """The number of examples of a task or group; None where that is not stated, or stated in two ways."""
    own = {shots for shots in _stated(task, content) if shots is not None}
    if not own:
        below = _tasks_below(task, _mapping(content, "group_subtasks"))
        own = {shots for name in below for shots in _stated(name, content) if shots is not None}
    if not own:
        own = {shots for shots in (_shots(config.get("num_fewshot")),) if shots is not None}
    return own.pop() if len(own) == 1 else None


def _stated(task: str, content: Mapping[str, Any]) -> Iterator[int | None]:
    yield _shots(_mapping(content, "n-shot").get(task))
    yield _shots(_names(_mapping(content, "configs").get(task)).get("num_fewshot"))


def _tasks_below(group: str, groups: Mapping[str, Any]) -> set[str]:
    """The tasks of a group and of its groups."""
    found: set[str] = set()
    due = [group]
    while due:
        members = groups.get(due.pop())
        new = {name for name in members if isinstance(name, str)} - found if isinstance(members, list) else set()
        found |= new
        due += new
    return found


def _mapping(content: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    return _names(content.get(name))


def _shots(value: object) -> int | None:
    return value if type(value) is int and 0 <= value <= _MOST_SHOTS else None
