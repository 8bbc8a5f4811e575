"""The schema of a catalog's database: making it, bringing it up to date, checking that it fits this version."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass

from seenat.registry.answer import Answer

__all__ = ["SchemaAnswer", "UpgradeAnswer", "check_schema", "upgrade"]


@dataclass(frozen=True, kw_only=True)
class UpgradeAnswer(Answer):
    """What an upgrade did to a catalog."""

    catalog: str
    before: str | None
    """The schema's revision before; None for a new catalog."""
    after: str
    changes: tuple[str, ...]
    """What changed among the built-in suites, a sentence each."""


@dataclass(frozen=True, kw_only=True)
class SchemaAnswer(Answer):
    """A catalog that fits this version."""

    catalog: str
    schema: str
    """The schema's revision."""


def upgrade(url: str | None = None, *, talk: Callable[[str], None] = lambda _: None) -> UpgradeAnswer:
    """Bring a catalog's schema and built-in suites to this version, or make it; a call again changes nothing.

    `url` is that of `seenat.open`. `talk` gets a sentence before each part of the work. Raises `DatabaseUnavailable`, and
    `StaleSchema` for a catalog that a newer version has made.
    """
    from seenat.memorization.results.refresh import refresh_stale_onsets
    from seenat.registry.catalog.catalog import Catalog
    from seenat.registry.database.engine import Database, parse_url
    from seenat.registry.open import upgrade as run

    with closing(Database(parse_url(url))) as database:
        done = run(database, talk)
        refresh_stale_onsets(Catalog(database))  # An upgrade marks what an older version may have left stale.
        return UpgradeAnswer(catalog=str(database), before=done.before, after=done.after, changes=done.changes)


def check_schema(url: str | None = None) -> SchemaAnswer:
    """Check that a catalog can be reached and fits this version.

    `url` is that of `seenat.open`. Raises `StaleSchema` where the schema does not fit, `DatabaseUnavailable`.
    """
    from seenat.registry.database.engine import HEAD, Database, parse_url

    with closing(Database(parse_url(url))) as database:
        with database.read() as connection:
            database.check_schema(connection)
        return SchemaAnswer(catalog=str(database), schema=HEAD)
