"""The generation of the catalog: a number that grows in every transaction that changes what models and orders are made of.

A process that keeps models in memory compares this number and knows whether they are still what the database holds
(`seenat.registry.catalog.snapshot`). No module has to remember to raise it: every statement that reaches the database in a
write transaction passes by here, and those that write to one of `COUNTED_TABLES` are noticed by their text. Only
`bulk_insert`, which speaks to the driver itself, reports its table.
"""

from __future__ import annotations

import re
from typing import Any

from sqlalchemy import Connection, Engine, event, insert, inspect, update

from seenat.registry.database.tables.catalog import generations

__all__ = ["COUNTED_TABLES", "catalog_generation", "note_write", "raise_generation", "watch_writes"]

# Not `batches`, whose digests look-ups record, nor `revisions` and `claims`: nothing that is kept depends on them.
COUNTED_TABLES = frozenset(
    {"aliases", "checkpoint_files", "checkpoints", "evidence", "models", "orders", "suites", "token_files"}
)

_CATALOG = "catalog"
_CHANGED = "seenat_facts_changed"
_WRITE = re.compile(r'\s*(?:INSERT\s+INTO|UPDATE|DELETE\s+FROM)\s+"?(\w+)', re.IGNORECASE)
# As text: a reader asks for the number before each answer, and SQLAlchemy's own statement costs twice as much.
_NUMBER = f"SELECT number FROM {generations.name} WHERE name = '{_CATALOG}'"


def catalog_generation(connection: Connection) -> int:
    """The number of changes so far, as this transaction sees it."""
    return connection.exec_driver_sql(_NUMBER).scalar() or 0


def watch_writes(engine: Engine) -> None:
    """Notice each statement of this engine that writes to a counted table."""
    event.listen(engine, "before_cursor_execute", _notice)
    event.listen(engine, "rollback", _forget)


def _forget(connection: Connection) -> None:
    # What is known of a connection that was lost goes with it; to ask for it would hide why it was lost.
    if not connection.invalidated:
        connection.info.pop(_CHANGED, None)


def _notice(connection: Connection, _cursor: Any, statement: str, *_rest: Any) -> None:
    if (match := _WRITE.match(statement)) is not None:
        note_write(connection, match[1])


def note_write(connection: Connection, table: str) -> None:
    """Remember that this transaction writes to a table."""
    if table in COUNTED_TABLES:
        connection.info[_CHANGED] = True


def raise_generation(connection: Connection) -> None:
    """Before a transaction commits: count it if it changed a fact. Schemas before 0004 have nothing to count in."""
    if not connection.info.pop(_CHANGED, False) or not inspect(connection).has_table(generations.name):
        return
    is_catalog = generations.c.name == _CATALOG
    if not connection.execute(update(generations).where(is_catalog).values(number=generations.c.number + 1)).rowcount:
        connection.execute(insert(generations).values(name=_CATALOG, number=1))
