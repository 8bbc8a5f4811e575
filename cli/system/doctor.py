"""`seenat doctor`: what is installed and what can be reached, for the person and for bug reports."""

from __future__ import annotations

import click

from seenat.cli.framework.output import Output, json_option

__all__ = ["doctor"]


@click.command()
@json_option
def doctor(as_json: bool) -> None:
    """Show versions, the catalog, the folders and the devices that seenat would use, and what is wrong with them.

    \b
    Example:
      seenat doctor --json
    """
    from seenat.cli.system.diagnosis import diagnose

    out = Output(as_json)
    found = diagnose()
    if out.data(found):
        return
    out.facts(found["seenat"].items())
    out.line()
    out.table(
        ("<package", "<version", "<needed for"),
        ((row["name"], row["version"] or "not installed", row["for"]) for row in found["packages"]),
    )
    if found["problems"]:
        out.line()
    for problem in found["problems"]:
        out.line(f"{click.style('Problem:', fg='red')} {problem}")
