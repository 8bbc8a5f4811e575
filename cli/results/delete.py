"""Commands that delete what was measured. Each says what would go, and does it only with `--yes`."""

from __future__ import annotations

import click

from seenat.cli.framework.deletions import show_deletion, yes_option
from seenat.cli.framework.output import json_option
from seenat.cli.framework.params import MODEL, Count, open_catalog

__all__ = ["delete"]


@click.group()
def delete() -> None:
    """Delete what was measured of a model, or a job. Without --yes nothing is deleted, and what would be is told.

    \b
    Examples:
      seenat delete results pocket-230k
      seenat delete job 1
    """


@delete.command(name="results", short_help="The results of a model, and their jobs.")
@click.argument("name", metavar="MODEL", type=MODEL)
@click.option("--protocol", metavar="ID", help="Only those by the protocol whose id starts with ID.")
@yes_option
@json_option
def delete_results(name: str, protocol: str | None, yes: bool, as_json: bool) -> None:
    """Delete all that was measured of a model, or by one protocol, and the jobs that measured it.

    \b
    Examples:
      seenat delete results pocket-230k
      seenat delete results pocket-230k --protocol 243582cf555b
    """
    with open_catalog() as catalog:
        deletion = catalog.delete_results(name, protocol=protocol, yes=yes)
    show_deletion(deletion, as_json)


@delete.command(name="job", short_help="A job, and what it alone measured.")
@click.argument("id_", metavar="ID", type=Count("job"))
@yes_option
@json_option
def delete_job(id_: int, yes: bool, as_json: bool) -> None:
    """Delete a job, and what it measured and no other job has measured in too.

    \b
    Example:
      seenat delete job 1
    """
    with open_catalog() as catalog:
        deletion = catalog.delete_job(id_, yes=yes)
    show_deletion(deletion, as_json)
