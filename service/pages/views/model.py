"""A model: its parameters, what sources claim and dispute, its schedule, its curves and its checkpoints."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from seenat.registry.errors import NotFound, SeenatError
from seenat.service.pages.asking import Asked
from seenat.service.pages.charts import Drawn, drawn
from seenat.service.pages.page import Page
from seenat.service.pages.views.empty import Missing, missing
from seenat.service.pages.views.grid import GridRow, cell_of_status, heads_of

__all__ = ["MODEL_PAGE", "Dispute", "ModelView", "Task", "model_view"]

_TABLE_RATES = 8


@dataclass(frozen=True, kw_only=True)
class Dispute:
    """A field about which sources state something."""

    field: str
    claims: list[dict[str, Any]]

    @property
    def is_disputed(self) -> bool:
        """Whether they differ."""
        return len({str(claim["value"]) for claim in self.claims}) > 1


@dataclass(frozen=True, kw_only=True)
class Task:
    """A benchmark task by one metric and number of examples."""

    task: str
    metric: str
    shots: int
    results: int
    step: int
    value: float
    """At the last step."""


@dataclass(frozen=True, kw_only=True)
class ModelView:
    """A model as its page shows it."""

    model: dict[str, Any]
    """The catalog's answer."""
    disputes: list[Dispute]
    steps: list[int]
    heads: list[tuple[str, int]]
    row: GridRow
    rate: Drawn | None
    rates: list[dict[str, Any]]
    """Some rates, for a table."""
    onsets: dict[str, Any] | Missing
    onset: Drawn | None
    tasks: list[Task] | Missing
    task: str | None
    """The task that the curve shows."""
    curve: Drawn | None


def model_view(asked: Asked) -> ModelView:
    """The page of a model."""
    model = asked.ask("/models/{model}", model=asked.get("model"))
    name = model["name"]
    checkpoints = asked.ask("/models/{model}/checkpoints", model=name)
    onsets = _or_missing(asked, "/models/{model}/onsets", model=name, limit=0)
    evaluations = _or_missing(asked, "/models/{model}/evaluations", model=name)
    tasks = evaluations if isinstance(evaluations, Missing) else tasks_of(evaluations["results"])
    task = None if isinstance(tasks, Missing) or not tasks else asked.get("task", tasks[0].task)
    steps = [checkpoint["step"] for checkpoint in checkpoints]
    rates = model["learning_rates"]
    return ModelView(
        model=model,
        disputes=disputes_of(model["claims"]),
        steps=steps,
        heads=heads_of(steps),
        row=GridRow(model=name, cells=[cell_of_status(checkpoint) for checkpoint in checkpoints]),
        rate=drawn("learning-rate", model=name) if rates else None,
        rates=rates[:: max(1, len(rates) // _TABLE_RATES)],
        onsets=onsets,
        onset=None if isinstance(onsets, Missing) or not _has_shares(onsets) else drawn("onset", model=name, limit=0),
        tasks=tasks,
        task=task,
        curve=None if task is None else drawn("evaluations", model=name, task=task),
    )


def _or_missing(asked: Asked, path: str, **values: Any) -> Any:
    try:
        return asked.ask(path, **values)
    except NotFound as error:
        return missing(error)
    except SeenatError as error:
        return Missing(str(error))


def _has_shares(onsets: Mapping[str, Any]) -> bool:
    return any(count["share_at_least"] is not None for count in onsets["steps"])


def disputes_of(claims: Iterable[dict[str, Any]]) -> list[Dispute]:
    """Claims by field, disputed ones first."""
    found: dict[str, list[dict[str, Any]]] = {}
    for claim in claims:
        found.setdefault(claim["field"], []).append(claim)
    disputes = [Dispute(field=field, claims=stated) for field, stated in found.items()]
    return sorted(disputes, key=lambda dispute: not dispute.is_disputed)


def tasks_of(results: Sequence[Mapping[str, Any]]) -> list[Task]:
    """The last result of each task, metric and number of examples."""
    found: dict[tuple[str, str, int], list[Mapping[str, Any]]] = {}
    for result in results:
        found.setdefault((result["task"], result["metric"], result["shots"]), []).append(result)
    return [
        Task(
            task=task,
            metric=metric,
            shots=shots,
            results=len(values),
            step=values[-1]["step"],
            value=values[-1]["value"],
        )
        for (task, metric, shots), values in found.items()
    ]


MODEL_PAGE = Page(
    path="/models/{model}",
    template="model.html",
    view=model_view,
    shows=(
        "/models/{model}",
        "/models/{model}/checkpoints",
        "/models/{model}/onsets",
        "/models/{model}/evaluations",
    ),
    query=("task",),
)
