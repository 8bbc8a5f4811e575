"""Making and upgrading a catalog: Alembic's revisions, then the suites that ship with seenat.

Both in one write transaction, so that a catalog is either as it was or wholly new. Running it again changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection

from seenat.registry.database.engine import HEAD, Database
from seenat.registry.suites.builtin import record_builtin_suites

__all__ = ["Upgrade", "alembic_config", "upgrade"]


@dataclass(frozen=True, kw_only=True)
class Upgrade:
    """What an upgrade did."""

    before: str | None
    """The schema's revision before; None for a new catalog."""
    after: str
    changes: tuple[str, ...]
    """What changed among the built-in suites, a sentence each."""


def alembic_config(connection: Connection) -> Config:
    """Alembic's configuration for the revisions of this package over one connection."""
    config = Config()
    config.set_main_option("script_location", "seenat:migrations")
    config.attributes["connection"] = connection
    return config


def upgrade(database: Database, talk: Callable[[str], None] = lambda _: None) -> Upgrade:
    """Bring a catalog to the newest schema and its built-in suites to the facts of this version."""
    with database.write() as connection:
        before = database.revision(connection)
        if before is not None and before > HEAD:
            database.check_schema(connection)
        if before != HEAD:
            talk(f"upgrading the schema from {before or 'nothing'} to {HEAD}")
            command.upgrade(alembic_config(connection), "head")
        talk("recording the built-in suites")
        changes = record_builtin_suites(connection)
    return Upgrade(before=before, after=HEAD, changes=changes)
