"""What the library's answers have beside the keys of their JSON, where no key and no property of theirs gives it.

Commands lay out an answer by its attributes, whether the catalog or a service gave it. Most are keys, or properties that
follow from keys; the few others are made here of the JSON, by the class of the answer and the name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any

__all__ = ["VIEWS", "WHOLE"]

_View = Callable[[Any], Any]


def _protocol(json: Mapping[str, Any]) -> Any:
    from seenat.memorization.protocol.protocol import Protocol

    return Protocol.from_json({name: value for name, value in json.items() if name != "id"})


def _point(json: Mapping[str, Any]) -> Any:
    from seenat.memorization.results.trajectory import Point

    values = {name: value for name, value in json.items() if name not in ("step", "seen", "memorized")}
    return Point(step=json["step"], seen=json["seen"], values=values, memorized=json.get("memorized"))


def _trajectory(answer: Any) -> Any:
    from seenat.memorization.results.trajectory import Trajectory

    return Trajectory(tuple(map(_point, answer.to_json()["points"])))


def _quantity(answer: Any) -> Any:
    from seenat.memorization.studies.inputs.quantities import Quantity

    return Quantity(answer.to_json()["quantity"], answer.protocol)


def _job(answer: Any) -> Any:
    from seenat.memorization.jobs.status import Job

    return type(answer)(answer.to_json(), Job)


def _tokens(answer: Any) -> Any:
    import numpy as np

    ids = answer.to_json().get("tokens")
    return None if ids is None else np.asarray(ids)


def _order(answer: Any) -> Any:
    name = answer.to_json()["order"]
    return None if name is None else SimpleNamespace(name=name)


WHOLE: Mapping[str, Callable[[Mapping[str, Any]], Any]] = {"Protocol": _protocol, "Point": _point}
"""Values that are the library's own again, by the class's name."""

VIEWS: Mapping[tuple[str, str], _View] = {
    ("SequenceTrajectory", "trajectory"): _trajectory,
    ("SequenceTrajectory", "points"): lambda answer: answer.trajectory.points,
    ("ModelSummary", "training_order"): _order,
    ("ModelSummary", "schedule"): lambda answer: SimpleNamespace(saved=range(answer.to_json()["steps"])),
    ("BatchAnswer", "tokens"): _tokens,
    ("SequenceAnswer", "tokens"): _tokens,
    ("JobAnswer", "job"): _job,
    ("Job", "measurement"): lambda answer: SimpleNamespace(protocol=answer.protocol),
    ("BatchDispersion", "dispersion"): lambda answer: answer,
    ("CounterfactualProfile", "quantity"): _quantity,
    ("StepLabels", "quantity"): _quantity,
}
"""By the class's name and the attribute's."""
