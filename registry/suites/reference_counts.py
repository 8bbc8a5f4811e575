"""Published counts of memorized sequences, as package data: what to put a count of one's own beside.

`registry/data/reference_counts.json` holds them by the model whose weights were most likely measured. A count of a model
that the catalog does not have is passed over.
"""

from __future__ import annotations

import json
from importlib import resources
from typing import Any

from sqlalchemy import Connection, delete, insert, select

from seenat.registry.database.tables.catalog import models
from seenat.registry.database.tables.imports import reference_counts

__all__ = ["record_reference_counts"]


def record_reference_counts(connection: Connection) -> tuple[str, ...]:
    """Bring the published counts to what this version ships; returns a sentence if that changed something."""
    ids = {row.name: row.id for row in connection.execute(select(models.c.name, models.c.id))}
    rows = _rows(ids)
    stored = [dict(row._mapping) for row in connection.execute(select(reference_counts))]
    if sorted(stored, key=_key) == sorted(rows, key=_key):
        return ()
    connection.execute(delete(reference_counts))
    if rows:
        connection.execute(insert(reference_counts), rows)
    return (f"published counts of memorized sequences: {len(rows)} of {len({row['model_id'] for row in rows})} models",)


def _rows(ids: dict[str, int]) -> list[dict[str, Any]]:
    text = resources.files("seenat.registry").joinpath("data", "reference_counts.json").read_text("utf-8")
    shipped = json.loads(text)
    return [
        {
            "model_id": ids[count["model"]],
            "step": count["step"],
            "memorized": count["memorized"],
            "sequences": count["sequences"],
            "source": count.get("source", shipped["source"]).replace("{split}", count["split"]),
            "note": shipped["note"],
        }
        for count in shipped["counts"]
        if count["model"] in ids
    ]


def _key(row: dict[str, Any]) -> tuple[int, int]:
    return row["model_id"], row["step"]
