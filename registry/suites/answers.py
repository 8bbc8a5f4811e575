"""Suites as answers: what was registered together, and where it is from."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Table, select

from seenat.registry.answer import Answer
from seenat.registry.database.tables.catalog import models, orders, suites

__all__ = ["SuiteAnswer", "suite_answers"]


@dataclass(frozen=True, kw_only=True)
class SuiteAnswer(Answer):
    """A named set of orders and models that was registered together."""

    name: str
    origin: str
    """The path of its SUITE.toml, or `built-in`."""
    orders: tuple[str, ...]
    models: tuple[str, ...]
    """As the suite lists them."""
    provenance: Mapping[str, Any]
    """What it says of where its facts are from."""


def suite_answers(connection: Connection) -> tuple[SuiteAnswer, ...]:
    """All suites, those registered first first."""
    held_orders, held_models = _names_by_suite(connection, orders), _names_by_suite(connection, models)
    return tuple(
        SuiteAnswer(
            name=row.name,
            origin=row.origin,
            orders=tuple(held_orders[row.id]),
            models=tuple(held_models[row.id]),
            provenance=row.provenance,
        )
        for row in connection.execute(select(suites).order_by(suites.c.id))
    )


def _names_by_suite(connection: Connection, table: Table) -> dict[int, list[str]]:
    names = defaultdict(list)
    for row in connection.execute(select(table.c.suite_id, table.c.name).order_by(table.c.id)):
        names[row.suite_id].append(row.name)
    return names
