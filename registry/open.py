"""Opening a catalog: make it, migrate it, and fill it with what ships with seenat. The one module that knows all the others.

with open_catalog() as catalog:
    catalog.model("pythia-70m")
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from seenat.registry.catalog.catalog import Catalog
from seenat.registry.database.engine import HEAD, Database, parse_url

__all__ = ["Upgrade", "open_catalog", "upgrade"]


def open_catalog(url: str | None = None, talk: Callable[[str], None] = lambda _: None, threads: int = 2) -> Catalog:
    """Open the catalog at a URL or path, or the embedded one.

    A SQLite catalog that does not exist yet is made at once, and `talk` gets a sentence about it; any other that does not
    fit raises `StaleSchema`. `threads` is how many ask at the same time.
    """
    database = Database(parse_url(url), threads)
    try:
        _prepare(database, talk)
    except BaseException:
        database.close()
        raise
    return Catalog(database)


def _prepare(database: Database, talk: Callable[[str], None]) -> None:
    with database.read() as connection:
        # Read once: asking again in check_schema was two statements more for every command.
        revision = database.revision(connection)
        empty = database.is_sqlite and revision is None
        if not empty:
            database.check_revision(revision)
    if empty:
        talk(f"making the catalog {database}")
        upgrade(database)


@dataclass(frozen=True, kw_only=True)
class Upgrade:
    """What an upgrade did."""

    before: str | None
    """The schema's revision before; None for a new catalog."""
    after: str
    changes: tuple[str, ...]
    """What changed among the built-in suites, a sentence each."""


def upgrade(database: Database, talk: Callable[[str], None] = lambda _: None) -> Upgrade:
    """Bring a catalog to the newest schema and its built-in suites to the facts of this version.

    Both happen in one write transaction, so that a catalog is either as it was or wholly new. Running it again changes
    nothing.
    """
    # Most look-ups upgrade nothing, and Alembic alone costs more than they do.
    from seenat.registry.database.schema import migrate
    from seenat.registry.integrity.known_issues import record_known_issues
    from seenat.registry.suites.builtin import record_builtin_suites

    with database.write() as connection:
        before = migrate(database, connection, talk)
        talk("recording the built-in suites")
        changes = record_builtin_suites(connection)
        record_known_issues(connection)
    return Upgrade(before=before, after=HEAD, changes=changes)
