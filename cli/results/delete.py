"""Commands that delete what was measured. Each says what would go, and does it only with `--yes`."""

from __future__ import annotations

import click

from seenat.cli.framework.deletions import show_deletion, yes_option
from seenat.cli.framework.output import Output, json_option
from seenat.cli.framework.params import MODEL, ORDER, Count, open_catalog

__all__ = ["delete"]


@click.group()
def delete() -> None:
    """Delete what was measured of a model, a job, or a label. Without --yes nothing is deleted, and what would be is told.

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


@delete.command(name="label", short_help="A label of an order.")
@click.argument("name", metavar="ORDER", type=ORDER)
@click.argument("label", metavar="LABEL")
@yes_option
@json_option
def delete_label(name: str, label: str, yes: bool, as_json: bool) -> None:
    """Delete a label of an order. Without --yes nothing is deleted, and what would be is told.

    \b
    Example:
      seenat delete label pocket-order subset
    """
    with open_catalog() as catalog:
        deletion = catalog.delete_label(name, label, yes=yes)
    out = Output(as_json)
    if not out.data(deletion):
        out.line(
            f"{'Deleted' if deletion.done else 'This would delete'} the label {deletion.label} of {deletion.order}:"
        )
        out.facts(
            [("values", deletion.values), ("sequences", f"{deletion.sequences:,}"), ("bytes", f"{deletion.bytes:,}")]
        )
    if not deletion.done:
        out.talk("Nothing was deleted; --yes does it.")


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
