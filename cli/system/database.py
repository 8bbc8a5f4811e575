"""Commands about the catalog's database: its schema, and copies of it."""

from __future__ import annotations

import click

from seenat.cli.framework.output import Output, json_option
from seenat.cli.system.keeping import backup, restore, verify

__all__ = ["db"]


@click.group()
def db() -> None:
    """Make, upgrade and check the catalog's database, copy it, and see that it is true.

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
    import seenat

    out = Output(as_json)
    answer = seenat.upgrade(talk=out.talk)
    if out.data(answer):
        return
    for change in answer.changes:
        out.line(change)
    was = "" if answer.changes or answer.before != answer.after else " and was up to date"
    out.line(f"The catalog {answer.catalog} has schema {answer.after}{was}.")


@db.command(short_help="Check that the catalog fits this version.")
@json_option
def check(as_json: bool) -> None:
    """Check that the catalog can be reached and fits this version; the exit code is 4 when its schema does not.

    \b
    Example:
      seenat db check
    """
    import seenat

    out = Output(as_json)
    answer = seenat.check_schema()
    if not out.data(answer):
        out.line(f"The catalog {answer.catalog} has schema {answer.schema}, which this version reads and writes.")


db.add_command(backup)
db.add_command(restore)
db.add_command(verify)
