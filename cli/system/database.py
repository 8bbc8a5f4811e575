"""Commands about the catalog's database: its schema."""

from __future__ import annotations

from contextlib import closing

import click

from seenat.cli.framework.output import Output, json_option

__all__ = ["db"]


@click.group()
def db() -> None:
    """Make, upgrade and check the catalog's database.

    \b
    Example:
      seenat db check
    """


@db.command(short_help="Bring the schema and the built-in suites up to date.")
@json_option
def upgrade(as_json: bool) -> None:
    """Bring the schema and the built-in suites to this version; running it again changes nothing.

    \b
    Examples:
      seenat db upgrade
      SEENAT_DATABASE_URL=postgresql://user@host/seenat seenat db upgrade
    """
    from seenat.registry.database.engine import Database, parse_url
    from seenat.registry.open import upgrade as run

    out = Output(as_json)
    with closing(Database(parse_url(None))) as database:
        done = run(database, out.talk)
    if out.data({"catalog": str(database), "before": done.before, "after": done.after, "changes": list(done.changes)}):
        return
    for change in done.changes:
        out.line(change)
    was = "" if done.changes or done.before != done.after else " and was up to date"
    out.line(f"The catalog {database} has schema {done.after}{was}.")


@db.command(short_help="Tell whether the catalog fits this version.")
@json_option
def check(as_json: bool) -> None:
    """Tell whether the catalog can be reached and fits this version; exit code 4 when its schema does not.

    \b
    Example:
      seenat db check
    """
    from seenat.registry.database.engine import HEAD, Database, parse_url

    out = Output(as_json)
    with closing(Database(parse_url(None))) as database, database.read() as connection:
        database.check_schema(connection)
    if not out.data({"catalog": str(database), "schema": HEAD}):
        out.line(f"The catalog {database} has schema {HEAD}, which this version reads and writes.")
