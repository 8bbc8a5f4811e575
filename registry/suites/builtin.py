"""The suites that ship with seenat: Pythia, as data.

registry/data/pythia.json was made from the facts of EleutherAI/pythia at commit a19eecb (15 November 2025): its README, the
YAML files under models/ and the model cards, with parameter counts recomputed from each architecture.
"""

from __future__ import annotations

import json
from importlib import resources
from typing import Any

from sqlalchemy import Connection

from seenat.registry.catalog.models import AliasSpec
from seenat.registry.catalog.order_tables import record_published_digests
from seenat.registry.catalog.specs import CheckpointSpec, ModelSpec, OrderSpec, SuiteSpec
from seenat.registry.checkpoints.files import FileRecord
from seenat.registry.checkpoints.parameters import ParameterCount
from seenat.registry.schedule import Schedule
from seenat.registry.suites.claims import record_shipped_claims
from seenat.registry.suites.reference_counts import record_reference_counts
from seenat.registry.suites.write import write_suite

__all__ = ["BUILT_IN", "builtin_suites", "record_builtin_suites"]


BUILT_IN = "built-in"
"""The origin of a suite that ships with seenat."""


def builtin_suites() -> tuple[SuiteSpec, ...]:
    """Every suite of the package data."""
    return (_suite(_data()),)


def record_builtin_suites(connection: Connection) -> tuple[str, ...]:
    """Bring the catalog to the facts of this version of seenat, in place; results and what was learned stay.

    Returns a sentence for each change.
    """
    changes = tuple(change for suite in builtin_suites() for change in write_suite(connection, suite, replace=True))
    record_shipped_claims(connection)
    record_reference_counts(connection)
    for order, digests in _data()["batch_digests"].items():
        record_published_digests(connection, order, digests)
    return changes


def _data() -> dict[str, Any]:
    text = resources.files("seenat.registry").joinpath("data", "pythia.json").read_text("utf-8")
    data: dict[str, Any] = json.loads(text)
    return data


def _suite(data: dict[str, Any]) -> SuiteSpec:
    return SuiteSpec(
        name=data["suite"],
        origin=BUILT_IN,
        provenance={"source": data["source"]},
        orders=tuple(_order(order) for order in data["orders"]),
        models=tuple(_model(model, data["schedules"]) for model in data["models"]),
    )


def _order(data: dict[str, Any]) -> OrderSpec:
    return OrderSpec(**{**data, "files": tuple(FileRecord(**file) for file in data["files"])})


def _model(data: dict[str, Any], schedules: dict[str, dict[str, Any]]) -> ModelSpec:
    schedule = Schedule(**{**schedules[data["schedule"]], "saved": tuple(schedules[data["schedule"]]["saved"])})
    return ModelSpec(
        **{
            **data,
            "schedule": schedule,
            "parameters": ParameterCount(**data["parameters"]),
            "aliases": tuple(AliasSpec(**alias) for alias in data["aliases"]),
            "notes": tuple(data["notes"]),
            "checkpoints": tuple(CheckpointSpec(step=step) for step in schedule.saved),
        }
    )
