"""`seenat doctor`: what is installed and what can be reached, for the user and for bug reports."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from seenat.cli.framework.output import Output, json_option
from seenat.cli.framework.terminal import Line
from seenat.registry.errors import SeenatError

if TYPE_CHECKING:
    from seenat.cli.system.diagnosis import Diagnosis

__all__ = ["doctor"]


@click.command()
@json_option
def doctor(as_json: bool) -> None:
    """Show versions, the catalog, the folders and the devices that seenat would use, and problems with them.

    The exit code is 1 where there is a problem.

    \b
    Example:
      seenat doctor --json
    """
    from seenat.cli.system.diagnosis import diagnose

    out = Output(as_json)
    diagnosis = diagnose()
    if not out.data(diagnosis):
        _show(out, diagnosis)
    if diagnosis.problems:
        found = "1 problem was" if len(diagnosis.problems) == 1 else f"{len(diagnosis.problems)} problems were"
        raise SeenatError(f"{found} found; mend what the answer names, then ask again.")


def _show(out: Output, diagnosis: Diagnosis) -> None:
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
