"""Making and upgrading the schema: Alembic's revisions, over a connection and within a transaction of the caller's."""

from __future__ import annotations

from collections.abc import Callable

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import Connection

from seenat.registry.database.engine import HEAD, Database

__all__ = ["alembic_config", "migrate"]


def alembic_config(connection: Connection) -> Config:
    """Alembic's configuration for the revisions of this package over one connection."""
    config = Config()
    config.set_main_option("script_location", "seenat:migrations")
    config.attributes["connection"] = connection
    return config


def migrate(database: Database, connection: Connection, talk: Callable[[str], None] = lambda _: None) -> str | None:
    """Bring the schema to the newest revision; returns the one before, None for an empty database.

    Raises `StaleSchema` for a schema that is newer than this version, or that no version makes.
    """
    before = database.revision(connection)
    if before is not None:
        database.check_upgradable(before)
    if before != HEAD:
        talk(f"upgrading the schema from {before or 'nothing'} to {HEAD}")
        try:
            command.upgrade(alembic_config(connection), "head")
        except CommandError as error:  # It finds no revision of this name.
            raise database.foreign_schema(str(before)) from error
    return before
