"""The suites that ship with seenat: Pythia, as data.

registry/data/pythia.json was made from the facts of EleutherAI/pythia at commit a19eecb (15 November 2025): its README, the
YAML files under models/ and the model cards, with parameter counts recomputed from each architecture.
"""

from __future__ import annotations

import json
from importlib import resources
from typing import Any

from sqlalchemy import Connection

from seenat.registry.facts import CheckpointFacts, FileFacts, ModelFacts, OrderFacts, ParameterCount, SuiteFacts
from seenat.registry.recording import record_suite
from seenat.registry.schedule import Schedule

__all__ = ["BUILT_IN", "builtin_suites", "record_builtin_suites"]


BUILT_IN = "built-in"
"""The origin of a suite that ships with seenat."""


def builtin_suites() -> tuple[SuiteFacts, ...]:
    """Every suite of the package data."""
    data = json.loads(resources.files("seenat.registry").joinpath("data", "pythia.json").read_text("utf-8"))
    return (_suite(data),)


def record_builtin_suites(connection: Connection) -> tuple[str, ...]:
    """Bring the catalog to what this version of seenat knows; facts change in place, results stay."""
    return tuple(change for suite in builtin_suites() for change in record_suite(connection, suite, replace=True))


def _suite(data: dict[str, Any]) -> SuiteFacts:
    return SuiteFacts(
        name=data["suite"],
        origin=BUILT_IN,
        provenance={"source": data["source"]},
        orders=tuple(_order(order) for order in data["orders"]),
        models=tuple(_model(model, data["schedules"]) for model in data["models"]),
    )


def _order(data: dict[str, Any]) -> OrderFacts:
    return OrderFacts(**{**data, "files": tuple(FileFacts(**file) for file in data["files"])})


def _model(data: dict[str, Any], schedules: dict[str, dict[str, Any]]) -> ModelFacts:
    schedule = Schedule(**{**schedules[data["schedule"]], "saved": tuple(schedules[data["schedule"]]["saved"])})
    return ModelFacts(
        **{
            **data,
            "schedule": schedule,
            "parameters": ParameterCount(**data["parameters"]),
            "aliases": tuple(data["aliases"]),
            "checkpoints": tuple(CheckpointFacts(step=step) for step in schedule.saved),
        }
    )
