"""`seenat doctor`: what is installed and what can be reached, for the user and for bug reports."""

from __future__ import annotations

import click

from seenat.cli.framework.output import Output, json_option
from seenat.cli.framework.terminal import Line

__all__ = ["doctor"]


@click.command()
@json_option
def doctor(as_json: bool) -> None:
    """Show versions, the catalog, the folders and the devices that seenat would use, and problems with them.

    \b
    Example:
      seenat doctor --json
    """
    from seenat.cli.system.diagnosis import diagnose

    out = Output(as_json)
    diagnosis = diagnose()
    if out.data(diagnosis):
        return
    out.facts(diagnosis.seenat.to_json().items())
    out.line()
    out.table(
        ("<package", "<version", "<needed for"),
        ((package.name, package.version or "not installed", package.use) for package in diagnosis.packages),
    )
    if diagnosis.problems:
        out.line()
    for problem in diagnosis.problems:
        out.line(Line(f"Problem: {problem}", len("Problem:"), "red"))
