"""Names that a shell completes: of models, orders and steps, read from the catalog's file alone.

A person waits for it at every press of a key. So nothing is imported for it but `sqlite3`: SQLAlchemy would take ten times as
long. A catalog in PostgreSQL or behind a service completes no names, and one that cannot be read completes none either.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

__all__ = ["MODELS", "MODELS_AND_ORDERS", "ORDERS", "completed", "steps_of"]

_MOST = 1000
_SECONDS = 0.2
MODELS = "SELECT name FROM models WHERE name LIKE ? ESCAPE '\\' ORDER BY id"
ORDERS = "SELECT name FROM orders WHERE name LIKE ? ESCAPE '\\' ORDER BY name"
MODELS_AND_ORDERS = (
    "SELECT name FROM (SELECT name, 0 AS kind, id FROM models UNION ALL SELECT name, 1, id FROM orders)"
    " WHERE name LIKE ? ESCAPE '\\' ORDER BY kind, id"
)
_STEPS = (
    "SELECT step FROM checkpoints WHERE model_id = (SELECT id FROM models WHERE lower(name) = lower(?1)"
    " UNION ALL SELECT model_id FROM aliases WHERE lower(name) = lower(?1)"
    " UNION ALL SELECT id FROM models WHERE lower(repository) = lower(?1) LIMIT 1) AND step LIKE ?2 ORDER BY step"
)


def completed(catalog: str | None, query: str, incomplete: str) -> list[CompletionItem]:
    """Names that begin with what is typed, in any case."""
    begin = incomplete.replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_")
    return _items(_read(catalog, query, [f"{begin}%"]))


def steps_of(catalog: str | None, model: str, incomplete: str) -> list[CompletionItem]:
    """Saved steps of a model that begin with what is typed, as numbers or as revisions."""
    prefix = "step" if incomplete.lower().startswith("step") else ""
    digits = incomplete[len(prefix) :]
    if digits and not digits.isdecimal():
        return []
    return _items(f"{prefix}{step}" for step in _read(catalog, _STEPS, [model, f"{digits}%"]))


def _items(names: Any) -> list[CompletionItem]:
    from click.shell_completion import CompletionItem

    return [CompletionItem(name) for name in names]


def _read(catalog: str | None, query: str, values: Sequence[str]) -> list[Any]:
    file = _file(catalog)
    if file is None:
        return []
    try:
        with closing(sqlite3.connect(f"file:{quote(str(file))}?mode=ro", uri=True, timeout=_SECONDS)) as connection:
            return [row[0] for row in connection.execute(f"{query} LIMIT {_MOST}", values)]
    except sqlite3.Error:
        return []


def _file(catalog: str | None) -> Path | None:
    from seenat.registry import settings
    from seenat.registry.errors import InvalidValue

    try:
        if catalog is None:
            return settings.home() / "catalog.sqlite"
    except InvalidValue:
        return None
    path = catalog.removeprefix("sqlite:///")
    return None if "://" in path else Path(path).expanduser()
